"""Plans of targets: from which past period a target starts, how much a newcomer carries, how a total is rounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind, period_containing, shift_period

_FEBRUARY: Final = 2
_PERIODS_PER_YEAR: Final = {  # of kinds that have as many in each year; weeks and days keep their weekday
    PeriodKind.DAY: 364,
    PeriodKind.WEEK: 52,
    PeriodKind.MONTH: 12,
    PeriodKind.QUARTER: 4,
    PeriodKind.YEAR: 1,
}


class PlanBase(StrEnum):
    """What the targets of a plan start from.

    LAST_TARGETS  the targets of the period before
    LAST_RESULTS  the results of the last period of the kind that is over
    LAST_YEAR     the results of the same period a year before
    MEAN          the mean result of the last periods of the kind that are over
    FORECAST      the median of the forecast
    TOTAL         a given total
    """

    LAST_TARGETS = "LAST_TARGETS"
    LAST_RESULTS = "LAST_RESULTS"
    LAST_YEAR = "LAST_YEAR"
    MEAN = "MEAN"
    FORECAST = "FORECAST"
    TOTAL = "TOTAL"


class PlanWeights(StrEnum):
    """In which proportion a plan splits a total among the sellers.

    EQUAL         evenly
    HISTORY       by their results in the periods of the base; in the last period, where it is none of results
    FORECAST      by the mean of their forecasts
    WORKING_TIME  by their own working time in the period
    GIVEN         by given weights
    """

    EQUAL = "EQUAL"
    HISTORY = "HISTORY"
    FORECAST = "FORECAST"
    WORKING_TIME = "WORKING_TIME"
    GIVEN = "GIVEN"


def last_period_over(period: Period, today: date, calendar: Calendar) -> Period:
    """Return the last period of the kind before `period` that is over: one that runs has no whole result yet."""
    if period.kind is PeriodKind.CUSTOM:
        return shift_period(period, -max(1, (period.end - today).days // period.days + 1), calendar)
    last_over = shift_period(period_containing(period.kind, today, calendar), -1, calendar)
    return min(last_over, shift_period(period, -1, calendar), key=lambda earlier: earlier.start)


def same_period_last_year(period: Period, calendar: Calendar) -> Period:
    """Return the same period a year before: of days and weeks, the one 52 weeks before; of a custom one, its dates."""
    if period.kind is PeriodKind.CUSTOM:
        return Period(_year_before(period.start), _year_before(period.end), period.kind)
    return shift_period(period, -_PERIODS_PER_YEAR[period.kind], calendar)


def _year_before(day: date) -> date:
    is_leap_day = (day.month, day.day) == (_FEBRUARY, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


def base_range(base: PlanBase, periods: int, period: Period, today: date, calendar: Calendar) -> Period | None:
    """Return the days of which a base takes the results; None for one that is none of results.

    periods  the number of periods of a MEAN
    """
    last = last_period_over(period, today, calendar)
    match base:
        case PlanBase.LAST_RESULTS:
            return last
        case PlanBase.LAST_YEAR:
            return same_period_last_year(period, calendar)
        case PlanBase.MEAN:
            return Period(shift_period(last, 1 - periods, calendar).start, last.end, PeriodKind.CUSTOM)
    return None


def count_full_months(joined_on: date, day: date) -> int:
    """Return how many full months there are from the day of joining to a day; 0 if that lies before it."""
    months = (day.year - joined_on.year) * 12 + day.month - joined_on.month - (day.day < joined_on.day)
    return max(0, months)


def ramp_share(ramp: Sequence[Fraction], joined_on: date | None, first_day: date) -> Fraction:
    """Return the share of a full weight that an employee carries in a period that begins on a day.

    ramp       shares in the first, second, … month since joining; afterwards it is the whole
    joined_on  None for employees who have always been there
    """
    if joined_on is None:
        return Fraction(1)
    months = count_full_months(joined_on, first_day)
    return ramp[months] if months < len(ramp) else Fraction(1)


def raise_and_round(base: Fraction, uplift_percent: Fraction, step: int) -> int:
    """Return the base raised by a percentage, rounded half up to a multiple of the step."""
    raised = base * (100 + uplift_percent) / 100
    return math.floor(raised / step + Fraction(1, 2)) * step


def to_integer_weights(weights: Sequence[Fraction]) -> list[int]:
    """Return whole numbers in the proportion of the weights; negative weights count as zero."""
    divisor = math.lcm(*{weight.denominator for weight in weights}) if weights else 1
    return [max(0, weight.numerator * (divisor // weight.denominator)) for weight in weights]
