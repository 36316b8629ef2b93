"""Work time from heartbeats: joined up to the idle limit, split at midnight, never counted twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.analytics.worktime import WorkInterval, heartbeat_intervals
from domain.primitives.calendar import Calendar, Weekday

IDLE = timedelta(minutes=5)
ZERO = timedelta()
SECOND = timedelta(seconds=1)


def calendar(zone="Europe/Berlin"):
    return Calendar(zone, Weekday.MONDAY, frozenset(list(Weekday)[:5]), None)


def instant(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def intervals_of(beats, zone="Europe/Berlin", idle=IDLE):
    """Return the intervals of heartbeats fed one by one in order."""
    intervals, previous = [], None
    for beat in sorted(beats):
        intervals += heartbeat_intervals(previous, beat, idle_limit=idle, calendar=calendar(zone))
        previous = beat
    return intervals


def worked_by_day(intervals):
    days = {}
    for interval in intervals:
        days[interval.day] = days.get(interval.day, ZERO) + interval.length
    return days


def worked_second_by_second(beats, zone, idle=IDLE):
    """Count work time second by second: each second between two close heartbeats counts on its day."""
    days, zone_calendar = {}, calendar(zone)
    ordered = sorted(set(beats))
    for beat in ordered:
        days.setdefault(zone_calendar.day_of(beat), ZERO)
    for earlier, later in pairwise(ordered):
        if later - earlier <= idle:
            moment = earlier
            while moment < later:
                day = zone_calendar.day_of(moment)
                days[day] = days.get(day, ZERO) + SECOND
                moment += SECOND
    return days


NIGHTS = st.sampled_from(
    [
        ("Europe/Berlin", instant("2026-11-18T22:40:00")),  # before a midnight without clock change
        ("Europe/Berlin", instant("2026-03-29T00:40:00")),  # clocks go forward from 2 to 3
        ("Europe/Berlin", instant("2026-10-25T00:40:00")),  # clocks fall back from 3 to 2
        ("America/Havana", instant("2026-03-08T04:40:00")),  # clocks skip midnight
        ("America/Havana", instant("2026-11-01T04:40:00")),  # clocks fall back to midnight
        ("America/New_York", instant("2026-12-31T04:40:00")),
    ]
)
GAPS = st.lists(st.sampled_from([0, 1, 30, 60, 240, 299, 300, 301, 600, 1500]), min_size=1, max_size=12)


def heartbeats_from(start, gaps):
    beats = [start]
    for gap in gaps:
        beats.append(beats[-1] + timedelta(seconds=gap))
    return beats


@for_all(NIGHTS, GAPS)
def test_each_second_between_close_heartbeats_counts_once_on_its_day(night, gaps):
    zone, start = night
    beats = heartbeats_from(start, gaps)

    assert worked_by_day(intervals_of(beats, zone)) == worked_second_by_second(beats, zone)


@for_all(NIGHTS, GAPS, GAPS)
def test_overlapping_devices_are_counted_once(night, phone, laptop):
    zone, start = night
    both = [*heartbeats_from(start, phone), *heartbeats_from(start + timedelta(seconds=7), laptop)]

    assert worked_by_day(intervals_of(both, zone)) == worked_second_by_second(both, zone)


@for_all(NIGHTS, GAPS)
def test_intervals_lie_within_their_days_and_do_not_overlap(night, gaps):
    zone, start = night
    zone_calendar, intervals = calendar(zone), intervals_of(heartbeats_from(start, gaps), zone)

    for interval in intervals:
        midnight = zone_calendar.start_of(interval.day + timedelta(days=1))
        assert zone_calendar.start_of(interval.day) <= interval.start <= interval.end <= midnight
    assert all(a.end <= b.start for a, b in pairwise(intervals))


@pytest.mark.parametrize(("silence", "counted"), [(300, 300), (300.000001, 0), (299.999999, 299.999999)])
def test_gap_counts_as_work_up_to_idle_limit(silence, counted):
    start = instant("2026-11-18T09:00:00")
    intervals = intervals_of([start, start + timedelta(seconds=silence)])

    assert sum((interval.length for interval in intervals), ZERO) == timedelta(seconds=counted)


def test_idle_limit_is_configurable():
    start = instant("2026-11-18T09:00:00")

    assert worked_by_day(intervals_of([start, start + timedelta(minutes=9)], idle=timedelta(minutes=10))) == {
        date(2026, 11, 18): timedelta(minutes=9)
    }


def test_interval_is_split_at_midnight():
    intervals = intervals_of([instant("2026-11-18T22:58:00"), instant("2026-11-18T23:02:00")])

    assert intervals[1:] == [
        WorkInterval(date(2026, 11, 18), instant("2026-11-18T22:58:00"), instant("2026-11-18T23:00:00")),
        WorkInterval(date(2026, 11, 19), instant("2026-11-18T23:00:00"), instant("2026-11-18T23:02:00")),
    ]


def test_heartbeat_at_midnight_starts_new_day():
    intervals = intervals_of([instant("2026-11-18T22:59:00"), instant("2026-11-18T23:00:00")])

    assert worked_by_day(intervals) == {date(2026, 11, 18): timedelta(minutes=1), date(2026, 11, 19): ZERO}


def test_day_with_clock_change_counts_its_real_hours():
    for start, hours in (("2026-03-28T23:00:00", 23), ("2026-10-24T22:00:00", 25)):
        beats = [instant(start) + n * timedelta(minutes=4) for n in range(15 * hours + 1)]

        assert next(iter(worked_by_day(intervals_of(beats)).values())) == timedelta(hours=hours)


def test_heartbeats_out_of_order_raise_value_error():
    with pytest.raises(ValueError, match="order"):
        heartbeat_intervals(
            instant("2026-11-18T09:00:01"), instant("2026-11-18T09:00:00"), idle_limit=IDLE, calendar=calendar()
        )
