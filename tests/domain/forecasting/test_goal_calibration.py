"""Tests of the calibration of goal probabilities: what it learns, what it never changes, and that it looks at nothing later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_table import known_at
from domain.forecasting.forecast import FittedModel
from domain.forecasting.goal_calibration import (
    UNCALIBRATED,
    GoalCalibration,
    GoalOutcomes,
    find_plan_bases,
    fit_goal_calibration,
    list_past_goals,
)
from domain.forecasting.metric_forecast import FittedMetricModel
from domain.forecasting.past_goals import calibrate_goals
from domain.forecasting.seasonality import first_day, last_day, month_of
from domain.forecasting.training import ModelTrainer
from tests.domain.forecasting.generated_pipelines import company_with_changing_amounts
from tests.domain.forecasting.synthetic_companies import CALENDAR, START

SELLERS = [f"seller {n}" for n in range(12)]
ORIGIN = last_day(month_of(START) + 9)
GRID = np.linspace(0, 1, 1001)


def simulate_goals(goals: int, exponent: float, seed: int = 1) -> GoalOutcomes:
    """Return goals of which those below one half come with the odds raised to the exponent."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0.02, 0.98, goals)
    true = GoalCalibration(exponent, 1.0).correct(predicted)
    return GoalOutcomes(predicted, rng.random(goals) < true, 1.0)


def test_low_chances_that_seldom_came_are_lowered() -> None:
    calibration = fit_goal_calibration([simulate_goals(4000, 1.6)])

    assert calibration.lower == pytest.approx(1.6, abs=0.15)
    assert calibration.upper == pytest.approx(1.0, abs=0.15)
    assert calibration.correct_one(0.12) < 0.07


def test_thin_evidence_corrects_little() -> None:
    few, many = (fit_goal_calibration([replace(simulate_goals(4000, 1.6), weight=w)]) for w in (0.002, 1.0))

    assert 1 <= few.lower < 1.15 < many.lower
    assert fit_goal_calibration([]) == UNCALIBRATED


@pytest.mark.parametrize(
    "calibration", [GoalCalibration(2.0, 0.5), GoalCalibration(0.5, 2.0), GoalCalibration(1.3, 1.1)]
)
def test_calibrated_probabilities_rise_and_keep_what_is_decided(calibration: GoalCalibration) -> None:
    corrected = calibration.correct(GRID)

    assert (np.diff(corrected) > 0).all()
    assert (corrected[0], corrected[500], corrected[-1]) == (0.0, pytest.approx(0.5), 1.0)
    assert calibration.correct_one(0.1) == corrected[100]


def test_uncalibrated_probabilities_stay() -> None:
    assert UNCALIBRATED.correct(GRID) == pytest.approx(GRID, abs=1e-12)


def test_goals_are_near_the_last_result_and_the_mean_of_three_months() -> None:
    bases = find_plan_bases(
        np.array([-1, -1, -2, -4, 0]), np.array([0, 1, 0, 0, 0]), np.array([6.0, 5.0, 3.0, 100.0, 50.0]), 1, 9,
        np.array([2, 1, 3], dtype=np.uint64),
    )  # fmt: skip
    goals = list_past_goals(bases, np.tile(np.arange(1.0, 11.0), (2, 1)))
    outcomes = goals.compare_with(np.array([3.0, 5.0, 9.0]))

    assert bases.sellers.tolist() == [1, 0]  # the third has no result
    assert bases.amounts.tolist() == [[5.0, 6.0], [5 / 3, 3.0]]
    assert outcomes.probabilities[:4].tolist() == pytest.approx([0.7, 0.9, 0.6, 0.9])
    assert outcomes.reached.reshape(2, -1).sum(axis=1).tolist() == [8, 3]
    assert outcomes.weight == 0.1


def fit_model(table, before: FittedModel | None = None) -> FittedModel:
    deals = known_at(table, ORIGIN)
    trainer = ModelTrainer(
        deals, ORIGIN, CALENDAR, np.ones(12, dtype=np.bool_), before.trainer if before is not None else None
    )
    return FittedModel(trainer, deals, SELLERS, before=before)


def calibrate(model: FittedModel, months: int) -> GoalCalibration:
    month = month_of(ORIGIN)
    return run_to_completion(calibrate_goals(model, first_day(month + 1), last_day(month + months)))


@pytest.fixture(scope="module")
def table():
    return company_with_changing_amounts(3).table


@pytest.fixture(scope="module")
def fitted(table) -> FittedModel:
    model = fit_model(table)
    assert calibrate(model, 1) != UNCALIBRATED
    return model


