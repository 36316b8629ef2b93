"""Forecast model: each seller's events at the same place of earlier cycles.

The window is moved back by one, two, three and four cycles: a seller's customers that order every three months do so
in a phase of the seller's own, which no season of the company shows.

Source: the seasonal naive and seasonal mean methods, Hyndman & Athanasopoulos, "Forecasting: Principles and Practice"
(2021), section 5.2, with discounted seasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats
from domain.forecasting.discounted_rates import shrink_rates
from domain.forecasting.forecast_model import EventHistory

_MAX_CYCLES: Final = 4
_DISCOUNT: Final = 0.7  # of the weight of each earlier cycle


@dataclass(frozen=True)
class OrderCycles:
    """Cycles of `days` days."""

    days: int

    def fit(self, history: EventHistory) -> FittedCycles:
        return FittedCycles(history, self.days)


@dataclass(frozen=True)
class FittedCycles:
    history: EventHistory
    days: int

    def predict(self, first: int, last: int) -> Floats:
        history = self.history
        weights, tenure = np.zeros(len(history.days)), np.zeros(len(history.start))
        latest = -(-(last - history.day) // self.days)  # whole cycles back until the window has been seen
        for number in range(_MAX_CYCLES):
            shift = (latest + number) * self.days
            if last - shift < history.first:
                break
            discount = _DISCOUNT**number
            weights += discount * ((history.days >= first - shift) & (history.days <= last - shift))
            tenure += discount * np.clip(last - shift + 1 - np.maximum(history.start, first - shift), 0, None)
        return shrink_rates(history.totals(weights), tenure, history)
