"""Time at work, from heartbeats: moments at which somebody's client said that it is in use.

Heartbeats no further apart than the idle limit are one stretch of work; a longer silence ends
it at the last one. All devices of a person beat the same heart, so time is never counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.primitives.calendar import Calendar

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Work within one day of the company's calendar; of no length where a first heartbeat begins it."""

    day: date
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def added(last: datetime | None, now: datetime, *, idle: timedelta, calendar: Calendar) -> list[Stretch]:
    """Return what a heartbeat adds to the time at work, in order, cut at each midnight of the company.

    last  the heartbeat before it; None for the first ever
    now   this one; never before `last`, else ValueError
    """
    if last is not None and now < last:
        raise ValueError("Heartbeats are counted in their order.")
    if last is None or now - last > idle:
        return [Stretch(calendar.day_of(now), now, now)]
    found, start, day = [], last, calendar.day_of(last)
    while (midnight := calendar.start_of(day + _DAY)) <= now:
        found.append(Stretch(day, start, midnight))
        start, day = midnight, day + _DAY
    return [*(stretch for stretch in found if stretch.length), Stretch(day, start, now)]