def test_calibration_is_the_same_from_a_table_that_ends_at_the_origin(table, fitted: FittedModel) -> None:
    is_later = table.closed > ORIGIN
    masked = replace(
        table,
        closed=np.where(is_later, NEVER, table.closed),
        won=table.won & ~is_later,
        worth=np.where(is_later, np.nan, table.worth),
    ).select_rows(table.created <= ORIGIN)
    stated = masked.stated_worth.copy()
    stated[masked.undo.row[masked.undo.day > ORIGIN]] = masked.undo.value[masked.undo.day > ORIGIN]
    masked = replace(masked, stated_worth=stated, undo=masked.undo.select(masked.undo.day <= ORIGIN))

    assert calibrate(fit_model(masked), 1) == calibrate(fitted, 1)


def test_calibration_does_not_depend_on_amounts_of_deals_that_are_still_open(table, fitted: FittedModel) -> None:
    is_open = table.closed > ORIGIN
    other = replace(
        table,
        stated_worth=np.where(is_open, 7 * table.stated_worth, table.stated_worth),
        undo=table.undo.select(~is_open[table.undo.row]),
    )

    assert calibrate(fit_model(other), 1) == calibrate(fitted, 1)


def with_larger_win(table, row: int):
    worth = table.worth.copy()
    worth[row] *= 30
    return replace(table, worth=worth)


def with_late_win(table, row: int):
    """Return the table with an open deal won after all, and dated back to the middle of a month."""
    closed, won, worth = table.closed.copy(), table.won.copy(), table.worth.copy()
    closed[row], won[row], worth[row] = ORIGIN - 45, True, 30 * np.nanmax(table.worth)
    return replace(table, closed=closed, won=won, worth=worth)


@pytest.mark.parametrize("change", [with_larger_win, with_late_win])
def test_what_was_measured_is_taken_over_up_to_the_change_and_gives_the_same(
    change, table, fitted: FittedModel
) -> None:
    if change is with_larger_win:
        row = np.flatnonzero(table.won & (table.closed > ORIGIN - 50) & (table.closed < ORIGIN - 38))[0]
    else:
        is_candidate = (table.closed > ORIGIN) & (table.created < ORIGIN - 60) & (table.created > ORIGIN - 100)
        row = np.flatnonzero(is_candidate)[0]
    other = change(table, row)

    model = fit_model(other, before=fitted)

    assert 0 < len(model.past_goals) < len(fitted.past_goals)
    assert max(last_day(month) for month, _ in model.past_goals) == last_day(month_of(int(other.closed[row])) - 1)
    assert all(model.past_goals[key] is fitted.past_goals[key] for key in model.past_goals)
    assert calibrate(model, 1) == calibrate(fit_model(other), 1)


def test_probabilities_of_all_groups_are_calibrated_in_the_same_way(table, fitted: FittedModel) -> None:
    month = month_of(ORIGIN)
    calibration = GoalCalibration(1.5, 1.2)
    window = run_to_completion(
        fitted.compute_window(first_day(month + 1), last_day(month + 1), goal_calibration=calibration)
    )
    forecasts = window.forecast_sellers(known_at(table, ORIGIN))
    members = np.arange(12) < 4
    run_to_completion(forecasts.draw(members))
    distribution = forecasts.aggregate(members)
    amounts = np.quantile(distribution.draws, (0.0, 0.05, 0.5, 0.9, 0.99))

    probabilities = [distribution.probability_of_at_least(amount) for amount in amounts]

    shares = np.array([distribution.share_of_draws(amount) for amount in amounts])
    assert probabilities == calibration.correct(shares).tolist()
    assert probabilities == sorted(probabilities, reverse=True)
    assert distribution.probability_of_at_least(0) == 1.0
    assert distribution.probability_of_at_least(distribution.draws[-1] + 1) == 0.0


def test_probabilities_of_other_metrics_are_calibrated_on_their_own_history() -> None:
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(START, ORIGIN + 1), 3)
    amounts = rng.poisson(2.0, len(days)).astype(np.float64) + 1

    def fit(before: FittedMetricModel | None = None, day: int = ORIGIN) -> FittedMetricModel:
        is_known = days <= day
        return FittedMetricModel(
            days[is_known], np.arange(len(days))[is_known] % 3, amounts[is_known], is_count=True, day=day,
            calendar=CALENDAR, names=SELLERS[:3], active=np.ones(3, dtype=np.bool_), before=before,
        )  # fmt: skip

    def calibrate_metric(model: FittedMetricModel) -> GoalCalibration:
        first = model.day + 1
        return run_to_completion(model.compute_window(first, first + 29, np.ones(3))).goal_calibration

    earlier = fit(day=ORIGIN - 40)
    calibration = calibrate_metric(earlier)

    assert calibration != UNCALIBRATED
    assert calibrate_metric(fit(before=earlier)) == calibrate_metric(fit())
