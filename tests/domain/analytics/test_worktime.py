"""Work time from heartbeats: joined up to the idle limit, split at midnight, never counted twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analytics.worktime import Stretch, added
from domain.primitives.calendar import Calendar, Weekday

IDLE = timedelta(minutes=5)
NOTHING = timedelta()
SECOND = timedelta(seconds=1)


def calendar(zone="Europe/Berlin"):
    return Calendar(zone, Weekday.MONDAY, frozenset(list(Weekday)[:5]), None)


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def worked(beats, zone="Europe/Berlin", idle=IDLE):
    """Return the intervals of heartbeats fed one by one in order."""
    found, last = [], None
    for beat in sorted(beats):
        found += added(last, beat, idle=idle, calendar=calendar(zone))
        last = beat
    return found


def by_day(stretches):
    days = {}
    for stretch in stretches:
        days[stretch.day] = days.get(stretch.day, NOTHING) + stretch.length
    return days


def minute_by_minute(beats, zone, idle=IDLE):
    """Count work time second by second: each second between two close heartbeats counts on its day."""
    days, known = {}, calendar(zone)
    ordered = sorted(set(beats))
    for beat in ordered:
        days.setdefault(known.day_of(beat), NOTHING)
    for earlier, later in pairwise(ordered):
        if later - earlier <= idle:
            moment = earlier
            while moment < later:
                day = known.day_of(moment)
                days[day] = days.get(day, NOTHING) + SECOND
                moment += SECOND
    return days


NIGHTS = st.sampled_from(
    [
        ("Europe/Berlin", at("2026-11-18T22:40:00")),  # before a midnight without clock change
        ("Europe/Berlin", at("2026-03-29T00:40:00")),  # clocks go forward from 2 to 3
        ("Europe/Berlin", at("2026-10-25T00:40:00")),  # clocks fall back from 3 to 2
        ("America/Havana", at("2026-03-08T04:40:00")),  # clocks skip midnight
        ("America/Havana", at("2026-11-01T04:40:00")),  # clocks fall back to midnight
        ("America/New_York", at("2026-12-31T04:40:00")),
    ]
)
GAPS = st.lists(st.sampled_from([0, 1, 30, 60, 240, 299, 300, 301, 600, 1500]), min_size=1, max_size=12)


def beats_from(start, gaps):
    beats = [start]
    for gap in gaps:
        beats.append(beats[-1] + timedelta(seconds=gap))
    return beats


@given(NIGHTS, GAPS)
def test_every_second_between_close_heartbeats_counts_once_and_on_its_day(night, gaps):
    zone, start = night
    beats = beats_from(start, gaps)

    assert by_day(worked(beats, zone)) == minute_by_minute(beats, zone)


@given(NIGHTS, GAPS, GAPS)
def test_overlapping_devices_are_one_person(night, phone, laptop):
    zone, start = night
    both = [*beats_from(start, phone), *beats_from(start + timedelta(seconds=7), laptop)]

    assert by_day(worked(both, zone)) == minute_by_minute(both, zone)


@given(NIGHTS, GAPS)
def test_stretches_lie_within_their_days_and_follow_each_other(night, gaps):
    zone, start = night
    known, stretches = calendar(zone), worked(beats_from(start, gaps), zone)

    for stretch in stretches:
        midnight = known.start_of(stretch.day + timedelta(days=1))
        assert known.start_of(stretch.day) <= stretch.start <= stretch.end <= midnight
    assert all(a.end <= b.start for a, b in pairwise(stretches))


@pytest.mark.parametrize(("silence", "counted"), [(300, 300), (300.000001, 0), (299.999999, 299.999999)])
def test_silence_at_the_limit_is_work_and_beyond_it_none(silence, counted):
    start = at("2026-11-18T09:00:00")
    found = worked([start, start + timedelta(seconds=silence)])

    assert sum((stretch.length for stretch in found), NOTHING) == timedelta(seconds=counted)


def test_the_limit_can_be_another():
    start = at("2026-11-18T09:00:00")

    assert by_day(worked([start, start + timedelta(minutes=9)], idle=timedelta(minutes=10))) == {
        date(2026, 11, 18): timedelta(minutes=9)
    }


def test_work_over_midnight_is_cut_there():
    found = worked([at("2026-11-18T22:58:00"), at("2026-11-18T23:02:00")])

    assert found[1:] == [
        Stretch(date(2026, 11, 18), at("2026-11-18T22:58:00"), at("2026-11-18T23:00:00")),
        Stretch(date(2026, 11, 19), at("2026-11-18T23:00:00"), at("2026-11-18T23:02:00")),
    ]


def test_a_heartbeat_at_midnight_begins_the_new_day():
    found = worked([at("2026-11-18T22:59:00"), at("2026-11-18T23:00:00")])

    assert by_day(found) == {date(2026, 11, 18): timedelta(minutes=1), date(2026, 11, 19): NOTHING}


def test_the_night_on_which_clocks_change_has_as_many_hours_as_it_has():
    for start, hours in (("2026-03-28T23:00:00", 23), ("2026-10-24T22:00:00", 25)):
        beats = [at(start) + n * timedelta(minutes=4) for n in range(15 * hours + 1)]

        assert next(iter(by_day(worked(beats)).values())) == timedelta(hours=hours)


def test_heartbeats_are_counted_in_their_order():
    with pytest.raises(ValueError, match="order"):
        added(at("2026-11-18T09:00:01"), at("2026-11-18T09:00:00"), idle=IDLE, calendar=calendar())
