"""Counterparts: a running period is compared like with like, cut at the same point of the previous one (rule 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.calendar_changes import ZoneChange
from domain.primitives.counterparts import Counterpart, find_counterpart
from domain.primitives.periods import (
    Period,
    PeriodKind,
    count_elapsed_workdays,
    count_workdays,
    period_containing,
    shift_period,
)
from domain.primitives.working_time import elapsed_quarters

MONDAY_TO_FRIDAY = frozenset(Weekday(day) for day in range(5))
MOSCOW = Calendar("Europe/Moscow", Weekday.MONDAY, MONDAY_TO_FRIDAY, "RU")
NEW_YORK = Calendar("America/New_York", Weekday.SUNDAY, MONDAY_TO_FRIDAY, None)
SHOP = Calendar(
    "Australia/Lord_Howe",
    Weekday.MONDAY,
    frozenset(Weekday),
    None,
    days_off=frozenset({date(2026, 4, 5)}),
    days_on=frozenset({date(2026, 11, 7)}),
)
DAY = timedelta(days=1)

calendars = st.sampled_from([MOSCOW, NEW_YORK, SHOP])
kinds = st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM])
longer_kinds = st.sampled_from([PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR])
instants = st.datetimes(datetime(2025, 3, 1), datetime(2027, 2, 1), timezones=st.just(UTC))


def local(text: str, calendar: Calendar = MOSCOW) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(calendar.zone))


def find_running(kind: PeriodKind, at: str, calendar: Calendar = MOSCOW) -> Counterpart:
    """Return the counterpart of the period of that kind which runs at a local time, at this time."""
    instant = local(at, calendar)
    return find_counterpart(period_containing(kind, calendar.day_of(instant), calendar), instant, calendar)


def custom_period(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end), PeriodKind.CUSTOM)


def has_workdays(period: Period, calendar: Calendar) -> bool:
    return count_workdays(period, calendar) > 0


@pytest.mark.parametrize(
    ("kind", "at", "start", "until"),
    [
        (PeriodKind.DAY, "2026-11-03 15:00", "2026-11-02", "2026-11-02 15:00"),
        (PeriodKind.WEEK, "2026-11-03 15:00", "2026-10-26", "2026-10-27 15:00"),
        (PeriodKind.MONTH, "2026-11-03 15:00", "2026-10-01", "2026-10-02 15:00"),
        (PeriodKind.DAY, "2026-11-02 09:30", "2026-10-30", "2026-10-30 09:30"),  # the last working day is a Friday
        (PeriodKind.DAY, "2026-11-05 00:00", "2026-11-03", "2026-11-03 00:00"),  # the 4th is a holiday
        (PeriodKind.DAY, "2024-04-27 12:00", "2024-04-26", "2024-04-26 12:00"),  # a working Saturday by decree
        (PeriodKind.DAY, "2026-11-07 12:00", "2026-11-06", "2026-11-06 12:00"),  # a day off
        (PeriodKind.WEEK, "2026-11-02 00:00", "2026-10-26", "2026-10-26 00:00"),
        (PeriodKind.WEEK, "2026-11-28 12:00", "2026-11-16", "2026-11-21 12:00"),  # Saturday with Saturday
        (PeriodKind.MONTH, "2026-11-01 12:00", "2026-10-01", None),  # a Sunday, while October began with a workday
        (PeriodKind.YEAR, "2026-01-03 12:00", "2025-01-01", "2025-01-03 12:00"),
    ],
)
def test_running_period_is_cut_at_same_local_time_of_corresponding_day(kind, at, start, until):
    counterpart = find_running(kind, at)

    assert counterpart.days.start == date.fromisoformat(start)
    assert counterpart.until == (local(until) if until else None)
    assert counterpart.until is None or MOSCOW.day_of(counterpart.until) == counterpart.cut_day


@for_all(longer_kinds, calendars, instants)
def test_counterpart_has_same_finished_working_days_and_local_time(kind, calendar, instant):
    today = calendar.day_of(instant)
    period = period_containing(kind, today, calendar)
    previous = shift_period(period, -1, calendar)
    if not has_workdays(period, calendar) or not has_workdays(previous, calendar):
        return  # compared by calendar days

    counterpart = find_counterpart(period, instant, calendar)

    finished = min(count_elapsed_workdays(period, today, calendar), count_workdays(previous, calendar))
    assert count_workdays(counterpart.days, calendar) == finished or counterpart.days == previous
    assert counterpart.days.start == previous.start
    assert counterpart.days.end <= previous.end
    if counterpart.until is not None:
        assert calendar.is_workday(counterpart.cut_day) == calendar.is_workday(today)
        assert counterpart.until == calendar.same_time_on(counterpart.cut_day, instant)
        assert previous.contains(counterpart.cut_day)


@for_all(longer_kinds, calendars, st.datetimes(datetime(2025, 3, 1), datetime(2027, 2, 1)))
def test_counterpart_has_same_elapsed_working_time_where_no_clock_changes(kind, calendar, clock_time):
    instant = clock_time.replace(tzinfo=ZoneInfo(calendar.zone))
    period = period_containing(kind, calendar.day_of(instant), calendar)
    previous = shift_period(period, -1, calendar)
    counterpart = find_counterpart(period, instant, calendar)
    if counterpart.days == previous or not has_workdays(period, calendar) or not has_workdays(previous, calendar):
        return

    end = counterpart.until or calendar.start_of(counterpart.cut_day)

    assert elapsed_quarters(previous, end, calendar) == elapsed_quarters(period, instant, calendar)


@for_all(kinds, calendars, instants, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_counterpart_never_shrinks_while_period_runs(kind, calendar, instant, step):
    period = period_containing(kind, calendar.day_of(instant), calendar)
    if not period.contains(calendar.day_of(instant + step)):
        return

    ends = []
    for at in (instant, instant + step):
        counterpart = find_counterpart(period, at, calendar)
        ends.append((counterpart.days.end, counterpart.until or calendar.start_of(counterpart.cut_day)))

    # Clocks that are put back show an hour twice
    assert ends[0][0] <= ends[1][0]
    assert ends[0][1] <= ends[1][1] or step <= timedelta(hours=1) or ends[0][0] < ends[1][0]


@for_all(kinds, calendars, instants, st.integers(-500, 500))
def test_period_that_does_not_run_compares_with_whole_previous_period(kind, calendar, instant, days_away):
    period = period_containing(kind, calendar.day_of(instant) + days_away * DAY, calendar)
    if period.contains(calendar.day_of(instant)):
        return

    assert find_counterpart(period, instant, calendar) == Counterpart(shift_period(period, -1, calendar))


def test_period_with_more_working_days_than_the_previous_one_compares_with_all_of_it():
    assert find_running(PeriodKind.MONTH, "2026-10-30 12:00", NEW_YORK) == Counterpart(
        custom_period("2026-09-01", "2026-09-29"), local("2026-09-30 12:00", NEW_YORK)
    )  # the 22nd working day of both
    assert find_running(PeriodKind.MONTH, "2026-12-31 12:00", NEW_YORK) == Counterpart(
        Period(date(2026, 11, 1), date(2026, 11, 30), PeriodKind.MONTH)
    )  # the 23rd: November has 21


def test_custom_period_compares_with_same_number_of_days_before():
    past, running = custom_period("2026-11-02", "2026-11-11"), custom_period("2026-11-16", "2026-11-25")
    noon = local("2026-11-20 12:00", NEW_YORK)  # four working days are over

    assert find_counterpart(past, noon, NEW_YORK) == Counterpart(custom_period("2026-10-23", "2026-11-01"))
    assert find_counterpart(running, noon, NEW_YORK) == Counterpart(
        custom_period("2026-11-06", "2026-11-11"), local("2026-11-12 12:00", NEW_YORK)
    )


def test_period_without_working_days_compares_by_calendar_days():
    weekend = custom_period("2026-11-21", "2026-11-22")

    assert find_counterpart(weekend, local("2026-11-22 10:00"), MOSCOW) == Counterpart(
        custom_period("2026-11-19", "2026-11-19"), local("2026-11-20 10:00")
    )


def test_same_local_time_is_found_across_clock_change():
    # Clocks were put back in New York on Sunday, 1 November 2026
    assert find_running(PeriodKind.DAY, "2026-11-02 15:00", NEW_YORK).until == datetime(2026, 10, 30, 19, tzinfo=UTC)
    assert local("2026-11-02 15:00", NEW_YORK).astimezone(UTC).time() == time(20)


def test_local_time_that_clocks_skip_becomes_the_end_of_the_change():
    # In New York, 8 March 2026 has no 02:30
    skipped = NEW_YORK.same_time_on(date(2026, 3, 8), local("2026-03-09 02:30", NEW_YORK))

    assert skipped == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_day_before_a_change_of_the_time_zone_is_cut_by_the_clocks_of_then():
    change = ZoneChange(local("2026-11-03 00:00").astimezone(UTC), date(2026, 11, 3), "Europe/Moscow")
    vladivostok = replace(MOSCOW, zone="Asia/Vladivostok", zone_changes=(change,))

    counterpart = find_running(PeriodKind.DAY, "2026-11-05 15:00", vladivostok)  # the 4th is a holiday

    assert counterpart.until == local("2026-11-03 15:00", MOSCOW)
