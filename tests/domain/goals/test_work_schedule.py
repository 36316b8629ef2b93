"""The schedule: own working time of employees, less absences and between joining and leaving; of teams their members' sum."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.goals.work_schedule import Assignment, WorkSchedule
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.working_time import WorkingTime, company_working_time

CALENDAR = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday(day) for day in range(5)), None)
DAY = timedelta(days=1)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), PeriodKind.MONTH)  # 21 working days
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22), PeriodKind.WEEK)
ANN, BOB, CID = 1, 2, 3
NORTH, SOUTH = 10, 20


def november(day: int) -> date:
    return date(2026, 11, day)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+01:00")


def schedule_of(*assignments: tuple[int, int, date, date], absences=()) -> WorkSchedule:
    ranges: dict[int, list[tuple[date, date]]] = {}
    for employee, first, last in absences:
        ranges.setdefault(employee, []).append((first, last))
    return WorkSchedule(CALENDAR, [Assignment(*assignment) for assignment in assignments], ranges)


ALWAYS = (date.min, date.max)


def always(team: int):
    """Return the spans of a team without any below it."""
    return ((*ALWAYS, frozenset({team})),)


def test_employee_without_absences_has_the_working_time_of_the_company():
    schedule = schedule_of((ANN, NORTH, *ALWAYS))

    for moment in ("01T00:00", "18T13:00", "21T12:00", "30T18:00"):
        own_time = schedule.employee_time(ANN, NOVEMBER, at(moment))
        assert own_time == company_working_time(NOVEMBER, at(moment), CALENDAR)


def test_absence_over_a_weekend_takes_only_its_working_days():
    schedule = schedule_of((ANN, NORTH, *ALWAYS), absences=[(ANN, november(13), november(17))])  # Friday to Tuesday

    before, during, after = (
        schedule.employee_time(ANN, NOVEMBER, at(moment)) for moment in ("13T00:00", "16T15:00", "18T13:30")
    )

    assert before == WorkingTime(elapsed=9 * 36, total=18 * 36, workdays=18, workdays_left=9, staff=0)
    assert during == WorkingTime(elapsed=9 * 36, total=18 * 36, workdays=18, workdays_left=9, staff=0)
    assert after == WorkingTime(elapsed=9 * 36 + 18, total=18 * 36, workdays=18, workdays_left=9, staff=1)


def test_employee_who_joins_within_the_month_is_expected_from_then_on():
    schedule = schedule_of((ANN, NORTH, november(16), date.max))

    assert schedule.employee_time(ANN, NOVEMBER, at("12T12:00")).elapsed == 0
    assert schedule.employee_time(ANN, NOVEMBER, at("17T09:00")) == WorkingTime(36, 11 * 36, 11, 10, 1)


def test_employee_who_leaves_within_the_month_works_the_last_day():
    schedule = schedule_of((ANN, NORTH, date.min, november(10)))

    assert schedule.employee_time(ANN, NOVEMBER, at("30T12:00")) == WorkingTime(7 * 36, 7 * 36, 7, 0, 0)
    assert schedule.is_employed(ANN, november(10))
    assert not schedule.is_employed(ANN, november(11))


def test_nothing_is_expected_of_who_is_absent_all_along():
    schedule = schedule_of((ANN, NORTH, *ALWAYS), absences=[(ANN, november(14), november(25))])

    running, over = (schedule.employee_time(ANN, WEEK, at(moment)) for moment in ("19T12:00", "23T00:00"))

    assert (running.elapsed, running.workdays_left) == (0, 0)
    assert running.total > 0
    assert over.elapsed == over.total


def test_weekend_without_working_time_counts_calendar_days_for_everybody():
    weekend = Period(november(21), november(22), PeriodKind.CUSTOM)
    schedule = schedule_of((ANN, NORTH, *ALWAYS))

    assert schedule.employee_time(ANN, weekend, at("22T12:00")) == WorkingTime(1, 2, 2, 1)
    assert schedule.team_time(None, weekend, at("22T12:00")) == WorkingTime(1, 2, 2, 1)


def test_shares_left_count_the_rest_of_the_day_and_no_absences():
    schedule = schedule_of(
        (ANN, NORTH, *ALWAYS),
        (BOB, NORTH, *ALWAYS),
        (CID, SOUTH, date.min, november(18)),
        absences=[(BOB, november(19), november(19))],
    )
    rest_of_week = Period(november(18), november(22), PeriodKind.CUSTOM)  # three working days
    weekend = Period(november(21), november(22), PeriodKind.CUSTOM)

    shares = [schedule.shares_left((ANN, BOB, CID), rest_of_week, at(moment)) for moment in ("18T09:00", "18T13:30")]

    assert shares[0] == (1.0, 2 / 3, 1 / 3)
    assert shares[1] == (2.5 / 3, 1.5 / 3, 0.5 / 3)
    assert schedule.shares_left(
        (ANN, BOB, CID), Period(november(19), november(19), PeriodKind.CUSTOM), at("19T20:00")
    ) == (0, 0, 0)
    assert schedule.shares_left((ANN,), weekend, at("22T12:00")) == (1.0,)


def test_calendar_of_an_employee_has_absences_and_days_before_joining_off():
    schedule = schedule_of(
        (ANN, NORTH, *ALWAYS), (BOB, NORTH, november(12), date.max), absences=[(BOB, november(18), november(19))]
    )

    own_calendar = schedule.calendar_of(BOB, november(1), november(20))

    assert schedule.calendar_of(ANN, november(1), november(20)) is CALENDAR
    assert own_calendar.list_workdays(november(2), november(24)) == [
        november(day) for day in (12, 13, 16, 17, 20, 23, 24)
    ]


def test_team_time_is_the_sum_over_members_by_day():
    schedule = schedule_of(
        (ANN, NORTH, date.min, november(15)),
        (ANN, SOUTH, november(16), date.max),
        (BOB, NORTH, *ALWAYS),
        (CID, SOUTH, november(24), date.max),
        absences=[(BOB, november(18), november(18))],
    )

    north, south, company = (
        schedule.team_time(teams, NOVEMBER, at("18T12:00")) for teams in (always(NORTH), always(SOUTH), None)
    )

    assert north == WorkingTime((10 + 12) * 36, (10 + 20) * 36, 20, 8, 0)
    assert south == WorkingTime(2 * 36 + 12, (11 + 5) * 36, 11, 9, 1)
    assert company == WorkingTime(north.elapsed + south.elapsed, north.total + south.total, 21, 9, 1)


def test_team_has_the_members_of_the_teams_below_it_on_the_days_when_they_were():
    schedule = schedule_of((ANN, NORTH, *ALWAYS), (BOB, SOUTH, *ALWAYS))
    spans = (
        (november(1), november(15), frozenset({NORTH})),
        (november(16), november(30), frozenset({NORTH, SOUTH})),  # South was moved below North
    )

    working_time = schedule.team_time(spans, NOVEMBER, at("18T12:00"))

    assert working_time == WorkingTime((10 + 2 + 2) * 36 + 2 * 12, (21 + 11) * 36, 21, 9, 2)


def test_team_without_members_has_the_working_time_of_the_company():
    schedule = schedule_of((ANN, NORTH, *ALWAYS))

    empty = schedule.team_time(always(SOUTH), NOVEMBER, at("18T12:00"))

    assert empty == company_working_time(NOVEMBER, at("18T12:00"), CALENDAR)


def test_absent_days_of_who_has_most_are_counted():
    absences = [(ANN, november(1), november(3)), (ANN, november(9), november(9)), (BOB, november(1), november(2))]

    assert schedule_of((ANN, NORTH, *ALWAYS), absences=absences).most_absent_days() == 4
    assert schedule_of((ANN, NORTH, *ALWAYS)).most_absent_days() == 0


november_days = st.integers(-5, 36).map(lambda n: date(2026, 11, 1) + n * DAY)
day_ranges = st.tuples(november_days, november_days).map(sorted).map(tuple)
instants = st.datetimes(datetime(2026, 10, 25), datetime(2026, 12, 6), timezones=st.just(UTC))


@st.composite
def schedules(draw) -> WorkSchedule:
    """Employees in one to three teams one after another, with absences that may overlap."""
    assignments, absences = [], []
    for employee in (ANN, BOB, CID):
        days = sorted(draw(st.sets(november_days, min_size=2, max_size=4)))
        for first, next_first in itertools.pairwise(days):
            assignments.append((employee, draw(st.sampled_from([NORTH, SOUTH])), first, next_first - DAY))
        absences += [(employee, *day_range) for day_range in draw(st.lists(day_ranges, max_size=3))]
    return schedule_of(*assignments, absences=absences)


periods = day_ranges.map(lambda days: Period(days[0], days[1], PeriodKind.CUSTOM))


@for_all(schedules(), periods, instants, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_own_time_begins_with_zero_never_falls_and_ends_whole(schedule, period, instant, step):
    for owner_time in (
        *(
            lambda moment, employee=employee: schedule.employee_time(employee, period, moment)
            for employee in (ANN, BOB)
        ),
        lambda moment: schedule.team_time(always(NORTH), period, moment),
        lambda moment: schedule.team_time(None, period, moment),
    ):
        start, now, later, end = (
            owner_time(moment)
            for moment in (
                CALENDAR.start_of(period.start), instant, instant + step, CALENDAR.start_of(period.end + DAY),
            )
        )  # fmt: skip
        assert start.elapsed == 0 < end.total
        assert end.elapsed == end.total
        assert 0 <= now.elapsed <= later.elapsed <= later.total
        assert now.workdays_left >= later.workdays_left >= end.workdays_left == 0


@for_all(schedules(), periods, instants)
def test_company_time_is_the_sum_of_its_employees_and_of_its_teams(schedule, period, instant):
    def quarters(times):
        worked = [time for time in times if time.workdays]
        return sum(time.elapsed for time in worked), sum(time.total for time in worked)

    if not CALENDAR.count_workdays(period.start, period.end):
        return  # counts calendar days
    company = schedule.team_time(None, period, instant)
    employees = [schedule.employee_time(employee, period, instant) for employee in (ANN, BOB, CID)]

    if any(time.workdays for time in employees):
        assert (company.elapsed, company.total) == quarters(employees)


@for_all(schedules(), periods, instants)
def test_time_of_an_employee_is_the_sum_of_its_days(schedule, period, instant):
    days = [period.start + n * DAY for n in range(period.days)]
    whole = schedule.employee_time(ANN, period, instant)

    single_days = [schedule.employee_time(ANN, Period(day, day, PeriodKind.DAY), instant) for day in days]
    worked = [time for day, time in zip(days, single_days, strict=True) if CALENDAR.is_workday(day) and time.workdays]

    if worked:
        assert (whole.elapsed, whole.total) == (
            sum(time.elapsed for time in worked),
            sum(time.total for time in worked),
        )
        assert whole.workdays == len(worked)
