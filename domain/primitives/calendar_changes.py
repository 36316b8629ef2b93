"""Days and weeks of a calendar after changes of its time zone or of the first day of the week.

What is over stays as it was, and no day and no week is lost, doubled or cut short:

- An instant belongs to the day that the calendar named at that instant. The day on which the zone changes goes on
  until the first midnight in the new zone, or ends with the change if it is tomorrow there already.
- The week in which its first day changes is seven days long, as it began. The week after it leads over to the new
  first day: it is the one nearest to seven days, 4 to 10 days long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
SHORTEST_WEEK_DAYS: Final = 4  # a shorter rest before the new first day joins the week after it


class ZoneChange(NamedTuple):
    """A change of the time zone: `zone` held before the instant `at`, which was on `day`."""

    at: datetime
    day: date
    zone: str


class WeekChange(NamedTuple):
    """A change of the first day of the week on `day`; `week_start` (0 is Monday) holds since."""

    day: date
    week_start: int


def day_of_instant(
    changes: Sequence[ZoneChange], zone: str, instant: datetime, day_in_zone: Callable[[str, datetime], date]
) -> date:
    """Return the day of an instant. `changes` by time; `zone` holds after the last; `day_in_zone` as without changes."""
    earliest = date.min
    for change in changes:
        if instant < change.at:
            return min(max(day_in_zone(change.zone, instant), earliest), change.day)
        earliest = change.day
    return max(day_in_zone(zone, instant), earliest)


def first_instant_of_day(
    changes: Sequence[ZoneChange], zone: str, day: date, start_in_zone: Callable[[str, date], datetime]
) -> datetime:
    """Return the first instant with the day, or a later one, as its `day_of_instant`."""
    since: datetime | None = None
    for change in changes:
        if day <= change.day:
            start = start_in_zone(change.zone, day)
            if start < change.at:
                return start if since is None else max(start, since)
            return change.at
        since = change.at
    start = start_in_zone(zone, day)
    return start if since is None else max(start, since)


def week_containing(day: date, first_week_start: int, changes: Sequence[WeekChange]) -> tuple[date, date]:
    """Return the first and last day of the week that contains the day.

    first_week_start  the first day of weeks before any change
    changes           by day
    """
    eras: list[tuple[date, date, int]] = []  # first day of the week that leads over, first regular day, first weekday
    for change in changes:
        while eras and eras[-1][0] > change.day:  # that week has never begun
            eras.pop()
        _, last = _week_in_eras(change.day, first_week_start, eras)
        begin = last + _DAY
        rest = (change.week_start - begin.weekday()) % 7
        if rest:
            rest += 7 if rest < SHORTEST_WEEK_DAYS else 0
            eras.append((begin, begin + timedelta(days=rest), change.week_start))
    return _week_in_eras(day, first_week_start, eras)


def _week_in_eras(day: date, first_week_start: int, eras: Sequence[tuple[date, date, int]]) -> tuple[date, date]:
    week_start = first_week_start
    for begin, first_regular, era_week_start in reversed(eras):
        if day >= first_regular:
            week_start = era_week_start
            break
        if day >= begin:
            return begin, first_regular - _DAY
    start = day - timedelta(days=(day.weekday() - week_start) % 7)
    return start, start + _WEEK - _DAY
