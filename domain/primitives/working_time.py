"""Working time of a period at an instant: how much of it there is, and how much is over.

It is measured in quarters of an hour of the working hours. A period without any working time
counts calendar days instead, so that every period has a first and a last moment of its pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period

_HOUR: Final = timedelta(hours=1)
_QUARTERS_PER_HOUR: Final = 4


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """The working time of a period at an instant, of a company, a team or an employee.

    elapsed, total   in quarters of an hour, of a team summed over its members; in whole calendar days if
                     the period has no working time
    workdays         number of working days, or of calendar days
    workdays_left    those that are not over, including the running one
    staff            how many quarters one quarter of the running day's working hours adds: the number of
                     working members, 1 for a company without members, 0 on a day off
    """

    elapsed: int
    total: int
    workdays: int
    workdays_left: int
    staff: int = 0

    @property
    def has_half_day_elapsed(self) -> bool:
        """Whether at least half of an average working day of the period is over."""
        return self.elapsed > 0 and 2 * self.elapsed * self.workdays >= self.total


def company_working_time(period: Period, instant: datetime, calendar: Calendar) -> WorkingTime:
    """Return the working time of the period by the company's calendar alone."""
    today = calendar.day_of(instant)
    total = calendar.count_quarters(period.start, period.end)
    if not total:
        return calendar_days(period, today)
    return WorkingTime(
        elapsed_quarters(period, instant, calendar),
        total,
        calendar.count_workdays(period.start, period.end),
        calendar.count_workdays(max(period.start, today), period.end),
        int(period.contains(today) and calendar.is_workday(today)),
    )


def elapsed_quarters(period: Period, instant: datetime, calendar: Calendar) -> int:
    """Return the working time of the period that is over at the instant, in quarters of an hour."""
    today = calendar.day_of(instant)
    finished = calendar.count_quarters(period.start, min(period.end, today - timedelta(days=1)))
    return finished + (calendar.elapsed_quarters(instant) if period.contains(today) else 0)


def calendar_days(period: Period, today: date) -> WorkingTime:
    """Return the time of a period without working time, in calendar days; today is not over."""
    elapsed = min(max(0, (today - period.start).days), period.days)
    return WorkingTime(elapsed, period.days, period.days, period.days - elapsed)


def quarter_after(instant: datetime, quarters: int, calendar: Calendar) -> datetime | None:
    """Return the instant at which that many more quarters of the day's working hours are over; None if none are left."""
    day = calendar.day_of(instant)
    wanted = calendar.elapsed_quarters(instant) + quarters
    if wanted > calendar.count_quarters(day, day):
        return None
    return calendar.instant_of_quarter(day, wanted)


def share_of_day_left(instant: datetime, calendar: Calendar) -> float:
    """Return the part of the day's working hours that is not over, from 1 to 0; of a day off, of the day itself.

    It falls in steps of an hour, so that what is computed from it stays the same in between.
    """
    day = calendar.day_of(instant)
    total, elapsed = calendar.count_quarters(day, day), calendar.elapsed_quarters(instant)
    if total:
        return 0.0 if elapsed == total else 1 - elapsed // _QUARTERS_PER_HOUR * _QUARTERS_PER_HOUR / total
    start = calendar.start_of(day)
    return 1 - (instant - start) // _HOUR * _HOUR / (calendar.start_of(day + timedelta(days=1)) - start)


def next_share_of_day(instant: datetime, calendar: Calendar) -> datetime | None:
    """Return when `share_of_day_left` falls next on the day of the instant; None if it does not any more."""
    day = calendar.day_of(instant)
    total, elapsed = calendar.count_quarters(day, day), calendar.elapsed_quarters(instant)
    if total:
        next_step = min(total, (elapsed // _QUARTERS_PER_HOUR + 1) * _QUARTERS_PER_HOUR)
        return None if elapsed == total else calendar.instant_of_quarter(day, next_step)
    start = calendar.start_of(day)
    next_hour = start + ((instant - start) // _HOUR + 1) * _HOUR
    return next_hour if next_hour < calendar.start_of(day + timedelta(days=1)) else None
