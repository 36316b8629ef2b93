"""Calibration of the probabilities of goals: corrects what is said by what was said, and what came, at recent month ends.

The draws of a forecast may promise too much to goals that lie far above what is expected: the tail is too wide, or the
sellers that were lucky last month are expected to be so again. With p the probability as drawn, the corrected one is q:

    ln (q / (1 - q)) = a ln 2p - b ln 2(1 - p)

It rises with p, so a higher target never has a better chance; 0, 1 and one half stay what they are, so that the median
of a forecast is reached with one half. Both exponents are fitted by maximum likelihood with a normal prior around 1,
at which nothing is corrected: with few goals to learn from, little is.

Source: Kull, Silva Filho & Flach, "Beta calibration" (2017), of which this is the form with a fixed midpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, UInts, sum_by_index
from domain.forecasting.cooperative import Steps
from domain.forecasting.seasonality import first_day, last_day

TARGET_UPLIFTS: Final = (0.8, 0.9, 1.0, 1.1, 1.25)  # of the results on which plans are based
MAX_SELLERS: Final = 16  # sellers of a month end: they share its luck, so more would say little more, and cost draws
BASE_MONTHS: Final = 3  # months of the mean on which a plan is based, beside the last result
MONTH_WEIGHT: Final = 0.5  # of a goal for a month where a longer window is calibrated
_PRIOR_PRECISION: Final = 3.5  # of each exponent; 1 / variance
_MIN_EXPONENT, _MAX_EXPONENT = 0.5, 2.0
_MIN_PROBABILITY: Final = 0.002  # probabilities are taken to be this far from 0 and 1 when the exponents are fitted
_NEWTON_STEPS: Final = 12


@dataclass(frozen=True)
class GoalCalibration:
    """The exponents a and b by which the lower and the upper probabilities are corrected."""

    lower: float = 1.0
    upper: float = 1.0

    def correct(self, probabilities: Floats) -> Floats:
        """Return the corrected probabilities, rising with the given ones; shape of `probabilities`."""
        corrected = probabilities.astype(np.float64)
        is_open = (corrected > 0) & (corrected < 1)
        drawn = corrected[is_open]
        logits = self.lower * np.log(2 * drawn) - self.upper * np.log(2 * (1 - drawn))
        corrected[is_open] = 1 / (1 + np.exp(-logits))
        return corrected

    def correct_one(self, probability: float) -> float:
        return float(self.correct(np.array([probability]))[0])


UNCALIBRATED: Final = GoalCalibration()


@dataclass(frozen=True)
class PastGoals:
    """Goals of one past window that plans might have set, as seen before it; shape (sellers, goals) each.

    sellers        indexes of the sellers; shape (sellers,)
    targets        amounts to reach
    probabilities  to reach them, as drawn
    weight         what each counts for: goals of one seller, and of windows that overlap, say the same several times
    """

    sellers: Ints
    targets: Floats
    probabilities: Floats
    weight: float

    def compare_with(self, actual: Floats) -> GoalOutcomes:
        """Return what came of the goals.

        actual  what each seller of the company won in the window; shape (all sellers,)
        """
        reached = actual[self.sellers, np.newaxis] >= self.targets
        return GoalOutcomes(self.probabilities.ravel(), reached.ravel(), self.weight)


@dataclass(frozen=True)
class GoalOutcomes:
    """Goals of one past window, and whether they were reached; shape (goals,) each. `weight` as for `PastGoals`."""

    probabilities: Floats
    reached: Bools
    weight: float


@dataclass(frozen=True)
class PlanBases:
    """What plans of some sellers might have been based on before a window of `months` months.

    sellers  indexes of the sellers;  amounts  the last result, and the mean of three months; shape (2, sellers)
    """

    months: int
    sellers: Ints
    amounts: Floats


def find_plan_bases(
    month_index: Ints, seller: Ints, amount: Floats, months: int, history: int, seller_hashes: UInts
) -> PlanBases:
    """Return the bases of plans for some of the sellers that had results, always the same ones.

    month_index, seller, amount  results by month, -1 for the last one before the window; shape (n,) each
    months, history              months of the window, and months before it that were observed
    """
    size, first = len(seller_hashes), -min(max(months, BASE_MONTHS), history)
    is_counted = (month_index >= first) & (month_index < 0)
    cell = (month_index[is_counted] - first) * size + seller[is_counted]
    results = sum_by_index(cell, amount[is_counted], -first * size).reshape(-first, size)
    bases = months * np.stack([results[-months:].mean(axis=0), results[-BASE_MONTHS:].mean(axis=0)])
    sellers = np.argsort(seller_hashes)
    sellers = sellers[(bases[:, sellers] > 0).all(axis=0)][:MAX_SELLERS]
    return PlanBases(months, sellers, bases[:, sellers])


def list_past_goals(bases: PlanBases, draws: Floats) -> PastGoals:
    """Return the goals that lie up to 20 % below or 25 % above the bases.

    draws  of each of the sellers of `bases`, in rising order; shape (sellers, draws)
    """
    targets = np.concatenate([bases.amounts * uplift for uplift in TARGET_UPLIFTS]).T
    shares = [1 - row.searchsorted(limits) / len(row) for row, limits in zip(draws, targets, strict=True)]
    probabilities = np.array(shares).reshape(targets.shape)
    return PastGoals(bases.sellers, targets, probabilities, 1 / (targets.shape[1] * bases.months))


def fit_goal_calibration(windows: Sequence[GoalOutcomes]) -> GoalCalibration:
    """Fit the exponents to the goals of recent windows; without any goal, nothing is corrected."""
    if not sum(len(goals.reached) for goals in windows):
        return UNCALIBRATED
    predicted = np.clip(
        np.concatenate([goals.probabilities for goals in windows]), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY
    )
    reached = np.concatenate([goals.reached for goals in windows])
    weight = np.concatenate([np.full(len(goals.reached), goals.weight) for goals in windows])
    features = np.stack([np.log(2 * predicted), -np.log(2 * (1 - predicted))], axis=1)
    exponents = np.ones(2)
    for _ in range(_NEWTON_STEPS):
        fitted = 1 / (1 + np.exp(-(features @ exponents)))
        gradient = features.T @ (weight * (reached - fitted)) - _PRIOR_PRECISION * (exponents - 1)
        curvature = (features.T * (weight * fitted * (1 - fitted))) @ features + _PRIOR_PRECISION * np.eye(2)
        exponents = np.clip(exponents + np.linalg.solve(curvature, gradient), _MIN_EXPONENT, _MAX_EXPONENT)
    return GoalCalibration(*exponents.tolist())


def calibrate_on_windows(
    windows: Iterable[tuple[int, int, float]],
    past_goals: dict[tuple[int, int], PastGoals],
    measure: Callable[[int, int], Steps[PastGoals]],
    sum_results: Callable[[int, int], Floats],
) -> Steps[GoalCalibration]:
    """Fit the exponents to the goals of past windows.

    windows      the month before each window, its months, and its weight
    past_goals   what has been measured so far, by month and months; it is added to
    measure      measures the goals of a window, as known before it
    sum_results  returns what each seller won from one day to another
    """
    weighted = []
    for month, months, weight in windows:
        if (month, months) not in past_goals:
            past_goals[month, months] = yield from measure(month, months)
        outcomes = past_goals[month, months].compare_with(sum_results(first_day(month + 1), last_day(month + months)))
        weighted.append(replace(outcomes, weight=weight * outcomes.weight))
    return fit_goal_calibration(weighted)
