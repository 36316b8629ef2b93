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
class WorkInterval:
    """An interval of work within one day of the company's calendar; of zero length for a first heartbeat."""

    day: date
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def heartbeat_intervals(
    previous: datetime | None, now: datetime, *, idle_limit: timedelta, calendar: Calendar
) -> list[WorkInterval]:
    """Return the work intervals that a heartbeat adds, in order, split at each midnight of the company.

    previous    the heartbeat before it; None for the first ever
    now         this heartbeat; ValueError if it lies before `previous`
    idle_limit  the longest gap that counts as work
    """
    if previous is not None and now < previous:
        raise ValueError("Heartbeats are counted in their order.")
    if previous is None or now - previous > idle_limit:
        return [WorkInterval(calendar.day_of(now), now, now)]
    intervals, start, day = [], previous, calendar.day_of(previous)
    while (midnight := calendar.start_of(day + _DAY)) <= now:
        intervals.append(WorkInterval(day, start, midnight))
        start, day = midnight, day + _DAY
    return [*(interval for interval in intervals if interval.length), WorkInterval(day, start, now)]
