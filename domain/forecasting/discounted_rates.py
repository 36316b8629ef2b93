"""Forecast model: each seller's rate of events, where older events count less.

The rate is (n + 1) / (tenure + 1 / mean rate of all sellers) with n the discounted number of events and `tenure` the
discounted days since the first record: the mean of a Gamma posterior with one event of an average seller as prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats
from domain.forecasting.forecast_model import EventHistory
from domain.forecasting.seasonality import DAYS_PER_MONTH

PRIOR_EVENTS: Final = 1.0  # prior weight, in events, of the average seller's rate


def shrink_rates(events: Floats, tenure: Floats, history: EventHistory) -> Floats:
    """Return each seller's rate of events, shrunk towards that of all sellers; 0 where none is expected.

    tenure  in any unit of time; sellers without any get the mean rate
    """
    expected = history.is_expected
    mean_rate = max(float(events[expected].sum()), 1e-6) / max(float(tenure[expected].sum()), 1e-6)
    return np.where(expected, (events + PRIOR_EVENTS) / (tenure + PRIOR_EVENTS / mean_rate), 0.0)


@dataclass(frozen=True)
class DiscountedRates:
    """Rates with a memory of so many months, after which an event counts half."""

    half_life_months: float

    def fit(self, history: EventHistory) -> FittedRates:
        half_life = DAYS_PER_MONTH * self.half_life_months
        weight_by_age = 0.5 ** (
            np.arange(history.day - history.first + 1) / half_life
        )  # powers are slow: one for each day
        events = history.totals(weight_by_age[history.day - history.days])
        days_there = np.maximum(0, history.day + 1 - history.start)
        tenure = half_life / np.log(2) * (1 - 0.5 ** (days_there / half_life))
        return FittedRates(shrink_rates(events, tenure, history))


@dataclass(frozen=True)
class FittedRates:
    """Rates that are the same for every window; shape (sellers,)."""

    rates: Floats

    def predict(self, first: int, last: int) -> Floats:
        return self.rates
