"""Changes of the time zone and of the first day of the week lose, double and cut no day, no week and no instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.calendar_changes import WeekChange, ZoneChange, week_containing
from domain.primitives.periods import Period, PeriodKind, period_after, period_containing, shift_period

ZONES = ("Europe/Berlin", "Asia/Vladivostok", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC")
MONDAY_TO_FRIDAY = frozenset(Weekday(day) for day in range(5))
FIRST_INSTANT = datetime(2026, 11, 1, tzinfo=UTC)
FIRST_DAY = date(2026, 11, 1)
DAY = timedelta(days=1)


def change_zones(zones: list[str], hours: list[int]) -> Calendar:
    """Return the calendar of a company that has changed its zone at these hours after the first instant."""
    zone, changes = zones[0], list[ZoneChange]()
    for hour, next_zone in zip(sorted(hours), zones[1:], strict=False):
        at = FIRST_INSTANT + timedelta(hours=hour)
        today = Calendar(zone, Weekday.MONDAY, MONDAY_TO_FRIDAY, None, zone_changes=tuple(changes)).day_of(at)
        if changes and changes[-1].day == today:
            changes[-1] = changes[-1]._replace(at=at)
        else:
            changes.append(ZoneChange(at, today, zone))
        zone = next_zone
    return Calendar(zone, Weekday.MONDAY, MONDAY_TO_FRIDAY, None, zone_changes=tuple(changes))


zone_lists = st.lists(st.sampled_from(ZONES), min_size=2, max_size=4)
hour_lists = st.lists(st.integers(0, 24 * 12), min_size=3, max_size=3, unique=True)


@for_all(zone_lists, hour_lists)
def test_every_instant_belongs_to_the_day_that_contains_it_when_the_zone_changes(
    zones: list[str], hours: list[int]
) -> None:
    calendar = change_zones(zones, hours)
    instants = [FIRST_INSTANT + timedelta(minutes=30 * n) for n in range(2 * 24 * 15)]
    days = [calendar.day_of(instant) for instant in instants]

    assert all(day <= next_day <= day + 3 * DAY for day, next_day in pairwise(days))
    for instant, day in zip(instants, days, strict=True):
        assert calendar.start_of(day) <= instant < calendar.start_of(day + DAY)


@for_all(zone_lists, hour_lists)
def test_days_before_a_change_of_zone_stay_as_they_were(zones: list[str], hours: list[int]) -> None:
    calendar = change_zones(zones, hours)
    before = Calendar(zones[0], Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
    first_change = calendar.zone_changes[0]

    for n in range(min(hours)):
        instant = FIRST_INSTANT + timedelta(hours=n)
        assert calendar.day_of(instant) == before.day_of(instant)
    for n in range(-3, 12):
        day = FIRST_DAY + n * DAY
        if day <= first_change.day:
            assert calendar.start_of(day) == before.start_of(day)


@for_all(zone_lists, hour_lists)
def test_elapsed_working_time_never_falls_when_the_zone_changes(zones: list[str], hours: list[int]) -> None:
    calendar = change_zones(zones, hours)
    instants = [FIRST_INSTANT + timedelta(minutes=30 * n) for n in range(2 * 24 * 15)]

    elapsed = [calendar.quarters_between(FIRST_INSTANT, instant) for instant in instants]

    assert elapsed == sorted(elapsed)


def test_hours_of_the_day_on_which_the_zone_changes_are_those_of_its_beginning() -> None:
    changed_at = datetime(2026, 11, 18, 14, tzinfo=UTC)  # 15:00 in Berlin, 09:00 in New York
    change = ZoneChange(changed_at, date(2026, 11, 18), "Europe/Berlin")
    calendar = Calendar("America/New_York", Weekday.MONDAY, MONDAY_TO_FRIDAY, None, zone_changes=(change,))

    assert calendar.elapsed_quarters(changed_at - timedelta(seconds=1)) == 23
    assert calendar.elapsed_quarters(changed_at) == 24
    assert calendar.elapsed_quarters(datetime(2026, 11, 18, 17, tzinfo=UTC)) == 36
    assert calendar.elapsed_quarters(datetime(2026, 11, 19, 15, tzinfo=UTC)) == 4  # 10:00 in New York


@pytest.mark.parametrize(
    ("zone", "day_of_change", "next_start"),
    [
        ("America/New_York", date(2026, 11, 18), datetime(2026, 11, 19, 5, tzinfo=UTC)),  # the day goes on
        ("Asia/Vladivostok", date(2026, 11, 19), datetime(2026, 11, 18, 20, tzinfo=UTC)),  # tomorrow has begun there
    ],
)
def test_day_of_a_change_ends_at_the_new_midnight_or_with_the_change(
    zone: str, day_of_change: date, next_start: datetime
) -> None:
    changed_at = datetime(2026, 11, 18, 20, tzinfo=UTC)  # 21:00 in Berlin, 06:00 on the 19th in Vladivostok
    change = ZoneChange(changed_at, date(2026, 11, 18), "Europe/Berlin")
    calendar = Calendar(zone, Weekday.MONDAY, MONDAY_TO_FRIDAY, None, zone_changes=(change,))

    assert calendar.day_of(changed_at - timedelta(seconds=1)) == date(2026, 11, 18)
    assert calendar.day_of(changed_at) == day_of_change
    assert calendar.start_of(date(2026, 11, 18)) == datetime(2026, 11, 17, 23, tzinfo=UTC)
    assert calendar.start_of(date(2026, 11, 19)) == next_start


week_changes = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 6)), min_size=1, max_size=4, unique_by=lambda change: change[0]
)


def to_week_changes(changes: list[tuple[int, int]]) -> list[WeekChange]:
    return [WeekChange(FIRST_DAY + n * DAY, week_start) for n, week_start in sorted(changes)]


@for_all(st.integers(0, 6), week_changes)
def test_weeks_follow_each_other_without_gap_when_their_first_day_changes(
    first: int, changes: list[tuple[int, int]]
) -> None:
    rows = to_week_changes(changes)
    day = FIRST_DAY - 20 * DAY
    day = week_containing(day, first, rows)[0]
    while day < FIRST_DAY + 100 * DAY:
        start, end = week_containing(day, first, rows)
        assert start == day
        assert 4 <= (end - start).days + 1 <= 10
        assert all(week_containing(start + n * DAY, first, rows) == (start, end) for n in range((end - start).days + 1))
        day = end + DAY
    assert day.weekday() == rows[-1].week_start


@for_all(st.integers(0, 6), week_changes)
def test_weeks_until_the_change_stay_as_they_were(first: int, changes: list[tuple[int, int]]) -> None:
    rows = to_week_changes(changes)
    for count, change in enumerate(rows):
        running = week_containing(change.day, first, rows[:count])
        assert week_containing(change.day, first, rows) == running
        for n in range(30):
            day = change.day - n * DAY
            assert week_containing(day, first, rows) == week_containing(day, first, rows[:count])


def changed_weeks(week_start: Weekday) -> Calendar:
    """Return a calendar whose weeks began on Mondays before 18 November 2026, a Wednesday."""
    mondays = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
    return Calendar("UTC", week_start, MONDAY_TO_FRIDAY, None, earlier=((date(2026, 11, 18), mondays),))


def week(start: date, end: date) -> Period:
    return Period(start, end, PeriodKind.WEEK)


@pytest.mark.parametrize(
    ("week_start", "end"),
    [(Weekday.SUNDAY, date(2026, 11, 28)), (Weekday.THURSDAY, date(2026, 12, 2)), (Weekday.FRIDAY, date(2026, 11, 26))],
)
def test_week_after_a_change_leads_over_and_is_the_one_nearest_to_seven_days(week_start: Weekday, end: date) -> None:
    calendar = changed_weeks(week_start)
    running = period_containing(PeriodKind.WEEK, date(2026, 11, 18), calendar)
    following = shift_period(running, 1, calendar)

    assert running == week(date(2026, 11, 16), date(2026, 11, 22))
    assert following == week(date(2026, 11, 23), end)
    assert shift_period(following, 1, calendar) == week(end + DAY, end + 7 * DAY)
    assert shift_period(shift_period(running, 5, calendar), -5, calendar) == running


def test_period_after_a_week_of_another_calendar_begins_on_the_next_day() -> None:
    calendar = changed_weeks(Weekday.SUNDAY)

    assert period_after(date(2026, 12, 6), PeriodKind.WEEK, calendar) == week(date(2026, 12, 7), date(2026, 12, 12))
    assert period_after(date(2026, 12, 10), PeriodKind.WEEK, calendar) == week(date(2026, 12, 11), date(2026, 12, 19))
    assert period_after(date(2026, 11, 30), PeriodKind.MONTH, calendar).end == date(2026, 12, 31)
