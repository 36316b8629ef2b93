"""The company's calendar: the instants of midnight in its time zone, its working days and working hours.

Every period begins and ends at midnight of the company's zone. A day lasts from its first
instant to that of the next day: 23, 24 or 25 hours, or none at all if the zone skipped it.

Working time is measured in quarters of an hour by the clock on the wall, so a working day has
the same length on every day of the year. A quarter is over at the first instant at which the
clock shows its end; if clocks fall back during working hours, the repeated quarters count once.
Working days are counted by subtracting cumulative counts per year, since leaderboards and
goals count them often.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import cache, lru_cache
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from domain.primitives.calendar_changes import (
    WeekChange,
    ZoneChange,
    day_of_instant,
    first_instant_of_day,
    week_containing,
)
from domain.primitives.public_holidays import NO_PUBLIC_HOLIDAYS, public_holidays

MINUTES_PER_QUARTER: Final = 15
DEFAULT_WORKDAY_START: Final = 9 * 60
DEFAULT_WORKDAY_END: Final = 18 * 60

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_ALMOST_A_QUARTER: Final = timedelta(minutes=MINUTES_PER_QUARTER) - timedelta(microseconds=1)
_MACHINE_DEPENDENT_ZONES: Final = frozenset({"Factory", "localtime", "posixrules"})  # depend on the machine


class Weekday(IntEnum):
    """A day of the week, numbered as `date.weekday()` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Calendar:
    """Time zone, week, working hours and days off of a company.

    zone          IANA time zone name
    week_start    first day of a week
    working_days  the weekdays that are worked
    country       ISO 3166 code of the country that sets the public holidays; None for none
    region        code of a region with holidays of its own, one of `list_regions(country)`
    workday_start,
    workday_end   the working hours, in minutes after midnight by the local clock, multiples of 15; end after start
    days_off      the company's own days off
    days_on       the company's own working days, whatever their weekday and the public holidays
    earlier       (day, calendar) pairs by day: the calendar that held before that day, so that a change of settings
                  leaves the days before it as they were
    zone_changes  the changes of the time zone, by time
    """

    zone: str
    week_start: Weekday
    working_days: frozenset[Weekday]
    country: str | None
    region: str | None = None
    workday_start: int = DEFAULT_WORKDAY_START
    workday_end: int = DEFAULT_WORKDAY_END
    days_off: frozenset[date] = frozenset()
    days_on: frozenset[date] = frozenset()
    earlier: tuple[tuple[date, Calendar], ...] = ()
    zone_changes: tuple[ZoneChange, ...] = ()

    def day_of(self, instant: datetime) -> date:
        """Return the day that contains the instant. Raises ValueError for a naive datetime."""
        if instant.tzinfo is None:
            raise ValueError("An instant has a zone.")
        if self.zone_changes:
            return day_of_instant(self.zone_changes, self.zone, instant, _day_in_zone)
        return _day_in_zone(self.zone, instant)

    def start_of(self, day: date) -> datetime:
        """Return the first instant of the day in UTC: midnight, or the end of the clock change that skips it."""
        if self.zone_changes:
            return first_instant_of_day(self.zone_changes, self.zone, day, _start_of_day)
        return _start_of_day(self.zone, day)

    def same_time_on(self, day: date, instant: datetime) -> datetime:
        """Return the first instant of the day at which clocks show the same time as at the instant, or a later one.

        Clocks show the time of the zone that held then and on the day.
        """
        today = self.day_of(instant)
        local = instant.astimezone(ZoneInfo(self._zone_on(today)))
        clock_time = local.time() if local.date() == today else time()
        return max(self.start_of(day), _first_instant(ZoneInfo(self._zone_on(day)), datetime.combine(day, clock_time)))

    def _zone_on(self, day: date) -> str:
        return next((change.zone for change in self.zone_changes if day <= change.day), self.zone)

    def week_containing(self, day: date) -> tuple[date, date]:
        """Return the first and the last day of the week that contains the day."""
        if not self.earlier:
            return week_containing(day, self.week_start, ())
        calendars = [*(calendar for _, calendar in self.earlier), self]
        changes = [
            WeekChange(until, calendar.week_start)
            for (until, _), calendar in zip(self.earlier, calendars[1:], strict=True)
        ]
        return week_containing(day, calendars[0].week_start, changes)

    def is_workday(self, day: date) -> bool:
        """Return whether the day is worked: by the company's own days, else by the working week and public holidays."""
        before, n = _work_before(self, day.year).days, _day_of_year(day)
        return before[n + 1] > before[n]

    def count_workdays(self, first: date, last: date) -> int:
        """Return the number of working days from first to last, both included; 0 if last is before first."""
        return _sum_work(self, first, last, attrgetter("days"))

    def list_workdays(self, first: date, last: date) -> list[date]:
        """Return the working days from first to last, both included."""
        return list(_list_workdays(self, first, last))

    def count_quarters(self, first: date, last: date) -> int:
        """Return the working time of the days from first to last, both included, in quarters of an hour."""
        return _sum_work(self, first, last, attrgetter("quarters"))

    def elapsed_quarters(self, instant: datetime) -> int:
        """Return the working time of the day that contains the instant which is over by then, in quarters."""
        day = self.day_of(instant)
        return bisect_right(self._quarter_ends(day), instant) if self.is_workday(day) else 0

    def quarters_between(self, start: datetime, end: datetime) -> int:
        """Return the working time from one instant to a later one, in quarters that have ended between them."""
        finished = self.count_quarters(self.day_of(start), self.day_of(end) - _DAY)
        return finished + self.elapsed_quarters(end) - self.elapsed_quarters(start)

    def add_quarters(self, instant: datetime, quarters: int) -> datetime:
        """Return the instant at which that much more working time is over, at least one quarter.

        The part of a running quarter that is over before the instant counts in the last day's working hours: two hours
        after 17:04 end at 10:04 on the next working day, and one hour after 12:04 at 13:04.
        """
        day = self.day_of(instant)
        first_end = self.elapsed_quarters(instant)
        into_quarter = timedelta(0)
        if self.is_workday(day) and first_end < len(self._quarter_ends(day)):
            # Not more than the quarter, in which clocks may fall back; less than nothing before working hours.
            into_quarter = min(max(into_quarter, instant - self._quarter_start(day, first_end)), _ALMOST_A_QUARTER)
        quarters += first_end
        # A running quarter ends on the day of the last one: with a part of it, the end of the day is not reached yet.
        while quarters > (length := self.count_quarters(day, day)) or (into_quarter and quarters == length):
            quarters -= length
            day += _DAY
        return self._quarter_start(day, quarters) + into_quarter

    def _quarter_start(self, day: date, quarters: int) -> datetime:
        if quarters:
            return self.instant_of_quarter(day, quarters)
        start = datetime.combine(day, time()) + timedelta(minutes=self.calendar_on(day).workday_start)
        return _first_instant(ZoneInfo(self._zone_on(day)), start)

    def instant_of_quarter(self, day: date, quarters: int) -> datetime:
        """Return the first instant at which that many quarters of the working day are over; 1 up to all of them."""
        return self._quarter_ends(day)[quarters - 1]

    def calendar_on(self, day: date) -> Calendar:
        """Return the calendar with the settings that hold on the day: this one, or an earlier one."""
        return next((calendar for until, calendar in self.earlier if day < until), self)

    def _quarter_ends(self, day: date) -> tuple[datetime, ...]:
        settings = self.calendar_on(day)
        return _quarter_ends(self._zone_on(day), day, settings.workday_start, settings.workday_end)

    def add_workdays(self, day: date, n: int) -> date:
        """Return the n-th working day after the day, or before it if n is negative; the day itself for 0.

        Raises ValueError if the week has no working days.
        """
        if not self.working_days:
            raise ValueError("A week has at least one working day.")
        step = _DAY if n > 0 else -_DAY
        remaining = abs(n)
        while remaining:
            day += step
            remaining -= self.is_workday(day)
        return day


