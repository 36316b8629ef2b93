"""Delivery policy of notifications: quiet hours, digests, and delays between attempts.

Quiet hours and the time of a digest are minutes of the local day in the company's time zone, also
on days of 23 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.primitives.calendar import Calendar

FIRST_RETRY_DELAY: Final = timedelta(seconds=5)
MAX_RETRY_DELAY: Final = timedelta(minutes=10)
GIVE_UP_AFTER: Final = timedelta(days=1)  # counted from the first attempt
MAX_SEPARATE_MESSAGES: Final = 3  # alerts of one batch that are sent one by one; more are combined


def compute_send_time(
    now: datetime, calendar: Calendar, *, quiet_hours: tuple[int, int] | None = None, digest_minute: int | None = None
) -> datetime:
    """Return the earliest time (UTC) at which a message created now may be sent.

    quiet_hours    first and last minute of the day, the last excluded; spans midnight if the first is later
    digest_minute  minute of the day at which all messages of a day are sent; moved to the end of quiet hours
    """
    at = now if digest_minute is None else _next_occurrence(now, digest_minute, calendar)
    if quiet_hours is not None and _is_within(_minute_of_day(at, calendar), *quiet_hours):
        return _next_occurrence(at, quiet_hours[1], calendar)
    return at


def compute_retry_delay(attempts: int, jitter: float) -> timedelta:
    """Return the delay after `attempts` failures: doubling, at most `MAX_RETRY_DELAY`.

    `jitter`, 0 to 1, shortens the delay by up to half, so that retries spread out.
    """
    full_delay: timedelta = min(MAX_RETRY_DELAY, FIRST_RETRY_DELAY * (1 << min(attempts - 1, 20)))
    return full_delay * (1 - jitter / 2)


def _is_within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end


def _minute_of_day(at: datetime, calendar: Calendar) -> int:
    local = at.astimezone(ZoneInfo(calendar.zone))
    return local.hour * 60 + local.minute


def _next_occurrence(now: datetime, minute: int, calendar: Calendar) -> datetime:
    """Return the first instant after `now` at which local clocks show the minute, or have just skipped it.

    Three days, each with both folds, cover a minute that is skipped or shown twice when clocks change.
    """
    zone, day = ZoneInfo(calendar.zone), calendar.day_of(now)
    local_times = (
        datetime.combine(day + timedelta(days=days_ahead), time(minute // 60, minute % 60), zone)
        for days_ahead in range(3)
    )
    instants = (local_time.replace(fold=fold).astimezone(UTC) for local_time in local_times for fold in (0, 1))
    return next(at for at in instants if at > now)
