"""Working time of periods: elapsed and whole, within the day, across zones and clock changes (rule 3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing
from domain.primitives.working_time import (
    WorkingTime,
    company_working_time,
    next_share_of_day,
    share_of_day_left,
)

MONDAY_TO_FRIDAY = frozenset(Weekday(day) for day in range(5))
MOSCOW = Calendar("Europe/Moscow", Weekday.MONDAY, MONDAY_TO_FRIDAY, "RU")
NEW_YORK = Calendar("America/New_York", Weekday.SUNDAY, MONDAY_TO_FRIDAY, "US")
SHOP = Calendar(
    "Australia/Lord_Howe",
    Weekday.MONDAY,
    frozenset(Weekday),
    None,
    workday_start=0,
    workday_end=24 * 60,
    days_off=frozenset({date(2026, 4, 5)}),
    earlier=((date(2026, 3, 20), MOSCOW),),
)
DAY = timedelta(days=1)

calendars = st.sampled_from([MOSCOW, NEW_YORK, SHOP])
kinds = st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM])
days = st.dates(date(2025, 12, 1), date(2026, 12, 31))
instants = st.datetimes(datetime(2025, 11, 1), datetime(2027, 2, 1), timezones=st.just(UTC))


@for_all(kinds, days, calendars, instants, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_elapsed_time_begins_with_zero_never_falls_and_ends_whole(kind, day, calendar, instant, step):
    period = period_containing(kind, day, calendar)

    at_start, at_end = (
        company_working_time(period, calendar.start_of(at), calendar) for at in (period.start, period.end + DAY)
    )
    now, later = (company_working_time(period, at, calendar) for at in (instant, instant + step))

    assert at_start.elapsed == 0
    assert at_end.elapsed == at_end.total == now.total > 0
    assert 0 <= now.elapsed <= later.elapsed <= now.total
    assert now.workdays_left >= later.workdays_left >= at_end.workdays_left == 0


@for_all(kinds, days, calendars, instants)
def test_time_of_a_period_is_the_sum_of_its_days(kind, day, calendar, instant):
    period = period_containing(kind, day, calendar)
    if not calendar.count_workdays(period.start, period.end):
        return  # counts calendar days
    single_days = [period.start + n * DAY for n in range(period.days)]

    parts = [
        company_working_time(Period(day, day, PeriodKind.DAY), instant, calendar)
        for day in single_days
        if calendar.is_workday(day)
    ]

    whole = company_working_time(period, instant, calendar)
    assert (whole.elapsed, whole.total) == (sum(part.elapsed for part in parts), sum(part.total for part in parts))
    assert (whole.workdays, whole.workdays_left) == (len(parts), sum(part.workdays_left for part in parts))


def test_period_without_working_time_counts_calendar_days():
    weekend = Period(date(2026, 11, 21), date(2026, 11, 22), PeriodKind.CUSTOM)

    moments = ("2026-11-21T00:00", "2026-11-21T15:00", "2026-11-22T00:00", "2026-11-23T00:00")
    elapsed = [
        company_working_time(weekend, datetime.fromisoformat(f"{moment}+03:00"), MOSCOW).elapsed for moment in moments
    ]

    assert elapsed == [0, 0, 1, 2]
    assert company_working_time(weekend, datetime(2026, 11, 20, tzinfo=UTC), MOSCOW) == WorkingTime(0, 2, 2, 2)


@pytest.mark.parametrize(
    ("moment", "quarters"),
    [
        ("2026-10-31T23:59:59-04:00", 22 * 36),  # 21 Octobers days and Columbus Day make 22 weekdays
        ("2026-11-01T00:00:00-04:00", 0),
        ("2026-11-02T09:15:00-05:00", 1),  # the Monday after clocks went back
    ],
)
def test_months_change_at_local_midnight_in_new_york(moment, quarters):
    instant = datetime.fromisoformat(moment)
    calendar = Calendar("America/New_York", Weekday.SUNDAY, MONDAY_TO_FRIDAY, None)
    month = period_containing(PeriodKind.MONTH, calendar.day_of(instant), calendar)

    assert company_working_time(month, instant, calendar).elapsed == quarters


def test_day_changes_at_local_midnight_in_vladivostok():
    calendar = Calendar("Asia/Vladivostok", Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
    monday = Period(date(2026, 11, 23), date(2026, 11, 23), PeriodKind.DAY)

    def elapsed(text: str) -> int:
        return company_working_time(monday, datetime.fromisoformat(text), calendar).elapsed

    assert elapsed("2026-11-22T23:00:00+00:00") == 0  # 9:00 on Monday there
    assert elapsed("2026-11-23T05:00:00+00:00") == 24  # 15:00
    assert elapsed("2026-11-23T13:59:59+00:00") == 36
    assert elapsed("2026-11-23T14:00:00+00:00") == 36  # Tuesday


def test_half_a_day_has_elapsed_by_half_of_an_average_working_day():
    whole_days = WorkingTime(elapsed=18, total=36 * 20, workdays=20, workdays_left=20)
    before = WorkingTime(elapsed=17, total=36 * 20, workdays=20, workdays_left=20)

    assert whole_days.has_half_day_elapsed
    assert not before.has_half_day_elapsed
    assert not WorkingTime(0, 1, 0, 0).has_half_day_elapsed


def moscow(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{day}T{clock}+03:00")


def test_share_of_working_day_falls_by_the_hour_within_the_working_hours():
    clocks = ("00:00", "09:00", "09:59", "10:00", "13:30", "17:00", "17:59", "18:00", "23:59")

    assert [share_of_day_left(moscow(18, clock), MOSCOW) for clock in clocks] == pytest.approx(
        [1, 1, 1, 8 / 9, 5 / 9, 1 / 9, 1 / 9, 0, 0]
    )


def test_share_of_day_off_falls_by_the_hour_until_midnight():
    clocks = ("00:00", "00:59", "06:00", "23:59")

    assert [share_of_day_left(moscow(22, clock), MOSCOW) for clock in clocks] == pytest.approx([1, 1, 0.75, 1 / 24])


@for_all(calendars, instants)
def test_share_of_day_changes_exactly_at_the_next_change_that_is_announced(calendar, instant):
    share, next_change = share_of_day_left(instant, calendar), next_share_of_day(instant, calendar)
    tomorrow = calendar.start_of(calendar.day_of(instant) + DAY)

    assert 0 <= share <= 1
    assert share_of_day_left((next_change or tomorrow) - timedelta(microseconds=1), calendar) == share
    assert next_change in (None, tomorrow) or share_of_day_left(next_change, calendar) < share
    assert share_of_day_left(tomorrow, calendar) == 1