def _day_in_zone(zone: str, instant: datetime) -> date:
    local = instant.astimezone(ZoneInfo(zone))
    day = local.date()
    # If clocks fall back over midnight, the new day has already begun although they show the old one again.
    return day + _DAY if local.fold and instant >= _start_of_day(zone, day + _DAY) else day


def is_known_zone(name: str) -> bool:
    """Return whether a time zone of that IANA name exists."""
    return name in _zone_names()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_DEPENDENT_ZONES


@lru_cache(maxsize=4096)
def _start_of_day(zone: str, day: date) -> datetime:
    return _first_instant(ZoneInfo(zone), datetime.combine(day, time()))


def _first_instant(zone: ZoneInfo, clock_time: datetime) -> datetime:
    """Return the first instant in UTC at which clocks in the zone show this time, or a later one if they skip it."""
    local = clock_time.replace(tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == clock_time:
        return instant
    # A clock change skips this time, so it exists with neither offset: read with the offset after the
    # change it lies before the change, and vice versa. Bisect between both readings for the instant of the change.
    before, after = local.replace(fold=1).astimezone(UTC), instant
    offset_after = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=1024)
def _quarter_ends(zone: str, day: date, start: int, end: int) -> tuple[datetime, ...]:
    """Return the instants at which the quarters of the working hours of a day are over, in order."""
    midnight, zone_info = datetime.combine(day, time()), ZoneInfo(zone)
    minutes = range(start + MINUTES_PER_QUARTER, end + 1, MINUTES_PER_QUARTER)
    return tuple(_first_instant(zone_info, midnight + timedelta(minutes=minute)) for minute in minutes)


