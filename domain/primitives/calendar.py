"""The company's calendar: the instants of midnight in its time zone, and its working days.

Every period begins and ends at midnight of the company's zone, and pace is counted in
working days. A day lasts from its first instant to that of the next day: 23, 24 or 25
hours, or none at all if the zone skipped it. Working days are counted by subtracting
cumulative counts per year, since leaderboards and goals count them often.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import holidays

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
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
    """Time zone, week and public holidays of a company.

    zone          IANA time zone name
    week_start    first day of a week
    working_days  the weekdays that are worked
    country       ISO 3166 code of the country that sets the public holidays; None for none
    """

    zone: str
    week_start: Weekday
    working_days: frozenset[Weekday]
    country: str | None

    def day_of(self, instant: datetime) -> date:
        """Return the day that contains the instant. Raises ValueError for a naive datetime."""
        if instant.tzinfo is None:
            raise ValueError("An instant has a zone.")
        local = instant.astimezone(ZoneInfo(self.zone))
        day = local.date()
        # If clocks fall back over midnight, the new day has already begun although they show the old one again.
        return day + _DAY if local.fold and instant >= self.start_of(day + _DAY) else day

    def start_of(self, day: date) -> datetime:
        """Return the first instant of the day in UTC: midnight, or the end of the clock change that skips it."""
        return _start_of_day(self.zone, day)

    def is_workday(self, day: date) -> bool:
        """Return whether the day belongs to the working week and is not a public holiday."""
        return self.count_workdays(day, day) == 1

    def count_workdays(self, first: date, last: date) -> int:
        """Return the number of working days from first to last, both included; 0 if last is before first."""
        if last < first:
            return 0
        full_years = sum(self._workdays_before(year)[-1] for year in range(first.year, last.year))
        return (
            full_years
            + self._workdays_before(last.year)[_day_of_year(last) + 1]
            - self._workdays_before(first.year)[_day_of_year(first)]
        )

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

    def _workdays_before(self, year: int) -> tuple[int, ...]:
        return _cumulative_workdays(self.working_days, self.country, year)


def is_known_zone(name: str) -> bool:
    """Return whether a time zone of that IANA name exists."""
    return name in _zone_names()


def is_known_country(code: str) -> bool:
    """Return whether the public holidays of the country of that two-letter ISO 3166 code are known."""
    return code in _country_codes()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_DEPENDENT_ZONES


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(code for code in holidays.list_supported_countries(include_aliases=False) if len(code) == 2)


@lru_cache(maxsize=4096)
def _start_of_day(zone: str, day: date) -> datetime:
    local = datetime.combine(day, time(), ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) == datetime.combine(day, time()):
        return instant
    # A clock change skips midnight, so the local time exists with neither offset: read with the offset after the
    # change it lies before the change, and vice versa. Bisect between both readings for the instant of the change.
    before, after = local.replace(fold=1).astimezone(UTC), instant
    offset_after = after.astimezone(local.tzinfo).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle.astimezone(local.tzinfo).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=1024)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # holiday tables of some countries end, with a warning
        country_holidays = holidays.country_holidays(country, years=year)
    return frozenset(day for day in country_holidays if day.year == year)


@lru_cache(maxsize=1024)
def _cumulative_workdays(working_days: frozenset[Weekday], country: str | None, year: int) -> tuple[int, ...]:
    """Return the number of working days before each day of the year; the last item is their total."""
    holiday_dates = _public_holidays(country, year) if country else frozenset()
    first = date(year, 1, 1)
    counts = [0]
    for n in range(366 if _day_of_year(date(year, 12, 31)) == 365 else 365):
        day = first + timedelta(days=n)
        counts.append(counts[-1] + (day.weekday() in working_days and day not in holiday_dates))
    return tuple(counts)


def _day_of_year(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal()
