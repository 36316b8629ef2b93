"""Forecast model: each seller's events in the last blocks of the window's own length.

A block that is as long as the window contains as many orders of every customer, whatever the phase of the orders, if
the window is a whole number of their cycles.

Source: Athanasopoulos et al., "Forecasting with temporal hierarchies" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.forecasting.arrays import Floats
from domain.forecasting.discounted_rates import shrink_rates
from domain.forecasting.forecast_model import EventHistory


@dataclass(frozen=True)
class WindowBlocks:
    """The last `count` blocks, of the same weight."""

    count: int

    def fit(self, history: EventHistory) -> FittedBlocks:
        return FittedBlocks(history, self.count)


@dataclass(frozen=True)
class FittedBlocks:
    history: EventHistory
    count: int

    def predict(self, first: int, last: int) -> Floats:
        history = self.history
        start = history.day - self.count * (last - first + 1)
        tenure = np.clip(history.day - np.maximum(history.start - 1, start), 0, None).astype(np.float64)
        return shrink_rates(history.totals((history.days > start).astype(np.float64)), tenure, history)
