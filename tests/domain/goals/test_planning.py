"""Plans: the periods that a base takes, the ramp of newcomers, rounding, and weights."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from domain.goals import planning
from domain.goals.planning import PlanBase
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing

CALENDAR = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday(day) for day in range(5)), None)
TODAY = date(2026, 11, 18)
DECEMBER = period_containing(PeriodKind.MONTH, date(2026, 12, 1), CALENDAR)


def test_last_period_is_the_last_that_is_over() -> None:
    assert planning.last_period_over(DECEMBER, TODAY, CALENDAR).start == date(2026, 10, 1)
    assert planning.last_period_over(DECEMBER, date(2026, 12, 1), CALENDAR).start == date(2026, 11, 1)
    assert planning.last_period_over(DECEMBER, date(2027, 5, 1), CALENDAR).start == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("today", "end"),
    [
        ("2026-12-20", "2026-11-30"),
        ("2026-12-10", "2026-11-30"),
        ("2026-12-01", "2026-11-30"),
        ("2026-11-30", "2026-11-20"),
        ("2026-11-21", "2026-11-20"),
    ],
)
def test_last_period_over_of_custom_days_is_as_long(today: str, end: str) -> None:
    ten_days = Period(date(2026, 12, 1), date(2026, 12, 10), PeriodKind.CUSTOM)

    earlier = planning.last_period_over(ten_days, date.fromisoformat(today), CALENDAR)

    assert (earlier.end, earlier.days) == (date.fromisoformat(end), 10)


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        (PeriodKind.MONTH, date(2026, 12, 5), date(2025, 12, 1)),
        (PeriodKind.QUARTER, date(2026, 12, 5), date(2025, 10, 1)),
        (PeriodKind.YEAR, date(2026, 12, 5), date(2025, 1, 1)),
        (PeriodKind.WEEK, date(2026, 12, 7), date(2025, 12, 8)),
        (PeriodKind.DAY, date(2026, 12, 7), date(2025, 12, 8)),  # a Monday again
    ],
)
def test_same_period_last_year(kind: PeriodKind, day: date, expected: date) -> None:
    period = period_containing(kind, day, CALENDAR)

    assert planning.same_period_last_year(period, CALENDAR).start == expected


def test_custom_period_last_year_has_the_same_dates() -> None:
    leap = Period(date(2028, 2, 10), date(2028, 2, 29), PeriodKind.CUSTOM)

    assert planning.same_period_last_year(leap, CALENDAR) == Period(
        date(2027, 2, 10), date(2027, 2, 28), PeriodKind.CUSTOM
    )


def test_mean_takes_the_last_periods_that_are_over() -> None:
    days = planning.base_range(PlanBase.MEAN, 3, DECEMBER, TODAY, CALENDAR)

    assert days == Period(date(2026, 8, 1), date(2026, 10, 31), PeriodKind.CUSTOM)


@pytest.mark.parametrize(
    ("joined_on", "months"),
    [
        (date(2026, 12, 11), 0),
        (date(2026, 11, 2), 0),
        (date(2026, 11, 1), 1),
        (date(2025, 12, 1), 12),
    ],
)
def test_months_since_joining_are_full_ones(joined_on: date, months: int) -> None:
    assert planning.count_full_months(joined_on, date(2026, 12, 1)) == months


def test_newcomer_carries_the_share_of_their_month() -> None:
    ramp = [Fraction(1, 4), Fraction(1, 2)]

    shares = [
        planning.ramp_share(ramp, joined, date(2026, 12, 1))
        for joined in (date(2026, 11, 15), date(2026, 10, 20), date(2026, 9, 1), None)
    ]

    assert shares == [Fraction(1, 4), Fraction(1, 2), 1, 1]


def test_total_is_rounded_half_up_to_a_multiple() -> None:
    assert planning.raise_and_round(Fraction(1000), Fraction(5), 100) == 1100
    assert planning.raise_and_round(Fraction(1000), Fraction(49, 10), 100) == 1000
    assert planning.raise_and_round(Fraction(1000), Fraction(-10), 1) == 900


def test_weights_keep_their_proportion_as_whole_numbers() -> None:
    assert planning.to_integer_weights([Fraction(1, 3), Fraction(1, 2), Fraction(-1), Fraction(0)]) == [2, 3, 0, 0]
