"""Tests of the reliability of the probabilities of goals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from domain.forecasting.baselines import LAST_VALUE, MEAN_OF_3_MONTHS, BaselineForecast
from domain.forecasting.distribution import Distribution
from domain.forecasting.goal_chances import ChanceReliability, GoalChance, compute_reliability, list_goal_chances


def test_goals_are_near_the_results_on_which_plans_are_based() -> None:
    distribution = Distribution(Fraction(50), 0.0, np.arange(1.0, 101.0))
    baselines = [
        BaselineForecast(LAST_VALUE, 40.0, 0.0),
        BaselineForecast("seasonal mean", 70.0, 0.0),
        BaselineForecast(MEAN_OF_3_MONTHS, 0.0, 0.0),
    ]

    assert list_goal_chances(distribution, baselines) == (
        (32.0, 0.69, 0.69), (36.0, 0.65, 0.65), (40.0, 0.61, 0.61), (44.0, 0.57, 0.57), (50.0, 0.51, 0.51),
    )  # fmt: skip


def test_each_class_has_the_share_of_its_goals_that_was_reached() -> None:
    chances = [
        GoalChance(10.0, 0.7, 0.7),
        GoalChance(20.0, 0.75, 0.75),
        GoalChance(30.0, 0.8, 0.8),
        GoalChance(5.0, 1.0, 1.0),
    ]

    assert compute_reliability([(chances, 20.0), (chances[:2], 9.0)]) == [
        ChanceReliability(0.7, 0.8, 4, 0.725, 0.5),
        ChanceReliability(0.8, 0.9, 1, 0.8, 0.0),
        ChanceReliability(0.95, 1.0, 1, 1.0, 1.0),
    ]


def test_without_goals_there_is_no_class() -> None:
    assert compute_reliability([((), 20.0)]) == []
