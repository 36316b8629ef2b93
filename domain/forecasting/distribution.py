"""Distribution of the amount that a group of sellers brings in a window."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats
from domain.forecasting.goal_calibration import UNCALIBRATED, GoalCalibration

_MAX_INTERVAL_RATIO: Final = 4  # p90 / p10 above which an interval is too wide


@dataclass(frozen=True)
class Distribution:
    """Distribution of the amount that a group of sellers wins, in the smallest unit.

    mean       exact, so that the means of parts add up to that of the whole
    from_open  the part of the mean that comes from deals open now
    draws      equally likely values in rising order; shape (DRAWS,)
    goal_calibration  corrects the probabilities of goals
    """

    mean: Fraction
    from_open: float
    draws: Floats
    goal_calibration: GoalCalibration = UNCALIBRATED

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The 10th, 50th and 90th percentile."""
        low, median, high = np.quantile(self.draws, (0.1, 0.5, 0.9))
        return float(low), float(median), float(high)

    def probability_of_at_least(self, amount: float) -> float:
        """Return the probability that the total is at least `amount`, as calibrated on the past."""
        return self.goal_calibration.correct_one(self.share_of_draws(amount))

    def share_of_draws(self, amount: float) -> float:
        """Return the share of the draws that are at least `amount`."""
        draws_below = int(self.draws.searchsorted(amount))
        return (len(self.draws) - draws_below) / len(self.draws)


def is_too_wide(low: float, high: float) -> bool:
    """Return whether the interval from p10 to p90 is too wide for normal confidence."""
    return high > _MAX_INTERVAL_RATIO * low


def exact_sum(draws: Floats) -> int:
    """Return the sum of draws, which are whole numbers, without rounding."""
    return int(draws.astype(np.int64).sum())
