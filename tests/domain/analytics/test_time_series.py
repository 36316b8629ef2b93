"""Points of time series, figures of closed deals, and comparable previous periods."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from statistics import median as plain_median

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.analytics.time_series import ClosedDeals, Interval, Point, build_points, max_point_count, median_of_counts
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing, previous_comparable_period, shift_period

MONDAY_WEEKS = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(list(Weekday)[:5]), "DE")
SUNDAY_WEEKS = Calendar("America/New_York", Weekday.SUNDAY, frozenset(list(Weekday)[:5]), None)
DAYS = st.dates(date(2015, 1, 1), date(2031, 12, 31))
PERIODS = st.builds(
    lambda start, n: Period(start, start + timedelta(days=n), PeriodKind.CUSTOM), DAYS, st.integers(0, 800)
)
NOVEMBER = period_containing(PeriodKind.MONTH, date(2026, 11, 1), MONDAY_WEEKS)


def test_days_without_values_are_zero():
    chart = build_points({date(2026, 11, 3): 7}, NOVEMBER, Interval.DAY, MONDAY_WEEKS)

    assert len(chart) == 30
    assert [point for point in chart if point.value] == [Point(date(2026, 11, 3), 7)]


@pytest.mark.parametrize(
    ("calendar", "starts"), [(MONDAY_WEEKS, [1, 2, 9, 16, 23, 30]), (SUNDAY_WEEKS, [1, 8, 15, 22, 29])]
)
def test_weeks_start_on_company_week_start_and_are_cut_at_period_ends(calendar, starts):
    values = {NOVEMBER.start + timedelta(days=n): 1 for n in range(-10, 50)}  # 1 November 2026 is a Sunday

    chart = build_points(values, NOVEMBER, Interval.WEEK, calendar)

    assert [point.start.day for point in chart] == starts
    assert sum(point.value for point in chart) == 30
    assert [point.value for point in chart] == ([1, 7, 7, 7, 7, 1] if calendar is MONDAY_WEEKS else [7, 7, 7, 7, 2])


def test_months_of_custom_period_are_cut_at_its_ends():
    period = Period(date(2026, 1, 31), date(2026, 3, 1), PeriodKind.CUSTOM)
    values = {date(2026, 1, 31) + timedelta(days=n): 1 for n in range(-1, 40)}

    assert build_points(values, period, Interval.MONTH, MONDAY_WEEKS) == [
        Point(date(2026, 1, 31), 1), Point(date(2026, 2, 1), 28), Point(date(2026, 3, 1), 1)
    ]  # fmt: skip


@for_all(
    PERIODS,
    st.sampled_from(Interval),
    st.sampled_from([MONDAY_WEEKS, SUNDAY_WEEKS]),
    st.dictionaries(DAYS, st.integers()),
)
def test_points_have_no_gaps_and_add_up_to_period_total(period, interval, calendar, values):
    values |= {period.start: 5, period.end: 7}
    chart = build_points(values, period, interval, calendar)

    assert chart[0].start == period.start
    assert all(a.start < b.start for a, b in pairwise(chart))
    assert sum(point.value for point in chart) == sum(v for day, v in values.items() if period.contains(day))
    assert len(chart) <= max_point_count(period, interval)


@for_all(st.lists(st.integers(0, 400), min_size=1))
def test_median_of_counts_equals_median_of_values(values):
    assert median_of_counts({value: values.count(value) for value in values}) == plain_median(values)


def test_closed_deals_have_no_figures_without_deals():
    empty = ClosedDeals()

    assert (empty.win_rate, empty.average_value, empty.median_cycle_days) == (None, None, None)


def test_win_rate_is_zero_with_only_a_loss():
    assert ClosedDeals(lost=1).win_rate == 0


# Comparable previous period


def elapsed_workdays_one_by_one(period, today, calendar):
    days = (period.start + timedelta(days=n) for n in range((today - period.start).days))
    return sum(calendar.is_workday(day) for day in days)


@for_all(DAYS, st.sampled_from([kind for kind in PeriodKind if kind is not PeriodKind.CUSTOM]), st.integers(-500, 500))
def test_past_or_future_period_compares_with_whole_previous_period(day, kind, days_away):
    period = period_containing(kind, day, MONDAY_WEEKS)
    today = day + timedelta(days=days_away)
    if not period.contains(today):
        previous = previous_comparable_period(period, today, MONDAY_WEEKS)

        assert previous == shift_period(period, -1, MONDAY_WEEKS)
        assert previous.end == period.start - timedelta(days=1)


@for_all(DAYS, st.sampled_from([PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR]))
def test_current_period_compares_with_same_number_of_workdays(today, kind):
    period = period_containing(kind, today, MONDAY_WEEKS)
    previous, whole_previous = (
        previous_comparable_period(period, today, MONDAY_WEEKS),
        shift_period(period, -1, MONDAY_WEEKS),
    )
    elapsed = elapsed_workdays_one_by_one(period, today, MONDAY_WEEKS)

    assert previous.start == whole_previous.start
    assert previous.end <= whole_previous.end
    previous_workdays = MONDAY_WEEKS.count_workdays(previous.start, previous.end)
    assert previous_workdays == min(elapsed, MONDAY_WEEKS.count_workdays(whole_previous.start, whole_previous.end))


@for_all(PERIODS)
def test_custom_period_compares_with_same_number_of_days_before(period):
    previous = previous_comparable_period(period, period.end + timedelta(days=1), MONDAY_WEEKS)

    assert (previous.days, previous.end) == (period.days, period.start - timedelta(days=1))


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
def test_previous_comparable_period_at_month_ends_and_leap_days(today, start, end):
    period = period_containing(PeriodKind.MONTH, date.fromisoformat(today), MONDAY_WEEKS)
    previous = previous_comparable_period(period, date.fromisoformat(today), MONDAY_WEEKS)

    assert (str(previous.start), str(previous.end)) == (start, end)
