"""Daily volume model: forecasts how many events a window of days brings and which share of them each seller has.

It serves deals won, deals created, calls made and hours worked alike. A forecast as of a day uses only events up to
that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import count_model
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, summed
from domain.forecasting.count_model import Ahead, Counts
from domain.forecasting.seasonality import MONTH, Rhythm, last_day, month_of, months_of, rhythm
from domain.primitives.calendar import Calendar

IDLE: Final = 75  # a seller without a record for this many days is expected to bring nothing
_HALF_LIFE: Final = 9.0  # months after which a seller's events count half
_TRUST: Final = 1.0  # prior weight, in events, of the average seller's rate
_PART: Final = 0.3  # observed part of a month, from which the month is used
_BLOCKS_FROM: Final = 80  # days; longer windows are also forecast from blocks of their own length


@dataclass(frozen=True)
class Presence:
    """First and last day with a record of each seller; ordinals, shape (sellers,) each."""

    since: Ints
    touched: Ints


def presence(sellers: int, seller: Ints, day: Ints) -> Presence:
    """Return the activity of `sellers` sellers, given the seller and the day of each record.

    A seller without a record has the first day NEVER.
    """
    since, touched = np.full(sellers, NEVER), np.zeros(sellers, dtype=np.int64)
    np.minimum.at(since, seller, day)
    np.maximum.at(touched, seller, day)
    return Presence(since, touched)


class Tally:
    """Events by day and seller, and forecasts from them.

    days, amounts, sellers  ordinal, number of events and seller's index of each entry, in any order; shape (n,)
    first, day              first and last observed day; entries outside are ignored
    count                   number of sellers
    """

    def __init__(
        self, days: Ints, amounts: Floats, sellers: Ints, *, first: int, day: int, count: int, calendar: Calendar
    ) -> None:
        use = (days >= first) & (days <= day)
        self.days, self.amounts, self.sellers = days[use], amounts[use], sellers[use]
        self.first, self.day, self.count, self.calendar = first, day, count, calendar
        self._counts: dict[int, Counts] = {}
        self._ahead: dict[tuple[int, int, int, bool], Ahead] = {}

    @cached_property
    def rhythm(self) -> Rhythm:
        return rhythm(self.calendar, self.days, self.first, self.day, self.amounts)

    @cached_property
    def last_month(self) -> int:
        """The last complete month."""
        month = month_of(self.day)
        return month if self.day == last_day(month) else month - 1

    @cached_property
    def first_month(self) -> int:
        """The first month of which enough was observed to be used."""
        month = month_of(self.first)
        return month if last_day(month) - self.first + 1 >= _PART * MONTH else month + 1

    @property
    def complete_months(self) -> int:
        """Number of complete months observed; one observed from within its first five days on counts as complete."""
        return max(0, self.last_month - month_of(self.first + 25) + 1)

    def total(self, day: int) -> float:
        return float(self.amounts[self.days <= day].sum())

    def by_seller(self, first: int, last: int) -> Floats:
        """Return the number of events from day `first` to day `last`; shape (sellers,)."""
        use = (self.days >= first) & (self.days <= last)
        return summed(self.sellers[use], self.amounts[use], self.count)

    def counts(self, day: int) -> Counts:
        """Return the posterior of the monthly counts as known at the end of the day; cached."""
        if day not in self._counts:
            months = np.arange(month_of(self.first), month_of(day) + 1)
            looked = self.rhythm.exposure(months, self.first, day)
            use = looked >= _PART  # only the first and the last month can be less
            use |= ~use.any()
            known = self.days <= day
            month = months_of(self.days[known]) - months[0]
            seen = summed(month, self.amounts[known], len(months))
            self._counts[day] = count_model.counts(months[use], seen[use], np.maximum(looked[use], 1e-3))
        return self._counts[day]

    def ahead(self, day: int, first: int, last: int, *, blocks: bool = True) -> Ahead:
        """Return the forecast of the days from `first` to `last`, month by month, as known at the end of `day`; cached.

        blocks  also forecast a long window from blocks of its own length that end with `day` (temporal aggregation).
                A pattern within the window cannot mislead those. The result is the geometric mean of both forecasts.
        """
        key = (day, first, last, blocks)
        if key not in self._ahead:
            months = np.arange(month_of(first), month_of(last) + 1)
            found = self.counts(day).ahead(months, self.rhythm.exposure(months, first, last))
            self._ahead[key] = self._tied(found, day, first, last) if blocks else found
        return self._ahead[key]

    def _tied(self, found: Ahead, day: int, first: int, last: int) -> Ahead:
        length = last - first + 1
        if length < _BLOCKS_FROM or day - self.first + 1 < 2 * length:
            return found
        known = self.days <= day
        weights = self.rhythm.weights(self.first, day)
        seen, looked = count_model.blocks(self.days[known], self.amounts[known], weights, self.first, length)
        numbers = np.arange(len(seen))
        next_ = np.array([self.rhythm.weights(first, last).sum() / MONTH])
        by_block = count_model.counts(numbers, seen, looked, seasonal=False).ahead(numbers[-1:] + 1, next_)
        return Ahead(found.means * (by_block.total / found.total) ** 0.5, found.log_sd)

    def shares(self, day: int, seen: Presence, active: Bools) -> Floats:
        """Return each seller's share of the volume to come; shape (sellers,), sums to 1, or all 0 without sellers.

        The share is proportional to the discounted rate (n + 1) / (tenure + 1 / mean rate of all sellers), for
        sellers that are active and have a recent record; for others it is 0. `tenure` is in discounted months, since
        the first record.
        """
        known = self.days <= day
        weights = self.amounts[known] * 0.5 ** ((day - self.days[known]) / MONTH / _HALF_LIFE)
        n = summed(self.sellers[known], weights, self.count)
        days_there = np.maximum(0, day + 1 - np.maximum(seen.since, self.first))
        memory = _HALF_LIFE / np.log(2)
        tenure = memory * (1 - 0.5 ** (days_there / MONTH / _HALF_LIFE))
        there = active & (seen.touched > day - IDLE) & (tenure > 0)
        if not there.any():
            return np.zeros(self.count)
        pace = max(float(n[there].sum()), 1e-6) / float(tenure[there].sum())
        rate = np.where(there, (n + _TRUST) / (tenure + _TRUST / pace), 0.0)
        return rate / rate.sum()  # type: ignore[no-any-return]
