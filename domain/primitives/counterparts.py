"""Counterparts: the part of the previous period that a period is compared with.

A period that is over is compared with the whole period of the same kind before it. A running one is compared
like with like: with the same number of finished working days, and of the running day with the same local time
of the day that corresponds to it, so that nothing that still runs is on one side alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import (
    Period,
    PeriodKind,
    count_elapsed_workdays,
    count_workdays,
    shift_period,
)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The days of the previous period that count in full, and the instant until which the day after them counts.

    days   of kind CUSTOM if the previous period is cut; empty, ending the day before its start, if no day counts in full
    until  an instant of the day after `days`, included; None if that day does not count
    """

    days: Period
    until: datetime | None = None

    @property
    def cut_day(self) -> date:
        """The day after the full ones, which counts until `until`."""
        return self.days.end + _DAY


def find_counterpart(period: Period, instant: datetime, calendar: Calendar) -> Counterpart:
    """Return what the period is compared with at the instant.

    It is the previous period of the same kind (for a CUSTOM one, the same number of days before). While the period
    runs, the day that corresponds to the running one is:

    - of a DAY, the last working day before it;
    - on a working day, the one after as many working days of the previous period as are over in the running one;
    - on a day off, as many days off after these as there are in the running one. If fewer follow, all of them count;
    - if either period has no working days, the day with the same number of calendar days before it.

    If the previous period ends before that day, it counts in full.
    """
    today = calendar.day_of(instant)
    previous = shift_period(period, -1, calendar)
    if not period.contains(today):
        return Counterpart(previous)
    if period.kind is PeriodKind.DAY and calendar.working_days:
        day = calendar.add_workdays(today, -1)
        return Counterpart(_days_before(day, day), calendar.same_time_on(day, instant))
    day, is_alike = _corresponding_day(period, previous, today, calendar)
    if day > previous.end:
        return Counterpart(previous)
    return Counterpart(_days_before(previous.start, day), calendar.same_time_on(day, instant) if is_alike else None)


def _days_before(start: date, day: date) -> Period:
    return Period(start, day - _DAY, PeriodKind.CUSTOM)


def _corresponding_day(period: Period, previous: Period, today: date, calendar: Calendar) -> tuple[date, bool]:
    """Return the day up to which the previous period counts, and whether it corresponds to today."""
    has_workdays = count_workdays(period, calendar) > 0 and count_workdays(previous, calendar) > 0
    if not has_workdays or not calendar.working_days:
        return previous.start + (today - period.start), True
    elapsed = count_elapsed_workdays(period, today, calendar)
    last_workday = calendar.add_workdays(previous.start - _DAY, elapsed)
    next_workday = calendar.add_workdays(last_workday, 1)
    if calendar.is_workday(today):
        return next_workday, True
    days_off = today - calendar.add_workdays(period.start - _DAY, elapsed)
    return (last_workday + days_off, True) if last_workday + days_off < next_workday else (next_workday, False)
