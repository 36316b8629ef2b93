"""Days, months and quarters as numbers, for arrays of them; and how busy each day is.

A day is its ordinal (`date.toordinal()`), a month is counted from the year 0 (year × 12 +
month − 1), so that one month follows another by adding one. Weekends and holidays bring
less than working days do; how much less is learnt, since shops and websites never close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.primitives.calendar import Calendar

MONTH: Final = 365.25 / 12  # days of an average month
_EPOCH: Final = date(1970, 1, 1).toordinal()
_TRUST: Final = 10.0  # events after which a learnt quietness counts for as much as the assumption that there is none


def months_of(days: Any) -> Ints:
    """Return the month of each day; ordinals in, months since the year 0 out, of the same shape."""
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
    return np.array([calendar.is_working(date.fromordinal(day)) for day in range(first, last + 1)], dtype=np.bool_)


@dataclass(frozen=True)
class Rhythm:
    """How much a day weighs: 1 for a day like the average of the past.

    It is weighed by whether it is worked and by the third of the month it lies in, so that little data suffices.

    free    the weight of a day off, of that of a working day;  thirds  of days 1-10, 11-20, 21 and later
    mean    what the products of both were on average in the past
    """

    calendar: Calendar
    free: float = 1.0
    thirds: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mean: float = 1.0

    def weights(self, first: int, last: int) -> Floats:
        """Return the weight of each day from first to last, both included; shape (last - first + 1,)."""
        weights = np.where(_working(self.calendar, first, last), 1.0, self.free)
        return weights * np.array(self.thirds)[_third(first, last)] / self.mean  # type: ignore[no-any-return]

    def exposure(self, months: Ints, first: int, last: int) -> Floats:
        """Return how much of the stretch of days lies in each of the months, in average months; 0 where nothing does."""
        if last < first:
            return np.zeros(len(months))
        of = months_of(np.arange(first, last + 1))
        inside = (of >= months[0]) & (of <= months[-1])
        weights = self.weights(first, last)[inside]
        return summed(of[inside] - months[0], weights, len(months)) / MONTH


def rhythm(calendar: Calendar, days: Ints, first: int, last: int, amounts: Floats | None = None) -> Rhythm:
    """Learn the rhythm from the days on which something happened, all within first to last.

    amounts  how many times it happened then; None for once each

    Each rate over the average one is shrunk towards 1: (n + trust) / (expected n + trust).
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
    days = np.arange(first, last + 1)
    of_month = (
        days
        - np.array([first_day(int(month)) for month in range(month_of(first), month_of(last) + 1)])[
            months_of(days) - month_of(first)
        ]
    )
    return np.minimum(of_month // 10, 2)  # type: ignore[no-any-return]
