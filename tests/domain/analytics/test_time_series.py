"""Points of time series, and figures of closed deals."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from statistics import median as plain_median

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.analytics.time_series import (
    ClosedDeals,
    Interval,
    Point,
    average_amount,
    build_points,
    max_point_count,
    median_of_counts,
)
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing

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

    assert (empty.win_rate, empty.median_cycle_days) == (None, None)


def test_average_amount_is_none_when_corrections_leave_no_win():
    assert [average_amount(total, count) for total, count in ((0, 0), (500, 0), (-500, -1))] == [None] * 3
    assert average_amount(-500, 2) == -250


def test_win_rate_is_zero_with_only_a_loss():
    assert ClosedDeals(lost=1).win_rate == 0
