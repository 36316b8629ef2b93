"""Work time from heartbeats, the instants at which an employee's client reports that it is in use.

Heartbeats no further apart than the idle limit join into one interval of work; a longer gap ends
it at the last heartbeat. The heartbeats of all devices of an employee form one sequence, so time
is never counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.primitives.calendar import Calendar

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """An interval of work within one day of the company's calendar; of zero length for a first heartbeat."""

    day: date
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def added(last: datetime | None, now: datetime, *, idle: timedelta, calendar: Calendar) -> list[Stretch]:
    """Return the work intervals that a heartbeat adds, in order, split at each midnight of the company.

    previous    the heartbeat before it; None for the first ever
    now         this heartbeat; ValueError if it lies before `previous`
    idle_limit  the longest gap that counts as work
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
