"""Periods: days, weeks, months, quarters, years and custom ranges of days.

A period is given by its first and last day, both included; as instants it is half-open,
from midnight to the midnight after, in the company's zone. One period follows another by
index (the 24319th month is followed by the 24320th), never by adding days, so that no
period is skipped or counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from domain.messages import MessageError, MessageValue
from domain.primitives.calendar import Calendar
from domain.primitives.calendar_changes import SHORTEST_WEEK_DAYS

_DAY: Final = timedelta(days=1)
_MAX_OFFSET: Final = 1200
_MAX_CUSTOM_DAYS: Final = 3700  # ten years
_SUPPORTED_YEARS: Final = range(1900, 2201)


class PeriodKind(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"
    CUSTOM = "CUSTOM"


_MONTHS_PER_PERIOD: Final = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}


class InvalidPeriod(MessageError, ValueError):
    """An invalid period; the message says how to correct it, `field` which field of the input is wrong."""

    def __init__(self, message: str, field: str | None = None, **values: MessageValue) -> None:
        super().__init__(message, values)
        self.field = field


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` to `end`, both included; a period that ends on the day before its start is empty."""

    start: date
    end: date
    kind: PeriodKind

    @property
    def days(self) -> int:
        """Number of calendar days."""
        return (self.end - self.start).days + 1

    def contains(self, day: date) -> bool:
        return self.start <= day <= self.end


def period_containing(kind: PeriodKind, day: date, calendar: Calendar) -> Period:
    """Return the period of that kind that contains the day. Raises InvalidPeriod for CUSTOM, which is ambiguous."""
    match kind:
        case PeriodKind.CUSTOM:
            raise InvalidPeriod("A custom period needs its own days: give `start` and `end`.", "kind")
        case PeriodKind.DAY:
            return Period(day, day, kind)
        case PeriodKind.WEEK:
            return Period(*calendar.week_containing(day), kind)
        case _:
            return _period_of_months(kind, (day.year * 12 + day.month - 1) // _MONTHS_PER_PERIOD[kind])


def _period_of_months(kind: PeriodKind, index: int) -> Period:
    """Return the index-th month, quarter or year, counted from the year 0."""
    months = _MONTHS_PER_PERIOD[kind]
    first, next_first = index * months, (index + 1) * months
    end = date(next_first // 12, next_first % 12 + 1, 1) - _DAY
    return Period(date(first // 12, first % 12 + 1, 1), end, kind)


def shift_period(period: Period, n: int, calendar: Calendar) -> Period:
    """Return the n-th period of the same kind after this one (before it, if n is negative).

    CUSTOM periods are shifted by their own length, so that they follow each other without a gap.
    """
    match period.kind:
        case PeriodKind.CUSTOM:
            delta = timedelta(days=n * period.days)
            return Period(period.start + delta, period.end + delta, period.kind)
        case PeriodKind.DAY:
            return period_containing(period.kind, period.start + timedelta(days=n), calendar)
        case PeriodKind.WEEK:
            return _shift_week(period, n, calendar)
        case kind:
            return _period_of_months(
                kind, (period.start.year * 12 + period.start.month - 1) // _MONTHS_PER_PERIOD[kind] + n
            )


def _shift_week(week: Period, n: int, calendar: Calendar) -> Period:
    """Return the n-th week after this one; step by step, since weeks are of other lengths where their start changes."""
    if not calendar.earlier:
        return period_containing(week.kind, week.start + timedelta(weeks=n), calendar)
    for _ in range(abs(n)):
        week = period_containing(week.kind, week.end + _DAY if n > 0 else week.start - _DAY, calendar)
    return week


def period_after(end: date, kind: PeriodKind, calendar: Calendar) -> Period:
    """Return the period of the kind that begins on the day after `end`, the last day of one of that kind.

    After a week that is none of the calendar, because it was chosen before the first day of the week changed, it leads
    over to the weeks of the calendar and is the one nearest to seven days.
    """
    start = end + _DAY
    period = period_containing(kind, start, calendar)
    if period.start < start and (period.end - start).days + 1 < SHORTEST_WEEK_DAYS:
        period = shift_period(period, 1, calendar)
    return Period(start, period.end, kind)


def select_period(
    kind: PeriodKind,
    *,
    today: date,
    calendar: Calendar,
    on: date | None = None,
    offset: int = 0,
    start: date | None = None,
    end: date | None = None,
) -> Period:
    """Return the period that the fields of a PeriodInput select.

    on, offset  the period that contains `on` (today by default), shifted by `offset` periods
    start, end  the first and last day of a CUSTOM period, both included
    raises      InvalidPeriod for invalid or contradictory fields; nothing is guessed
    """
    if kind is PeriodKind.CUSTOM:
        if on is not None or offset:
            field = "offset" if on is None else "on"
            raise InvalidPeriod(
                "A custom period is its `start` and `end`: leave `{surplus}` out.", field, surplus=field
            )
        if start is None or end is None:
            raise InvalidPeriod(
                "Give the first and the last day of a custom period.", "start" if start is None else "end"
            )
        if end < start:
            raise InvalidPeriod("The last day lies before the first: swap `start` and `end`.", "end")
        if (end - start).days >= _MAX_CUSTOM_DAYS:
            raise InvalidPeriod(
                "A custom period has at most {days} days: bring `end` nearer.", "end", days=_MAX_CUSTOM_DAYS
            )
        return _check_supported_years(Period(start, end, kind), "start")
    if start is not None or end is not None:
        field = "end" if start is None else "start"
        raise InvalidPeriod("`start` and `end` are for kind CUSTOM: leave them out, or give `on`.", field)
    if abs(offset) > _MAX_OFFSET:
        raise InvalidPeriod("Give an offset from {least} to {most}.", "offset", least=-_MAX_OFFSET, most=_MAX_OFFSET)
    if on is not None and on.year not in _SUPPORTED_YEARS:
        raise InvalidPeriod(
            "Give a day between {first} and {last}.", "on", first=_SUPPORTED_YEARS[0], last=_SUPPORTED_YEARS[-1]
        )
    return _check_supported_years(
        shift_period(period_containing(kind, on or today, calendar), offset, calendar), "offset" if offset else "on"
    )


def _check_supported_years(period: Period, field: str) -> Period:
    if period.start.year not in _SUPPORTED_YEARS or period.end.year not in _SUPPORTED_YEARS:
        raise InvalidPeriod(
            "Choose a period between {first} and {last}.", field, first=_SUPPORTED_YEARS[0], last=_SUPPORTED_YEARS[-1]
        )
    return period


def count_workdays(period: Period, calendar: Calendar) -> int:
    """Return the number of working days of the period, possibly 0."""
    return calendar.count_workdays(period.start, period.end)


def count_elapsed_workdays(period: Period, today: date, calendar: Calendar) -> int:
    """Return the number of working days of the period that are over; today is not."""
    return calendar.count_workdays(period.start, min(period.end, today - _DAY))


def is_month_closed(day: date, *, today: date, calendar: Calendar, close_after_workdays: int | None) -> bool:
    """Return whether the calendar month of the day, its accounting period, is closed.

    A month closes once `close_after_workdays` whole working days have passed after its end: with 3, at midnight
    after the third working day of the next month; with 0, as soon as the month is over; with None, never.
    """
    if close_after_workdays is None:
        return False
    month_end = period_containing(PeriodKind.MONTH, day, calendar).end
    return today > month_end and today > calendar.add_workdays(month_end, close_after_workdays)
