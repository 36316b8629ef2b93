"""The protocol of forecast models: a model is one file, is fitted to a history and predicts any window after it.

Each model says how the events of a window are distributed over the sellers. Several of them are weighed by what they
would have said at recent month ends (`share_models`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index


@dataclass(frozen=True)
class EventHistory:
    """The events known at the end of `day`.

    days, amounts, sellers  ordinal, number of events and seller's index of each entry; shape (n,)
    first                   first observed day
    start                   first day with a record of each seller, not before `first`; shape (sellers,)
    is_expected             whether events are expected of each seller at all; shape (sellers,)
    """

    days: Ints
    amounts: Floats
    sellers: Ints
    first: int
    day: int
    start: Ints
    is_expected: Bools

    def totals(self, weights: Floats) -> Floats:
        """Return each seller's events with these weights of the entries; shape (sellers,)."""
        return sum_by_index(self.sellers, self.amounts * weights, len(self.start))


class FittedForecastModel(Protocol):
    """A model that has been fitted."""

    def predict(self, first: int, last: int) -> Floats:
        """Return the expected events of each seller from day `first` to day `last`, up to a common factor."""
        ...


class ForecastModel(Protocol):
    """A model before it has seen data."""

    def fit(self, history: EventHistory) -> FittedForecastModel:
        """Fit the model to what was known at the end of `history.day`."""
        ...
