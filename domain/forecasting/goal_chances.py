"""Reliability of the probabilities of goals: of the goals said to be reached with 70 to 80 %, how many were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from domain.forecasting.baselines import LAST_VALUE, MEAN_OF_3_MONTHS, BaselineForecast
from domain.forecasting.distribution import Distribution
from domain.forecasting.goal_calibration import TARGET_UPLIFTS

_TARGET_BASES: Final = frozenset({LAST_VALUE, MEAN_OF_3_MONTHS})  # on which plans are based
CHANCE_BOUNDS: Final = (0.0, 0.05, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class GoalChance(NamedTuple):
    """A target that a plan might have set, in the smallest unit, and the probability that it would be reached.

    uncalibrated  the share of the draws that reach it, before it was calibrated
    """

    target: float
    probability: float
    uncalibrated: float

    @property
    def as_drawn(self) -> GoalChance:
        """The same without calibration."""
        return GoalChance(self.target, self.uncalibrated, self.uncalibrated)


@dataclass(frozen=True)
class ChanceReliability:
    """Goals with a probability from `low` to below `high` (to 1 in the last class).

    count             how many goals these are
    mean_probability  of them, as it was said
    reached           the share of them that was reached
    """

    low: float
    high: float
    count: int
    mean_probability: float
    reached: float


def list_goal_chances(distribution: Distribution, baselines: Iterable[BaselineForecast]) -> tuple[GoalChance, ...]:
    """Return the probability of each target that lies up to 20 % below or 25 % above what plans are based on."""
    targets = [
        baseline.value * uplift
        for baseline in baselines
        if baseline.name in _TARGET_BASES and baseline.value > 0
        for uplift in TARGET_UPLIFTS
    ]
    return tuple(
        GoalChance(target, distribution.probability_of_at_least(target), distribution.share_of_draws(target))
        for target in targets
    )


def compute_reliability(chances_and_actuals: Iterable[tuple[Sequence[GoalChance], float]]) -> list[ChanceReliability]:
    """Return the reliability of each class of probabilities in which there are goals, in rising order.

    chances_and_actuals  the goals of each group and period, and the amount that it won then
    """
    outcomes = [
        (chance.probability, actual >= chance.target) for chances, actual in chances_and_actuals for chance in chances
    ]
    return [*_reliability_by_class(outcomes)]


def _reliability_by_class(outcomes: Sequence[tuple[float, bool]]) -> Iterator[ChanceReliability]:
    for low, high in pairwise(CHANCE_BOUNDS):
        members = [item for item in outcomes if low <= item[0] and (item[0] < high or high == CHANCE_BOUNDS[-1])]
        if members:
            probabilities, reached = zip(*members, strict=True)
            yield ChanceReliability(
                low, high, len(members), sum(probabilities) / len(members), sum(reached) / len(members)
            )