@lru_cache(maxsize=256)  # every goal of a period lists the same days
def _list_workdays(calendar: Calendar, first: date, last: date) -> tuple[date, ...]:
    days = (first + n * _DAY for n in range((last - first).days + 1))
    return tuple(day for day in days if calendar.is_workday(day))


@dataclass(frozen=True, slots=True)
class _WorkBefore:
    """Working days, and working time in quarters, before each day of a year; the last items are the totals."""

    days: tuple[int, ...]
    quarters: tuple[int, ...]


def _sum_work(calendar: Calendar, first: date, last: date, column: Callable[[_WorkBefore], tuple[int, ...]]) -> int:
    """Return the work of the days from first to last, both included; 0 if last is before first."""
    if last < first:
        return 0
    full_years = sum(column(_work_before(calendar, year))[-1] for year in range(first.year, last.year))
    until_last = column(_work_before(calendar, last.year))[_day_of_year(last) + 1]
    return full_years + until_last - column(_work_before(calendar, first.year))[_day_of_year(first)]


@lru_cache(maxsize=1024)
def _work_before(calendar: Calendar, year: int) -> _WorkBefore:
    first = date(year, 1, 1)
    days, quarters = [0], [0]
    for n in range(_day_of_year(date(year, 12, 31)) + 1):
        day = first + timedelta(days=n)
        settings = calendar.calendar_on(day)
        is_worked = day in calendar.days_on or (day not in calendar.days_off and _is_regular_workday(settings, day))
        days.append(days[-1] + is_worked)
        workday_length = (settings.workday_end - settings.workday_start) // MINUTES_PER_QUARTER
        quarters.append(quarters[-1] + is_worked * workday_length)
    return _WorkBefore(tuple(days), tuple(quarters))


def _is_regular_workday(settings: Calendar, day: date) -> bool:
    table = public_holidays(settings.country, settings.region, day.year) if settings.country else NO_PUBLIC_HOLIDAYS
    return day in table.working_weekends or (day.weekday() in settings.working_days and day not in table.days_off)


def _day_of_year(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal()
