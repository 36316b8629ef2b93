"""Progress and pace of goals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.goals.progress import Pace, calculate_percent, calculate_progress, next_elapsed_change, next_pace_change
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing
from domain.primitives.working_time import WorkingTime, company_working_time

MONDAY_TO_FRIDAY = frozenset(Weekday(n) for n in range(5))
PLAIN_CALENDAR = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
WEEK = period_containing(PeriodKind.WEEK, date(2026, 11, 23), PLAIN_CALENDAR)  # Monday the 23rd to Sunday the 29th
BEFORE, MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, day) for day in (20, 23, 24, 25))
SATURDAY, AFTER = date(2026, 11, 28), date(2026, 11, 30)


def progress_at(instant, value, target, period=WEEK, calendar=PLAIN_CALENDAR):
    time = company_working_time(period, instant, calendar)
    return calculate_progress(value, target, period, time, today=calendar.day_of(instant))


def progress_of(value, target, today, period=WEEK):
    """Return the progress at the start of the day."""
    return progress_at(PLAIN_CALENDAR.start_of(today), value, target, period)


def on_wednesday(clock):
    return datetime.fromisoformat(f"2026-11-25T{clock}+00:00")


def day_period(day):
    return Period(day, day, PeriodKind.DAY)


def test_percent_is_uncapped_and_not_rounded():
    assert progress_of(150, 100, TUESDAY).percent == 150.0
    assert progress_of(1, 3, TUESDAY).percent == pytest.approx(100 / 3, rel=1e-15)
    assert progress_of(-10, 100, TUESDAY).percent == -10.0


@for_all(st.integers(-(10**18), 10**18), st.integers(1, 10**18))
def test_percent_reaches_100_only_when_target_is_reached(value, target):
    assert (calculate_percent(value, target) >= 100) is (value >= target)


def test_percent_is_below_100_when_one_kopeck_short_of_huge_target():
    assert progress_of(10**18 - 1, 10**18, TUESDAY).percent < 100


def test_target_must_be_above_zero():
    with pytest.raises(ValueError, match="above zero"):
        progress_of(1, 0, TUESDAY)


def test_expected_by_now_counts_elapsed_working_days():
    assert [
        progress_of(0, 100, day).expected_by_now for day in (BEFORE, MONDAY, TUESDAY, WEDNESDAY, SATURDAY, AFTER)
    ] == [
        0,
        0,
        20,
        40,
        100,
        100,
    ]


def test_expected_by_now_is_exact():
    month = period_containing(PeriodKind.MONTH, MONDAY, PLAIN_CALENDAR)

    assert progress_of(0, 100, MONDAY, month).expected_by_now == Fraction(1500, 21)


def test_period_without_working_days_counts_calendar_days():
    weekend = Period(SATURDAY, date(2026, 11, 29), PeriodKind.CUSTOM)

    sunday = progress_of(30, 100, date(2026, 11, 29), weekend)

    assert sunday.expected_by_now == 50
    assert sunday.needed_per_workday == 70
    assert sunday.projected == 60


@pytest.mark.parametrize(
    ("value", "today", "pace"),
    [
        (0, BEFORE, Pace.NOT_STARTED),
        (3, BEFORE, Pace.ON_TRACK),
        (6, BEFORE, Pace.AHEAD),
        (100, BEFORE, Pace.ACHIEVED),
        (0, MONDAY, Pace.ON_TRACK),
        (35, WEDNESDAY, Pace.ON_TRACK),
        (34, WEDNESDAY, Pace.BEHIND),
        (45, WEDNESDAY, Pace.ON_TRACK),
        (46, WEDNESDAY, Pace.AHEAD),
        (-6, MONDAY, Pace.BEHIND),
        (100, WEDNESDAY, Pace.ACHIEVED),
        (99, SATURDAY, Pace.ON_TRACK),
        (99, AFTER, Pace.MISSED),
        (100, AFTER, Pace.ACHIEVED),
        (250, AFTER, Pace.ACHIEVED),
        (0, AFTER, Pace.MISSED),
    ],
)
def test_pace_tolerates_five_percent_of_target(value, today, pace):
    assert progress_of(value, 100, today).pace is pace


def test_pace_tolerance_is_exact():
    target = 10**15 + 20  # of which 5 % are 50000000000001

    assert progress_of(50_000_000_000_001, target, MONDAY).pace is Pace.ON_TRACK
    assert progress_of(50_000_000_000_002, target, MONDAY).pace is Pace.AHEAD


def test_remaining_is_never_below_zero():
    assert progress_of(130, 100, TUESDAY).remaining == 0
    assert progress_of(-20, 100, TUESDAY).remaining == 120


def test_needed_per_workday_includes_today():
    assert progress_of(0, 100, BEFORE).needed_per_workday == 20
    assert progress_of(20, 100, WEDNESDAY).needed_per_workday == Fraction(80, 3)
    assert progress_of(130, 100, WEDNESDAY).needed_per_workday == 0


def test_needed_per_workday_is_none_without_remaining_workdays():
    assert progress_of(20, 100, SATURDAY).needed_per_workday is None
    assert progress_of(20, 100, AFTER).needed_per_workday is None


@pytest.mark.parametrize(
    ("today", "projected"), [(BEFORE, 30), (MONDAY, 30), (TUESDAY, 150), (WEDNESDAY, 75), (SATURDAY, 30), (AFTER, 30)]
)
def test_projected_continues_current_pace(today, projected):
    assert progress_of(30, 100, today).projected == projected
    assert progress_of(30, 100, today).projected_percent == projected


@for_all(st.integers(-(10**15), 10**15), st.integers(1, 10**15), st.dates(date(2026, 11, 1), date(2026, 12, 15)))
def test_needed_per_workday_adds_up_to_remaining(value, target, today):
    now = progress_of(value, target, today)

    assert 0 <= now.expected_by_now <= target
    assert (now.pace is Pace.ACHIEVED) is (now.remaining == 0)
    if now.needed_per_workday is not None:
        remaining_days = PLAIN_CALENDAR.count_workdays(max(today, WEEK.start), WEEK.end)
        assert now.needed_per_workday * remaining_days == now.remaining


@for_all(st.integers(0, 5), st.integers(1, 1000))
def test_even_pace_is_on_track_every_day(days, daily):
    today = MONDAY + timedelta(days=days)
    elapsed = PLAIN_CALENDAR.count_workdays(MONDAY, today - timedelta(days=1))

    assert progress_of(daily * elapsed, daily * 5, today).pace in (Pace.ON_TRACK, Pace.ACHIEVED)


# Rules 3 and 4: pace within the running day


@pytest.mark.parametrize(
    ("clock", "expected", "pace"),
    [
        ("08:59", 0, Pace.AHEAD),
        ("09:14", 0, Pace.AHEAD),
        ("09:15", Fraction(40, 36), Pace.AHEAD),
        ("10:59", Fraction(40 * 7, 36), Pace.BEHIND),
        ("15:00", Fraction(40 * 24, 36), Pace.BEHIND),
        ("18:00", 40, Pace.BEHIND),
        ("23:59", 40, Pace.BEHIND),
    ],
)
def test_pace_of_day_goal_follows_the_working_hours_of_the_running_day(clock, expected, pace):
    forty_calls = progress_at(on_wednesday(clock), 4, 40, day_period(WEDNESDAY))

    assert forty_calls.expected_by_now == expected
    assert forty_calls.pace is pace


def test_projection_begins_with_the_first_half_day():
    before, after = (progress_at(on_wednesday(clock), 9, 40, day_period(WEDNESDAY)) for clock in ("13:29", "13:30"))

    assert (before.projected, after.projected) == (9, 18)


def test_projection_of_week_begins_at_noon_of_its_first_day():
    monday = [progress_at(datetime(2026, 11, 23, 13, minute, tzinfo=UTC), 5, 100) for minute in (29, 30)]

    assert [current.projected for current in monday] == [5, 50]


def test_behind_pace_is_announced_for_the_quarter_in_which_it_comes():
    halfway = progress_at(on_wednesday("12:00"), 18, 40, day_period(WEDNESDAY))

    change = next_pace_change(halfway, on_wednesday("12:00"), PLAIN_CALENDAR)

    assert halfway.pace is Pace.AHEAD
    assert change == on_wednesday("12:45")  # expected 16 + 2/3; within 2 from there on
    assert progress_at(change, 18, 40, day_period(WEDNESDAY)).pace is Pace.ON_TRACK


values = st.integers(-20, 130)
quarters = st.integers(0, 24 * 4 - 1)
week_days = st.dates(date(2026, 11, 20), AFTER)


@for_all(values, week_days, quarters)
def test_next_pace_change_is_the_first_instant_of_the_day_with_another_pace(value, day, quarter):
    instant = PLAIN_CALENDAR.start_of(day) + quarter * timedelta(minutes=15)
    current = progress_at(instant, value, 100)
    later_instants = (PLAIN_CALENDAR.start_of(day) + n * timedelta(minutes=15) for n in range(quarter + 1, 96))

    expected = next((at for at in later_instants if progress_at(at, value, 100).pace is not current.pace), None)

    assert next_pace_change(current, instant, PLAIN_CALENDAR) == expected


@for_all(week_days, quarters)
def test_next_elapsed_change_is_the_first_instant_of_the_day_with_more_expected(day, quarter):
    instant = PLAIN_CALENDAR.start_of(day) + quarter * timedelta(minutes=15)
    current = progress_at(instant, 0, 100)
    later_instants = (PLAIN_CALENDAR.start_of(day) + n * timedelta(minutes=15) for n in range(quarter + 1, 96))

    expected = next(
        (at for at in later_instants if progress_at(at, 0, 100).expected_by_now > current.expected_by_now), None
    )

    assert next_elapsed_change(current, instant, PLAIN_CALENDAR) == expected


def test_pace_of_a_large_team_changes_at_the_quarter_that_reaches_it():
    time = WorkingTime(elapsed=0, total=36 * 5 * 7, workdays=5, workdays_left=5, staff=7)
    monday = calculate_progress(0, 100, WEEK, time, today=MONDAY)

    change = next_pace_change(monday, datetime(2026, 11, 23, 8, tzinfo=UTC), PLAIN_CALENDAR)

    assert change == datetime(2026, 11, 23, 11, 30, tzinfo=UTC)  # more than 5 of 100: more than 63 of 1260 quarters
