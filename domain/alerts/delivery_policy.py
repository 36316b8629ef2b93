"""Delivery policy of notifications: quiet hours, digests, and delays between attempts.

Quiet hours and the time of a digest are minutes of the local day in the company's time zone, also
on days of 23 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.primitives.calendar import Calendar

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=10)
GIVEN_UP: Final = timedelta(days=1)  # counted from the first attempt
FEW: Final = 3  # alerts of one batch that are sent one by one; more are combined


def leaves_at(
    now: datetime, calendar: Calendar, *, quiet: tuple[int, int] | None = None, digest: int | None = None
) -> datetime:
    """Return the earliest time (UTC) at which a message created now may be sent.

    quiet_hours    first and last minute of the day, the last excluded; spans midnight if the first is later
    digest_minute  minute of the day at which all messages of a day are sent; moved to the end of quiet hours
    """
    at = now if digest is None else _next(now, digest, calendar)
    if quiet is not None and _within(_minute(at, calendar), *quiet):
        return _next(at, quiet[1], calendar)
    return at


def pause(attempts: int, luck: float) -> timedelta:
    """Return the delay after `attempts` failures: doubling, at most `MAX_RETRY_DELAY`.

    `jitter`, 0 to 1, shortens the delay by up to half, so that retries spread out.
    """
    whole: timedelta = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 20)))
    return whole * (1 - luck / 2)


def _within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end


def _minute(at: datetime, calendar: Calendar) -> int:
    local = at.astimezone(ZoneInfo(calendar.zone))
    return local.hour * 60 + local.minute


def _next(now: datetime, minute: int, calendar: Calendar) -> datetime:
    """Return the first instant after `now` at which local clocks show the minute, or have just skipped it.

    Three days, each with both folds, cover a minute that is skipped or shown twice when clocks change.
    """
    zone, day = ZoneInfo(calendar.zone), calendar.day_of(now)
    walls = (datetime.combine(day + timedelta(days=ahead), time(minute // 60, minute % 60), zone) for ahead in range(3))
    moments = (wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1))
    return next(at for at in moments if at > now)
