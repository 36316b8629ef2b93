"""Seasonality: days and months as numbers, and learnt weights of days.

A day is its ordinal (`date.toordinal()`), a month is counted from the year 0 (year × 12 + month − 1), so that the
next month is one more. Weekends and holidays usually bring less than working days; how much less is learnt from the
data, since shops and websites never close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.primitives.calendar import Calendar

MONTH: Final = 365.25 / 12  # length of an average month
_EPOCH: Final = date(1970, 1, 1).toordinal()
_TRUST: Final = 10.0  # prior weight, in events, of "all days are alike"


def months_of(days: Any) -> Ints:
    """Return the month number of each day (ordinals), in the same shape."""
    epoch_days = (np.asarray(days, dtype=np.int64) - _EPOCH).astype("datetime64[D]")
    return epoch_days.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def month_of(day: int) -> int:
    return int(months_of(day))


def first_day(month: int) -> int:
    """Return the ordinal of the month's first day."""
    return date(month // 12, month % 12 + 1, 1).toordinal()


def last_day(month: int) -> int:
    return first_day(month + 1) - 1


@lru_cache(maxsize=64)
def _working(calendar: Calendar, first: int, last: int) -> Bools:
    """Return whether each day from `first` to `last` is a working day; cached, since the calendar is slow."""
    return np.array([calendar.is_working(date.fromordinal(day)) for day in range(first, last + 1)], dtype=np.bool_)


@dataclass(frozen=True)
class Rhythm:
    """Weights of days by expected volume; 1 is the average day of the observed past.

    A weight depends only on whether the day is a working day and on its third of the month, so that little data
    suffices to learn it.

    day_off_weight       weight of a day off relative to a working day
    month_third_weights  weights of the days 1-10, 11-20, and 21 and later
    mean_weight          mean of the products of both over the observed past
    """

    calendar: Calendar
    free: float = 1.0
    thirds: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mean: float = 1.0

    def weights(self, first: int, last: int) -> Floats:
        """Return the weight of each day from `first` to `last`, both included; shape (last - first + 1,)."""
        weights = np.where(_working(self.calendar, first, last), 1.0, self.free)
        return weights * np.array(self.thirds)[_third(first, last)] / self.mean  # type: ignore[no-any-return]

    def exposure(self, months: Ints, first: int, last: int) -> Floats:
        """Return the weighted part of the days `first` to `last` in each month, in average months; shape of `months`.

        `months` are consecutive; a month without any of the days has 0.
        """
        if last < first:
            return np.zeros(len(months))
        of = months_of(np.arange(first, last + 1))
        inside = (of >= months[0]) & (of <= months[-1])
        weights = self.weights(first, last)[inside]
        return summed(of[inside] - months[0], weights, len(months)) / MONTH


def rhythm(calendar: Calendar, days: Ints, first: int, last: int, amounts: Floats | None = None) -> Rhythm:
    """Fit the weights to the days of events, all from `first` to `last`.

    amounts  number of events on each of `days`; None for one each

    Each ratio to the average rate is shrunk towards 1: (n + prior) / (expected n + prior).
    """
    worked, third = _working(calendar, first, last), _third(first, last)
    happened = summed(days - first, amounts, last - first + 1)
    per_worked = happened[worked].sum() / max(1, worked.sum())
    free = (happened[~worked].sum() + _TRUST) / (per_worked * (~worked).sum() + _TRUST)
    plain = np.where(worked, 1.0, free)
    per_plain = happened.sum() / plain.sum()
    of_third = summed(third, happened, 3)
    expected = summed(third, plain, 3) * per_plain
    thirds = (of_third + 3 * _TRUST) / (expected + 3 * _TRUST)
    return Rhythm(
        calendar,
        float(free),
        (float(thirds[0]), float(thirds[1]), float(thirds[2])),
        float((plain * thirds[third]).mean()),
    )


def _third(first: int, last: int) -> Ints:
    """Return the third of its month, 0 to 2, of each day from `first` to `last`."""
    days = np.arange(first, last + 1)
    of_month = (
        days
        - np.array([first_day(int(month)) for month in range(month_of(first), month_of(last) + 1)])[
            months_of(days) - month_of(first)
        ]
    )
    return np.minimum(of_month // 10, 2)  # type: ignore[no-any-return]
