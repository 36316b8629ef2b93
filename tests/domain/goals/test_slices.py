"""Slices of a goal: they add up, pace follows them, and slices by working time are as if there were none."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.goals.progress import Pace, Progress, ProjectionBasis, calculate_progress, next_pace_change
from domain.goals.slices import Slice, list_months, list_months_before, scale_slices
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind, period_containing
from domain.primitives.working_time import company_working_time

CALENDAR = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday(n) for n in range(5)), "DE")
QUARTER = period_containing(PeriodKind.QUARTER, date(2026, 11, 18), CALENDAR)
MONTHS = list_months(QUARTER, CALENDAR)
FIRST = CALENDAR.start_of(QUARTER.start)
LENGTH = int((CALENDAR.start_of(QUARTER.end + timedelta(days=1)) - FIRST).total_seconds())
AMOUNTS = st.lists(st.integers(0, 10**9), min_size=3, max_size=3).filter(any)
INSTANTS = st.integers(-86_400, LENGTH + 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))


def progress_at(instant: datetime, value: int, amounts: list[int] | None, target: int | None = None) -> Progress:
    """Return the progress of a goal of the quarter with slices of these amounts; None: without slices."""
    slices = [
        Slice(month, amount, company_working_time(month, instant, CALENDAR))
        for month, amount in zip(MONTHS, amounts or (), strict=bool(amounts))
    ]
    return calculate_progress(
        value,
        target or sum(amounts or ()),
        QUARTER,
        company_working_time(QUARTER, instant, CALENDAR),
        today=CALENDAR.day_of(instant),
        slices=slices,
    )


def at(day: str, clock: str = "00:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=FIRST.tzinfo)


@for_all(st.lists(st.integers(0, 10**12), min_size=2, max_size=12), st.integers(1, 10**12))
def test_slices_add_up_to_any_target_and_keep_their_order(amounts: list[int], target: int) -> None:
    slices = scale_slices(amounts, target)

    assert sum(slices) == target
    assert all(part >= 0 for part in slices)
    if any(amounts):
        assert all(
            abs(part - Fraction(amount * target, sum(amounts))) < 1
            for part, amount in zip(slices, amounts, strict=True)
        )


@for_all(AMOUNTS)
def test_slices_beside_their_own_target_are_the_same(amounts: list[int]) -> None:
    assert scale_slices(amounts, sum(amounts)) == amounts


@for_all(AMOUNTS, INSTANTS, INSTANTS)
def test_expected_value_never_falls_and_ends_at_the_target(amounts: list[int], one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))

    expected = [progress_at(instant, 0, amounts).expected_by_now for instant in (earlier, later)]

    assert 0 <= expected[0] <= expected[1] <= sum(amounts)
    assert progress_at(FIRST, 0, amounts).expected_by_now == 0
    assert progress_at(FIRST + timedelta(seconds=LENGTH), 0, amounts).expected_by_now == sum(amounts)


@for_all(AMOUNTS, st.integers(1, 2))
def test_expected_value_at_the_beginning_of_a_month_is_what_the_months_before_add_up_to(
    amounts: list[int], index: int
) -> None:
    instant = CALENDAR.start_of(MONTHS[index].start)

    assert progress_at(instant, 0, amounts).expected_by_now == sum(amounts[:index])


@for_all(st.integers(1, 10**6), st.integers(-(10**6), 10**10), INSTANTS)
def test_slices_in_proportion_to_working_time_are_as_if_there_were_none(
    factor: int, value: int, instant: datetime
) -> None:
    amounts = [factor * CALENDAR.count_quarters(month.start, month.end) for month in MONTHS]

    sliced, even = progress_at(instant, value, amounts), progress_at(instant, value, None, sum(amounts))

    assert sliced.expected_by_now == even.expected_by_now
    assert (sliced.pace, sliced.projected, sliced.pace_projection_basis) == (
        even.pace, even.projected, even.pace_projection_basis,
    )  # fmt: skip
    assert sliced.needed_per_workday == even.needed_per_workday
    assert next_pace_change(sliced, instant, CALENDAR) == next_pace_change(even, instant, CALENDAR)


@for_all(AMOUNTS, st.integers(0, 10**9), INSTANTS)
def test_next_change_of_the_pace_is_the_first_of_the_day(amounts: list[int], value: int, instant: datetime) -> None:
    progress = progress_at(instant, value, amounts)
    changes = []
    moment = instant
    while CALENDAR.day_of(moment) == CALENDAR.day_of(instant) and not changes:
        if progress_at(moment, value, amounts).pace is not progress.pace:
            changes.append(moment)
        elapsed = CALENDAR.elapsed_quarters(moment)
        if elapsed == CALENDAR.count_quarters(CALENDAR.day_of(instant), CALENDAR.day_of(instant)):
            break
        moment = CALENDAR.instant_of_quarter(CALENDAR.day_of(instant), elapsed + 1)

    assert next_pace_change(progress, instant, CALENDAR) == (changes[0] if changes else None)


def test_pace_follows_the_slices() -> None:
    instant = at("2026-11-02")  # October is over: 22 working days of 65

    assert progress_at(instant, 200, [200, 300, 500]).pace is Pace.ON_TRACK
    assert progress_at(instant, 200, None, 1000).pace is Pace.BEHIND
    assert progress_at(instant, 200, [100, 100, 800]).pace is Pace.AHEAD


def test_projection_by_pace_continues_along_the_slices() -> None:
    progress = progress_at(at("2026-11-02"), 150, [100, 100, 800])

    assert (progress.projected, progress.pace_projection_basis) == (Fraction(1500), ProjectionBasis.PACE)


def test_projection_without_anything_expected_yet_is_the_value() -> None:
    progress = progress_at(at("2026-11-02"), 150, [0, 100, 900])

    assert (progress.projected, progress.pace_projection_basis) == (Fraction(150), ProjectionBasis.VALUE)


def test_needed_per_workday_is_that_of_the_present_month() -> None:
    instant = at("2026-11-02")
    workdays = [company_working_time(month, instant, CALENDAR).workdays for month in MONTHS]

    on_pace = progress_at(instant, 200, [200, 300, 500])
    behind = progress_at(instant, 0, [200, 300, 500])

    assert on_pace.needed_per_workday == Fraction(300, workdays[1])
    assert behind.needed_per_workday == Fraction(300, workdays[1]) * Fraction(1000, 800)
    assert progress_at(instant, 200, [200, 0, 800]).needed_per_workday == 0
    assert progress_at(instant, 100, [200, 0, 0]).needed_per_workday == Fraction(100, sum(workdays[1:]))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-01-01", "2026-12-31", 12), ("2026-02-01", "2026-03-31", 2), ("2027-12-01", "2028-02-29", 3),
        ("2026-02-01", "2026-02-28", 0), ("2026-01-02", "2026-03-31", 0), ("2026-01-01", "2026-03-30", 0),
    ],
)  # fmt: skip
def test_only_periods_of_at_least_two_whole_months_have_months(start: str, end: str, months: int) -> None:
    period = Period(date.fromisoformat(start), date.fromisoformat(end), PeriodKind.CUSTOM)

    parts = list_months(period, CALENDAR)

    assert len(parts) == months
    if parts:
        assert (parts[0].start, parts[-1].end) == (period.start, period.end)
        assert all(before.end + timedelta(days=1) == after.start for before, after in itertools.pairwise(parts))


@pytest.mark.parametrize(("today", "year"), [("2026-11-18", 2025), ("2027-01-01", 2025), ("2025-12-31", 2024)])
def test_earlier_months_are_those_of_the_latest_year_in_which_they_are_over(today: str, year: int) -> None:
    earlier = list_months_before(MONTHS, date.fromisoformat(today), CALENDAR)

    assert [month.start for month in earlier] == [date(year, month, 1) for month in (10, 11, 12)]
