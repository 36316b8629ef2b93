"""The company's days: where midnight is, and which days are worked.

Every period begins and ends at midnight of the company's zone, and pace is counted in
working days, so everything that counts asks here. A day is the stretch of instants from
its first to that of the day after: 23, 24 or 25 hours, none at all where a zone leapt
over it. Counting working days is a subtraction, since boards and goals do it a lot.
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
_NOT_PLACES: Final = frozenset({"Factory", "localtime", "posixrules"})  # they mean another zone on each machine


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
    """Whose midnight, which week, which holidays.

    zone          an IANA name
    week_start    the day that weeks begin on
    working_days  the working week
    country       ISO 3166, whose national public holidays are not worked; None for none
    """

    zone: str
    week_start: Weekday
    working_days: frozenset[Weekday]
    country: str | None

    def day_of(self, instant: datetime) -> date:
        """Return the day that holds the instant. Raises ValueError for one without a zone."""
        if instant.tzinfo is None:
            raise ValueError("An instant has a zone.")
        local = instant.astimezone(ZoneInfo(self.zone))
        day = local.date()
        # Where clocks fall back over midnight, the new day has begun although they show the old one again.
        return day + _DAY if local.fold and instant >= self.start_of(day + _DAY) else day

    def start_of(self, day: date) -> datetime:
        """Return the first instant of the day, in UTC: midnight, or the end of the leap that skips it."""
        return _midnight(self.zone, day)

    def is_working(self, day: date) -> bool:
        """Return whether the day is of the working week and no public holiday."""
        return self.workdays(day, day) == 1

    def workdays(self, first: date, last: date) -> int:
        """Return how many working days there are from first to last, both included; 0 when last is before first."""
        if last < first:
            return 0
        whole = sum(self._counts(year)[-1] for year in range(first.year, last.year))
        return whole + self._counts(last.year)[_index(last) + 1] - self._counts(first.year)[_index(first)]

    def add_workdays(self, day: date, n: int) -> date:
        """Return the n-th working day after the day, or before it when n is negative; the day itself for 0.

        Raises ValueError when nothing is ever worked.
        """
        if not self.working_days:
            raise ValueError("A week has at least one working day.")
        step = _DAY if n > 0 else -_DAY
        left = abs(n)
        while left:
            day += step
            left -= self.is_working(day)
        return day

    def _counts(self, year: int) -> tuple[int, ...]:
        return _working_before(self.working_days, self.country, year)


def known_zone(name: str) -> bool:
    """Return whether there is a time zone of that IANA name."""
    return name in _zones()


def known_country(code: str) -> bool:
    """Return whether the public holidays of the country of that ISO 3166 code, of two capital letters, are known."""
    return code in _countries()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_PLACES


@cache
def _countries() -> frozenset[str]:
    return frozenset(code for code in holidays.list_supported_countries(include_aliases=False) if len(code) == 2)


@lru_cache(maxsize=4096)
def _midnight(zone: str, day: date) -> datetime:
    local = datetime.combine(day, time(), ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) == datetime.combine(day, time()):
        return instant
    # Clocks leap over midnight. Read by the offset after the leap it lies before the leap, and the other way round.
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
def _holidays(country: str, year: int) -> frozenset[date]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some countries' tables end, and say so; then nothing is free
        known = holidays.country_holidays(country, years=year)
    return frozenset(day for day in known if day.year == year)


@lru_cache(maxsize=1024)
def _working_before(working_days: frozenset[Weekday], country: str | None, year: int) -> tuple[int, ...]:
    """Return how many working days of the year lie before each of its days; the last item is all of them."""
    free = _holidays(country, year) if country else frozenset()
    first = date(year, 1, 1)
    counts = [0]
    for n in range(366 if _index(date(year, 12, 31)) == 365 else 365):
        day = first + timedelta(days=n)
        counts.append(counts[-1] + (day.weekday() in working_days and day not in free))
    return tuple(counts)


def _index(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal()
