"""Periods: they follow each other without gaps, and invalid ones are refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import (
    InvalidPeriod,
    Period,
    PeriodKind,
    count_elapsed_workdays,
    count_workdays,
    is_month_closed,
    period_containing,
    previous_comparable_period,
    select_period,
    shift_period,
)

DAY = timedelta(days=1)
MONDAY_TO_FRIDAY = frozenset(Weekday(n) for n in range(5))
PLAIN_CALENDAR = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
MOSCOW_CALENDAR = Calendar("Europe/Moscow", Weekday.MONDAY, MONDAY_TO_FRIDAY, "RU")
TODAY = date(2026, 11, 23)  # a Monday

regular_kinds = st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM])
days = st.dates(date(1975, 1, 1), date(2036, 12, 31))
calendars = st.builds(
    Calendar,
    st.sampled_from(["Europe/Moscow", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
    st.sampled_from(Weekday),
    st.frozensets(st.sampled_from(Weekday), min_size=1),
    st.sampled_from([None, "RU", "DE"]),
)


def custom_period(first, last):
    return Period(first, last, PeriodKind.CUSTOM)


def select(kind, **fields):
    return select_period(kind, today=TODAY, calendar=PLAIN_CALENDAR, **fields)


@for_all(regular_kinds, days, calendars)
def test_day_is_in_one_period_and_the_next_begins_the_day_after(kind, day, calendar):
    period = period_containing(kind, day, calendar)
    next_period, previous = shift_period(period, 1, calendar), shift_period(period, -1, calendar)

    assert period.contains(day)
    assert next_period.start == period.end + DAY
    assert previous.end == period.start - DAY


@for_all(regular_kinds, days, calendars, st.integers(-60, 60), st.integers(-60, 60))
def test_shifting_in_one_step_or_two_is_the_same(kind, day, calendar, n, m):
    period = period_containing(kind, day, calendar)

    assert shift_period(shift_period(period, n, calendar), m, calendar) == shift_period(period, n + m, calendar)


@for_all(regular_kinds, days, calendars)
def test_period_is_the_same_from_its_first_and_last_day(kind, day, calendar):
    period = period_containing(kind, day, calendar)

    assert period == period_containing(kind, period.start, calendar) == period_containing(kind, period.end, calendar)


@for_all(days, st.sampled_from(Weekday))
def test_week_has_seven_days_from_week_start(day, week_start):
    week = period_containing(PeriodKind.WEEK, day, Calendar("UTC", week_start, MONDAY_TO_FRIDAY, None))

    assert week.days == 7
    assert week.start.weekday() == week_start


def test_quarter_is_a_calendar_quarter():
    assert period_containing(PeriodKind.QUARTER, TODAY, PLAIN_CALENDAR) == Period(
        date(2026, 10, 1), date(2026, 12, 31), PeriodKind.QUARTER
    )


def test_month_after_january_is_february():
    january = period_containing(PeriodKind.MONTH, date(2028, 1, 31), PLAIN_CALENDAR)

    assert shift_period(january, 1, PLAIN_CALENDAR) == Period(date(2028, 2, 1), date(2028, 2, 29), PeriodKind.MONTH)
    assert shift_period(january, 13, PLAIN_CALENDAR).end == date(2029, 2, 28)


def test_custom_period_shifts_by_its_length():
    assert shift_period(custom_period(date(2026, 11, 1), date(2026, 11, 10)), 1, PLAIN_CALENDAR) == custom_period(
        date(2026, 11, 11), date(2026, 11, 20)
    )


def test_custom_period_containing_a_day_is_invalid():
    with pytest.raises(InvalidPeriod):
        period_containing(PeriodKind.CUSTOM, TODAY, PLAIN_CALENDAR)


# Selected period


def test_period_without_fields_is_the_current_one():
    assert select(PeriodKind.MONTH) == period_containing(PeriodKind.MONTH, TODAY, PLAIN_CALENDAR)


def test_offset_counts_from_period_containing_the_day():
    assert select(PeriodKind.QUARTER, on=date(2026, 2, 10)).start == date(2026, 1, 1)
    assert select(PeriodKind.QUARTER, on=date(2026, 2, 10), offset=-1).start == date(2025, 10, 1)
    assert select(PeriodKind.MONTH, offset=2).start == date(2027, 1, 1)


def test_custom_period_may_last_from_one_day_to_ten_years():
    assert select(PeriodKind.CUSTOM, start=TODAY, end=TODAY).days == 1
    assert select(PeriodKind.CUSTOM, start=TODAY, end=TODAY + 3699 * DAY).days == 3700


@pytest.mark.parametrize(
    ("kind", "how", "field"),
    [
        (PeriodKind.CUSTOM, {}, "start"),
        (PeriodKind.CUSTOM, {"start": TODAY}, "end"),
        (PeriodKind.CUSTOM, {"end": TODAY}, "start"),
        (PeriodKind.CUSTOM, {"start": TODAY, "end": TODAY - DAY}, "end"),
        (PeriodKind.CUSTOM, {"start": TODAY, "end": TODAY + 3700 * DAY}, "end"),
        (PeriodKind.CUSTOM, {"start": TODAY, "end": TODAY, "offset": 1}, "offset"),
        (PeriodKind.CUSTOM, {"start": TODAY, "end": TODAY, "on": TODAY}, "on"),
        (PeriodKind.CUSTOM, {"start": date(1, 1, 1), "end": date(1, 1, 2)}, "start"),
        (PeriodKind.CUSTOM, {"start": date(9999, 12, 30), "end": date(9999, 12, 31)}, "start"),
        (PeriodKind.MONTH, {"start": TODAY}, "start"),
        (PeriodKind.MONTH, {"end": TODAY}, "end"),
        (PeriodKind.DAY, {"offset": 1201}, "offset"),
        (PeriodKind.DAY, {"offset": -1201}, "offset"),
        (PeriodKind.YEAR, {"offset": 1200}, "offset"),
        (PeriodKind.YEAR, {"offset": -1200}, "offset"),
        (PeriodKind.YEAR, {"on": date(9999, 1, 1)}, "on"),
        (PeriodKind.WEEK, {"on": date(1, 1, 1)}, "on"),
        (PeriodKind.YEAR, {"on": date(2200, 1, 1), "offset": 1200}, "offset"),
        (PeriodKind.YEAR, {"on": date(1900, 1, 1), "offset": -1200}, "offset"),
    ],
)
def test_invalid_period_names_the_wrong_field(kind, how, field):
    with pytest.raises(InvalidPeriod) as raised:
        select(kind, **how)

    assert raised.value.field == field
    assert str(raised.value).endswith(".")


# Working days


def test_today_counts_as_elapsed_only_when_over():
    november = period_containing(PeriodKind.MONTH, TODAY, MOSCOW_CALENDAR)  # the 4th is a holiday

    assert count_workdays(november, MOSCOW_CALENDAR) == 20
    assert count_elapsed_workdays(november, date(2026, 11, 2), MOSCOW_CALENDAR) == 0
    assert count_elapsed_workdays(november, date(2026, 11, 3), MOSCOW_CALENDAR) == 1
    assert count_elapsed_workdays(november, TODAY, MOSCOW_CALENDAR) == 14
    assert count_elapsed_workdays(november, date(2026, 12, 1), MOSCOW_CALENDAR) == 20


# Comparable previous period


def test_past_period_compares_with_whole_previous_period():
    october = period_containing(PeriodKind.MONTH, date(2026, 10, 10), MOSCOW_CALENDAR)

    assert previous_comparable_period(october, TODAY, MOSCOW_CALENDAR) == period_containing(
        PeriodKind.MONTH, date(2026, 9, 1), MOSCOW_CALENDAR
    )


def test_future_period_compares_with_whole_previous_period():
    december = period_containing(PeriodKind.MONTH, date(2026, 12, 10), MOSCOW_CALENDAR)

    assert previous_comparable_period(december, TODAY, MOSCOW_CALENDAR) == period_containing(
        PeriodKind.MONTH, TODAY, MOSCOW_CALENDAR
    )


def test_running_period_compares_with_same_number_of_workdays():
    november = period_containing(PeriodKind.MONTH, TODAY, MOSCOW_CALENDAR)

    previous = previous_comparable_period(
        november, date(2026, 11, 20), MOSCOW_CALENDAR
    )  # 13 workdays of November are over

    assert previous == custom_period(date(2026, 10, 1), date(2026, 10, 19))


def test_period_on_its_first_day_compares_with_empty_period():
    november = period_containing(PeriodKind.MONTH, TODAY, PLAIN_CALENDAR)

    assert previous_comparable_period(november, date(2026, 11, 1), PLAIN_CALENDAR).days == 0


def test_elapsed_days_off_compare_with_days_off():
    week = period_containing(PeriodKind.WEEK, TODAY, PLAIN_CALENDAR)

    on_saturday = previous_comparable_period(week, date(2026, 11, 28), PLAIN_CALENDAR)
    on_sunday = previous_comparable_period(week, date(2026, 11, 29), PLAIN_CALENDAR)

    assert (on_saturday.end, on_sunday.end) == (date(2026, 11, 20), date(2026, 11, 21))


def test_custom_period_compares_with_same_number_of_days_before():
    past = custom_period(date(2026, 11, 2), date(2026, 11, 11))
    running = custom_period(date(2026, 11, 16), date(2026, 11, 25))

    assert previous_comparable_period(past, TODAY, PLAIN_CALENDAR) == custom_period(
        date(2026, 10, 23), date(2026, 11, 1)
    )
    assert previous_comparable_period(running, TODAY, PLAIN_CALENDAR) == custom_period(
        date(2026, 11, 6), date(2026, 11, 12)
    )


def test_running_period_without_workdays_compares_by_calendar_days():
    weekend = custom_period(date(2026, 11, 21), date(2026, 11, 22))

    assert previous_comparable_period(weekend, date(2026, 11, 22), PLAIN_CALENDAR) == custom_period(
        date(2026, 11, 19), date(2026, 11, 19)
    )


@for_all(regular_kinds, days, calendars)
def test_comparable_period_of_running_period_has_same_number_of_workdays(kind, today, calendar):
    period = period_containing(kind, today, calendar)
    whole_previous = shift_period(period, -1, calendar)

    previous = previous_comparable_period(period, today, calendar)

    assert previous.start == whole_previous.start
    assert previous.end <= whole_previous.end
    if count_workdays(period, calendar):
        elapsed = count_elapsed_workdays(period, today, calendar)
        assert count_workdays(previous, calendar) == min(elapsed, count_workdays(whole_previous, calendar))


# Closing


@pytest.mark.parametrize(
    ("today", "closed"),
    [
        (date(2026, 10, 31), False),
        (date(2026, 11, 1), False),
        (date(2026, 11, 5), False),  # workdays since: the 2nd and the 3rd; the 4th is a holiday
        (date(2026, 11, 6), True),
        (date(2027, 11, 6), True),
    ],
)
def test_month_closes_after_configured_number_of_workdays(today, closed):
    for day in (date(2026, 10, 1), date(2026, 10, 31)):
        assert is_month_closed(day, today=today, calendar=MOSCOW_CALENDAR, close_after_workdays=3) is closed


def test_month_closes_at_once_with_zero_workdays_to_wait():
    assert not is_month_closed(
        date(2026, 10, 31), today=date(2026, 10, 31), calendar=PLAIN_CALENDAR, close_after_workdays=0
    )
    assert is_month_closed(date(2026, 10, 31), today=date(2026, 11, 1), calendar=PLAIN_CALENDAR, close_after_workdays=0)


def test_month_never_closes_without_configured_workdays():
    assert not is_month_closed(date(1999, 1, 1), today=TODAY, calendar=PLAIN_CALENDAR, close_after_workdays=None)
