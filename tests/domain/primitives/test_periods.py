"""Periods: they follow each other without gaps, and invalid ones are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import (
    InvalidPeriod,
    Period,
    PeriodKind,
    elapsed_workdays,
    instants,
    is_closed,
    paced,
    period_of,
    previous_comparable,
    resolve,
    shifted,
    workdays,
)

DAY = timedelta(days=1)
MONDAY_TO_FRIDAY = frozenset(Weekday(n) for n in range(5))
PLAIN = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, None)
MOSCOW = Calendar("Europe/Moscow", Weekday.MONDAY, MONDAY_TO_FRIDAY, "RU")
TODAY = date(2026, 11, 23)  # a Monday

regular = st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM])
days = st.dates(date(1975, 1, 1), date(2036, 12, 31))
calendars = st.builds(
    Calendar,
    st.sampled_from(["Europe/Moscow", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
    st.sampled_from(Weekday),
    st.frozensets(st.sampled_from(Weekday), min_size=1),
    st.sampled_from([None, "RU", "DE"]),
)


def custom(first, last):
    return Period(first, last, PeriodKind.CUSTOM)


def ask(kind, **how):
    return resolve(kind, today=TODAY, calendar=PLAIN, **how)


@given(regular, days, calendars)
def test_every_day_is_in_one_period_and_the_next_begins_the_day_after(kind, day, calendar):
    period = period_of(kind, day, calendar)
    following, before = shifted(period, 1, calendar), shifted(period, -1, calendar)

    assert period.contains(day)
    assert following.start == period.end + DAY
    assert before.end == period.start - DAY


@given(regular, days, calendars)
def test_the_instants_of_a_period_end_where_those_of_the_next_begin(kind, day, calendar):
    period = period_of(kind, day, calendar)
    start, end = instants(period, calendar)

    assert end == instants(shifted(period, 1, calendar), calendar)[0]
    assert (start.tzinfo is UTC and start < end) or period.days == 1


@given(regular, days, calendars, st.integers(-60, 60), st.integers(-60, 60))
def test_going_on_by_index_is_the_same_in_one_step_or_two(kind, day, calendar, n, m):
    period = period_of(kind, day, calendar)

    assert shifted(shifted(period, n, calendar), m, calendar) == shifted(period, n + m, calendar)


@given(regular, days, calendars)
def test_a_period_is_that_of_each_of_its_days(kind, day, calendar):
    period = period_of(kind, day, calendar)

    assert period == period_of(kind, period.start, calendar) == period_of(kind, period.end, calendar)


@given(days, st.sampled_from(Weekday))
def test_a_week_has_seven_days_from_its_first(day, week_start):
    week = period_of(PeriodKind.WEEK, day, Calendar("UTC", week_start, MONDAY_TO_FRIDAY, None))

    assert week.days == 7
    assert week.start.weekday() == week_start


def test_a_quarter_is_one_of_the_calendar():
    assert period_of(PeriodKind.QUARTER, TODAY, PLAIN) == Period(
        date(2026, 10, 1), date(2026, 12, 31), PeriodKind.QUARTER
    )


def test_the_month_after_january_is_february_however_short():
    january = period_of(PeriodKind.MONTH, date(2028, 1, 31), PLAIN)

    assert shifted(january, 1, PLAIN) == Period(date(2028, 2, 1), date(2028, 2, 29), PeriodKind.MONTH)
    assert shifted(january, 13, PLAIN).end == date(2029, 2, 28)


def test_a_custom_stretch_is_followed_by_one_of_its_length():
    assert shifted(custom(date(2026, 11, 1), date(2026, 11, 10)), 1, PLAIN) == custom(
        date(2026, 11, 11), date(2026, 11, 20)
    )


def test_a_month_begins_at_the_companys_midnight():
    november = period_of(PeriodKind.MONTH, TODAY, MOSCOW)

    assert instants(november, MOSCOW) == (
        datetime(2026, 10, 31, 21, tzinfo=UTC),
        datetime(2026, 11, 30, 21, tzinfo=UTC),
    )


def test_a_custom_kind_of_one_day_cannot_be_told():
    with pytest.raises(InvalidPeriod):
        period_of(PeriodKind.CUSTOM, TODAY, PLAIN)


@pytest.mark.parametrize(
    ("kind", "english", "russian"),
    [
        (PeriodKind.DAY, "23 November 2026", "23 ноября 2026"),
        (PeriodKind.WEEK, "Week of 23 November 2026", "Неделя с 23 ноября 2026"),
        (PeriodKind.MONTH, "November 2026", "Ноябрь 2026"),
        (PeriodKind.QUARTER, "Q4 2026", "4-й квартал 2026"),
        (PeriodKind.YEAR, "2026", "2026 год"),
    ],
)
def test_a_period_is_called_what_people_call_it(kind, english, russian):
    period = period_of(kind, TODAY, PLAIN)

    assert (period.label(), period.label("ru"), period.label("ru-RU"), period.label("fr")) == (
        english,
        russian,
        russian,
        english,
    )


def test_a_custom_period_is_called_by_its_days():
    period = custom(date(2026, 11, 1), date(2026, 12, 15))

    assert period.label() == "1 November 2026 – 15 December 2026"
    assert period.label("ru") == "1 ноября 2026 – 15 декабря 2026"


# Selected period


def test_without_anything_said_it_is_the_current_one():
    assert ask(PeriodKind.MONTH) == period_of(PeriodKind.MONTH, TODAY, PLAIN)


def test_an_offset_counts_from_the_period_that_holds_the_day():
    assert ask(PeriodKind.QUARTER, on=date(2026, 2, 10)).label() == "Q1 2026"
    assert ask(PeriodKind.QUARTER, on=date(2026, 2, 10), offset=-1).label() == "Q4 2025"
    assert ask(PeriodKind.MONTH, offset=2).label() == "January 2027"


def test_a_custom_period_may_have_one_day_and_ten_years():
    assert ask(PeriodKind.CUSTOM, start=TODAY, end=TODAY).days == 1
    assert ask(PeriodKind.CUSTOM, start=TODAY, end=TODAY + 3699 * DAY).days == 3700


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
def test_what_cannot_be_meant_is_refused_by_the_field_that_is_wrong(kind, how, field):
    with pytest.raises(InvalidPeriod) as refused:
        ask(kind, **how)

    assert refused.value.field == field
    assert str(refused.value).endswith(".")


# Working days


def test_today_counts_as_elapsed_when_it_is_over():
    november = period_of(PeriodKind.MONTH, TODAY, MOSCOW)  # the 4th is a holiday

    assert workdays(november, MOSCOW) == 20
    assert elapsed_workdays(november, date(2026, 11, 2), MOSCOW) == 0
    assert elapsed_workdays(november, date(2026, 11, 3), MOSCOW) == 1
    assert elapsed_workdays(november, TODAY, MOSCOW) == 14
    assert elapsed_workdays(november, date(2026, 12, 1), MOSCOW) == 20


@given(regular, days, days, calendars)
def test_elapsed_days_lie_between_none_and_all(kind, day, today, calendar):
    period = period_of(kind, day, calendar)
    elapsed, whole = paced(period, today, calendar)

    assert 0 <= elapsed <= whole
    assert whole > 0
    if today <= period.start:
        assert elapsed == 0
    if today > period.end:
        assert elapsed == whole


def test_a_period_without_working_days_goes_by_the_calendar():
    weekend = custom(date(2026, 11, 21), date(2026, 11, 22))

    assert workdays(weekend, PLAIN) == 0
    assert paced(weekend, date(2026, 11, 21), PLAIN) == (0, 2)
    assert paced(weekend, date(2026, 11, 22), PLAIN) == (1, 2)
    assert paced(weekend, date(2026, 11, 30), PLAIN) == (2, 2)


# Comparable previous period


def test_a_period_that_is_over_is_compared_with_the_whole_one_before():
    october = period_of(PeriodKind.MONTH, date(2026, 10, 10), MOSCOW)

    assert previous_comparable(october, TODAY, MOSCOW) == period_of(PeriodKind.MONTH, date(2026, 9, 1), MOSCOW)


def test_so_is_one_that_lies_ahead():
    december = period_of(PeriodKind.MONTH, date(2026, 12, 10), MOSCOW)

    assert previous_comparable(december, TODAY, MOSCOW) == period_of(PeriodKind.MONTH, TODAY, MOSCOW)


def test_while_running_it_is_compared_with_as_many_working_days():
    november = period_of(PeriodKind.MONTH, TODAY, MOSCOW)

    before = previous_comparable(november, date(2026, 11, 20), MOSCOW)  # 13 workdays of November are over

    assert before == custom(date(2026, 10, 1), date(2026, 10, 19))


def test_on_its_first_day_there_is_nothing_to_compare_with_yet():
    november = period_of(PeriodKind.MONTH, TODAY, PLAIN)

    assert previous_comparable(november, date(2026, 11, 1), PLAIN).days == 0


def test_days_off_that_have_passed_are_compared_with_days_off():
    week = period_of(PeriodKind.WEEK, TODAY, PLAIN)

    on_saturday = previous_comparable(week, date(2026, 11, 28), PLAIN)
    on_sunday = previous_comparable(week, date(2026, 11, 29), PLAIN)

    assert (on_saturday.end, on_sunday.end) == (date(2026, 11, 20), date(2026, 11, 21))


def test_before_a_custom_period_come_as_many_days_ending_the_day_before():
    over = custom(date(2026, 11, 2), date(2026, 11, 11))
    running = custom(date(2026, 11, 16), date(2026, 11, 25))

    assert previous_comparable(over, TODAY, PLAIN) == custom(date(2026, 10, 23), date(2026, 11, 1))
    assert previous_comparable(running, TODAY, PLAIN) == custom(date(2026, 11, 6), date(2026, 11, 12))


def test_a_running_period_without_working_days_is_compared_by_the_calendar():
    weekend = custom(date(2026, 11, 21), date(2026, 11, 22))

    assert previous_comparable(weekend, date(2026, 11, 22), PLAIN) == custom(date(2026, 11, 19), date(2026, 11, 19))


@given(regular, days, calendars)
def test_what_a_running_period_is_compared_with_has_as_many_working_days(kind, today, calendar):
    period = period_of(kind, today, calendar)
    whole_before = shifted(period, -1, calendar)

    before = previous_comparable(period, today, calendar)

    assert before.start == whole_before.start
    assert before.end <= whole_before.end
    if workdays(period, calendar):
        elapsed = elapsed_workdays(period, today, calendar)
        assert workdays(before, calendar) == min(elapsed, workdays(whole_before, calendar))


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
def test_a_month_is_closed_when_so_many_working_days_after_it_are_over(today, closed):
    for day in (date(2026, 10, 1), date(2026, 10, 31)):
        assert is_closed(day, today=today, calendar=MOSCOW, close_after=3) is closed


def test_with_no_days_to_wait_a_month_is_closed_when_it_is_over():
    assert not is_closed(date(2026, 10, 31), today=date(2026, 10, 31), calendar=PLAIN, close_after=0)
    assert is_closed(date(2026, 10, 31), today=date(2026, 11, 1), calendar=PLAIN, close_after=0)


def test_without_a_number_of_days_nothing_is_ever_closed():
    assert not is_closed(date(1999, 1, 1), today=TODAY, calendar=PLAIN, close_after=None)
