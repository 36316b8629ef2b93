"""Points of time series, figures of closed deals, and comparable previous periods."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from statistics import median as plain_median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analytics.time_series import Closed, Interval, Point, count, median, points
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_of, previous_comparable, shifted

MONDAYS = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(list(Weekday)[:5]), "DE")
SUNDAYS = Calendar("America/New_York", Weekday.SUNDAY, frozenset(list(Weekday)[:5]), None)
DAYS = st.dates(date(2015, 1, 1), date(2031, 12, 31))
PERIODS = st.builds(
    lambda start, n: Period(start, start + timedelta(days=n), PeriodKind.CUSTOM), DAYS, st.integers(0, 800)
)
NOVEMBER = period_of(PeriodKind.MONTH, date(2026, 11, 1), MONDAYS)


def test_days_without_anything_are_zeros():
    found = points({date(2026, 11, 3): 7}, NOVEMBER, Interval.DAY, MONDAYS)

    assert len(found) == 30
    assert [point for point in found if point.value] == [Point(date(2026, 11, 3), 7)]


@pytest.mark.parametrize(("calendar", "starts"), [(MONDAYS, [1, 2, 9, 16, 23, 30]), (SUNDAYS, [1, 8, 15, 22, 29])])
def test_weeks_begin_on_the_companys_day_and_are_cut_at_the_ends_of_the_period(calendar, starts):
    values = {NOVEMBER.start + timedelta(days=n): 1 for n in range(-10, 50)}  # 1 November 2026 is a Sunday

    found = points(values, NOVEMBER, Interval.WEEK, calendar)

    assert [point.start.day for point in found] == starts
    assert sum(point.value for point in found) == 30
    assert [point.value for point in found] == ([1, 7, 7, 7, 7, 1] if calendar is MONDAYS else [7, 7, 7, 7, 2])


def test_months_of_a_custom_period_are_cut_at_its_ends():
    period = Period(date(2026, 1, 31), date(2026, 3, 1), PeriodKind.CUSTOM)
    values = {date(2026, 1, 31) + timedelta(days=n): 1 for n in range(-1, 40)}

    assert points(values, period, Interval.MONTH, MONDAYS) == [
        Point(date(2026, 1, 31), 1), Point(date(2026, 2, 1), 28), Point(date(2026, 3, 1), 1)
    ]  # fmt: skip


@given(PERIODS, st.sampled_from(Interval), st.sampled_from([MONDAYS, SUNDAYS]), st.dictionaries(DAYS, st.integers()))
def test_points_follow_each_other_without_a_gap_and_add_up_to_the_period(period, interval, calendar, values):
    values |= {period.start: 5, period.end: 7}
    found = points(values, period, interval, calendar)

    assert found[0].start == period.start
    assert all(a.start < b.start for a, b in pairwise(found))
    assert sum(point.value for point in found) == sum(v for day, v in values.items() if period.contains(day))
    assert len(found) <= count(period, interval)


@given(st.lists(st.integers(0, 400), min_size=1))
def test_the_median_is_that_of_the_values_one_by_one(values):
    assert median({value: values.count(value) for value in values}) == plain_median(values)


def test_without_deals_nothing_is_said_of_them():
    nothing = Closed()

    assert (nothing.win_rate, nothing.average, nothing.median_cycle) == (None, None, None)


def test_a_loss_alone_is_a_rate_of_nothing_won():
    assert Closed(lost=1).win_rate == 0


# Comparable previous period


def workdays_over(period, today, calendar):
    days = (period.start + timedelta(days=n) for n in range((today - period.start).days))
    return sum(calendar.is_working(day) for day in days)


@given(DAYS, st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM]), st.integers(-500, 500))
def test_what_is_over_or_ahead_is_compared_with_the_whole_period_before(day, kind, away):
    period = period_of(kind, day, MONDAYS)
    today = day + timedelta(days=away)
    if not period.contains(today):
        before = previous_comparable(period, today, MONDAYS)

        assert before == shifted(period, -1, MONDAYS)
        assert before.end == period.start - timedelta(days=1)


@given(DAYS, st.sampled_from([PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR]))
def test_what_is_running_is_compared_up_to_as_many_working_days(today, kind):
    period = period_of(kind, today, MONDAYS)
    before, whole = previous_comparable(period, today, MONDAYS), shifted(period, -1, MONDAYS)
    elapsed = workdays_over(period, today, MONDAYS)

    assert before.start == whole.start
    assert before.end <= whole.end
    compared = MONDAYS.workdays(before.start, before.end)
    assert compared == min(elapsed, MONDAYS.workdays(whole.start, whole.end))


@given(PERIODS)
def test_before_a_custom_period_lie_as_many_days(period):
    before = previous_comparable(period, period.end + timedelta(days=1), MONDAYS)

    assert (before.days, before.end) == (period.days, period.start - timedelta(days=1))


@pytest.mark.parametrize(
    ("today", "start", "end"),
    [
        ("2024-03-31", "2024-02-01", "2024-02-28"),  # 20 workdays are over, Easter is off; the 29th was a workday
        ("2023-03-31", "2023-02-01", "2023-02-28"),
        ("2024-02-29", "2024-01-01", "2024-01-29"),  # 20 workdays: in January, with a holiday, until the 29th
        ("2026-11-01", "2026-10-01", "2026-09-30"),  # the first day: the compared period is empty
        ("2026-10-31", "2026-09-01", "2026-09-30"),  # 22 workdays are over, and September has no more
        ("2026-12-31", "2026-11-01", "2026-11-30"),
        ("2027-01-02", "2026-12-01", "2026-11-30"),  # New Year's Day is off, and December began with a workday
    ],
)  # fmt: skip
def test_month_ends_and_leap_days(today, start, end):
    period = period_of(PeriodKind.MONTH, date.fromisoformat(today), MONDAYS)
    before = previous_comparable(period, date.fromisoformat(today), MONDAYS)

    assert (str(before.start), str(before.end)) == (start, end)
