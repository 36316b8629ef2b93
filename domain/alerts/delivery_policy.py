"""When a message may leave, and when it is tried again.

Quiet hours and the hour of a digest are minutes of the company's day, so both are read off
its clocks: on a day of 23 or 25 hours too.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.primitives.calendar import Calendar

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=10)
GIVEN_UP: Final = timedelta(days=1)  # after so long without success
FEW: Final = 3  # messages at once; more are sent as one


def leaves_at(
    now: datetime, calendar: Calendar, *, quiet: tuple[int, int] | None = None, digest: int | None = None
) -> datetime:
    """Return when a message that arises now may leave, in UTC.

    quiet   from and to, minutes of the day; across midnight when `from` is the later
    digest  the minute at which all of the day is sent together; moved to the end of quiet hours
    """
    at = now if digest is None else _next(now, digest, calendar)
    if quiet is not None and _within(_minute(at, calendar), *quiet):
        return _next(at, quiet[1], calendar)
    return at


def pause(attempts: int, luck: float) -> timedelta:
    """Return how long to wait after so many failures: doubling, at most LONGEST_PAUSE; `luck` 0 to 1 shortens it by half."""
    whole: timedelta = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 20)))
    return whole * (1 - luck / 2)


def _within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end


def _minute(at: datetime, calendar: Calendar) -> int:
    local = at.astimezone(ZoneInfo(calendar.zone))
    return local.hour * 60 + local.minute


def _next(now: datetime, minute: int, calendar: Calendar) -> datetime:
    """Return the first instant after now at which the company's clocks show that minute, or have just leapt over it."""
    zone, day = ZoneInfo(calendar.zone), calendar.day_of(now)
    walls = (datetime.combine(day + timedelta(days=ahead), time(minute // 60, minute % 60), zone) for ahead in range(3))
    moments = (wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1))
    return next(at for at in moments if at > now)
