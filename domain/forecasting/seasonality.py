"""Seasonality: days and months as numbers, and learnt weights of days.

A day is its ordinal (`date.toordinal()`), a month is counted from the year 0 (year × 12 + month − 1), so that the
next month is one more. Weekends and holidays usually bring less than working days; how much less is learnt from the
data, since shops and websites never close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.primitives.calendar import Calendar

DAYS_PER_MONTH: Final = 365.25 / 12  # length of an average month
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_PRIOR_EVENTS: Final = 10.0  # prior weight, in events, of "all days are alike"
_WEIGHT_STEPS: Final = 100  # weights are whole multiples of one over this, and never 0


def months_of(days: ArrayLike) -> Ints:
    """Return the month number of each day (ordinals), in the same shape."""
    epoch_days = (np.asarray(days, dtype=np.int64) - _EPOCH_DAY).astype("datetime64[D]")
    return epoch_days.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def month_of(day: int) -> int:
    return int(months_of(day))


def first_day(month: int) -> int:
    """Return the ordinal of the month's first day."""
    return date(month // 12, month % 12 + 1, 1).toordinal()


def last_day(month: int) -> int:
    return first_day(month + 1) - 1


@lru_cache(maxsize=256)
def _working_days(calendar: Calendar, first: int, last: int) -> Bools:
    """Return whether each day from `first` to `last` is a working day; cached, since the calendar is slow."""
    return np.array([calendar.is_workday(date.fromordinal(day)) for day in range(first, last + 1)], dtype=np.bool_)


@dataclass(frozen=True)
class DayWeights:
    """Weights of days by expected volume; 1 is the average day of the observed past.

    A weight depends only on whether the day is a working day and on its third of the month, so that little data
    suffices to learn it.

    day_off_weight       weight of a day off relative to a working day
    month_third_weights  weights of the days 1-10, 11-20, and 21 and later
    mean_weight          mean of the products of both over the observed past
    """

    calendar: Calendar
    day_off_weight: float = 1.0
    month_third_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mean_weight: float = 1.0

    def compute_weights(self, first: int, last: int) -> Floats:
        """Return the weight of each day from `first` to `last`, both included; shape (last - first + 1,)."""
        weights = np.where(_working_days(self.calendar, first, last), 1.0, self.day_off_weight)
        return weights * np.array(self.month_third_weights)[_month_thirds(first, last)] / self.mean_weight  # type: ignore[no-any-return]

    def compute_exposure(self, months: Ints, first: int, last: int, first_day_share: float = 1.0) -> Floats:
        """Return the weighted part of the days `first` to `last` in each month, in average months; shape of `months`.

        `months` are consecutive; a month without any of the days has 0. Of the day `first` only a share counts.
        """
        if last < first:
            return np.zeros(len(months))
        day_months = months_of(np.arange(first, last + 1))
        is_inside = (day_months >= months[0]) & (day_months <= months[-1])
        weights = self.compute_weights(first, last)
        weights[0] *= first_day_share
        return sum_by_index(day_months[is_inside] - months[0], weights[is_inside], len(months)) / DAYS_PER_MONTH


def fit_day_weights(calendar: Calendar, days: Ints, first: int, last: int, amounts: Floats | None = None) -> DayWeights:
    """Fit the weights to the days of events, all from `first` to `last`.

    amounts  number of events on each of `days`; None for one each

    Each ratio to the average rate is shrunk towards 1: (n + prior) / (expected n + prior), and rounded to hundredths,
    about what 10,000 events can tell. So a single event seldom changes a weight, and what was learnt with these weights
    about earlier months need not be learnt again.
    """
    is_working, third = _working_days(calendar, first, last), _month_thirds(first, last)
    daily_counts = sum_by_index(days - first, amounts, last - first + 1)
    working_day_rate = daily_counts[is_working].sum() / max(1, is_working.sum())
    day_off_weight = _round_weights(
        (daily_counts[~is_working].sum() + _PRIOR_EVENTS) / (working_day_rate * (~is_working).sum() + _PRIOR_EVENTS)
    )
    unscaled = np.where(is_working, 1.0, day_off_weight)
    mean_rate = daily_counts.sum() / unscaled.sum()
    third_counts = sum_by_index(third, daily_counts, 3)
    expected = sum_by_index(third, unscaled, 3) * mean_rate
    third_weights = _round_weights((third_counts + 3 * _PRIOR_EVENTS) / (expected + 3 * _PRIOR_EVENTS))
    return DayWeights(
        calendar,
        float(day_off_weight),
        (float(third_weights[0]), float(third_weights[1]), float(third_weights[2])),
        float((unscaled * third_weights[third]).mean()),
    )


def _round_weights(weights: ArrayLike) -> Floats:
    return np.maximum(np.rint(np.asarray(weights) * _WEIGHT_STEPS), 1) / _WEIGHT_STEPS  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _month_thirds(first: int, last: int) -> Ints:
    """Return the third of its month, 0 to 2, of each day from `first` to `last`; cached, so it must not be changed."""
    days = np.arange(first, last + 1)
    day_of_month = (
        days
        - np.array([first_day(int(month)) for month in range(month_of(first), month_of(last) + 1)])[
            months_of(days) - month_of(first)
        ]
    )
    return np.minimum(day_of_month // 10, 2)  # type: ignore[no-any-return]
