"""The work schedule: which employees work in which team on which days, and the working time that follows from it.

An employee works on the company's working days from joining to leaving, except during absences. The working
time of a team is the sum of that of its members, each day by the members of that day, and likewise that of the company.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period
from domain.primitives.working_time import WorkingTime, calendar_days, company_working_time

_DAY: Final = timedelta(days=1)

DayRange = tuple[date, date]  # first and last day, both included
TeamSpans = tuple[tuple[date, date, frozenset[int]], ...]  # first and last day, both included, and the teams


@dataclass(frozen=True, slots=True)
class Assignment:
    """The days on which an employee was active in a team (0: in none), both included. Those of one do not overlap."""

    employee_id: int
    team_id: int
    first: date
    last: date


class WorkSchedule:
    """Assignments and absences of the employees of a company with this calendar.

    An instance is never modified, so the sums over the employees of a scope are kept.
    """

    def __init__(
        self, calendar: Calendar, assignments: Iterable[Assignment], absences: Mapping[int, Sequence[DayRange]]
    ) -> None:
        self.calendar = calendar
        self._absences = absences
        self._employment: dict[int, list[DayRange]] = {}
        self._ranges_by_employee: dict[int, list[DayRange]] = {}
        self._ranges_by_team: dict[int, list[DayRange]] = {}
        for assignment in assignments:
            self._employment.setdefault(assignment.employee_id, []).append((assignment.first, assignment.last))
            ranges = _subtract((assignment.first, assignment.last), absences.get(assignment.employee_id, ()))
            self._ranges_by_employee.setdefault(assignment.employee_id, []).extend(ranges)
            self._ranges_by_team.setdefault(assignment.team_id, []).extend(ranges)
        self._sums: dict[tuple[int | TeamSpans | None, Period, date], _DaySums] = {}
        self._last_moment: tuple[datetime, date, int] | None = None
        self._shares_left: dict[tuple[tuple[int, ...], Period, date, int], tuple[float, ...]] = {}

    def employee_time(self, employee_id: int, period: Period, instant: datetime) -> WorkingTime:
        """Return the working time of an employee in the period.

        One without any in a period that has some, because of an absence, before joining or after leaving, is expected
        nothing while the period runs: elapsed is 0 of 1 until it is over.
        """
        today, _ = self._today_and_elapsed(instant)
        sums = self._sum(employee_id, self._ranges_by_employee.get(employee_id, ()), period, today)
        if sums.total:
            return self._working_time(sums, instant)
        if not self.calendar.count_workdays(period.start, period.end):
            return calendar_days(period, today)
        return WorkingTime(int(today > period.end), 1, 0, 0)

    def own_share(self, employee_id: int, period: Period) -> Fraction:
        """Return the employee's working time in the period divided by the company's; 1 if that has none."""
        whole = self.calendar.count_quarters(period.start, period.end)
        if not whole:
            return Fraction(1)
        ranges = self._ranges_by_employee.get(employee_id, ())
        return Fraction(_sum_days(self.calendar, ranges, period, period.start).total, whole)

    def calendar_of(self, employee_id: int, since: date, until: date) -> Calendar:
        """Return the company's calendar with the days of absence off, and from `since` to `until` those not employed."""
        gaps = _subtract((since, until), self._employment.get(employee_id, ()))
        days_off = {
            first + n * _DAY
            for first, last in (*self._absences.get(employee_id, ()), *gaps)
            for n in range((last - first).days + 1)
        }
        if not days_off:
            return self.calendar
        return replace(
            self.calendar, days_off=self.calendar.days_off | days_off, days_on=self.calendar.days_on - days_off
        )

    def shares_left(self, employee_ids: tuple[int, ...], period: Period, instant: datetime) -> tuple[float, ...]:
        """Return the working time that each employee still has in the period, divided by the period's whole of the company.

        In a period without any it is 1 for all. The result is kept, as every goal with this period needs it.
        """
        today = self.calendar.day_of(instant)
        key = employee_ids, period, today, self.calendar.elapsed_quarters(instant)
        shares = self._shares_left.get(key)
        if shares is None:
            whole = self.calendar.count_quarters(period.start, period.end)
            times = [self.employee_time(employee_id, period, instant) for employee_id in employee_ids]
            shares = (
                tuple((time.total - time.elapsed) / whole if time.workdays else 0.0 for time in times)
                if whole
                else (1.0,) * len(employee_ids)
            )
            if len(self._shares_left) >= _MAX_SHARES:
                self._shares_left.clear()
            self._shares_left[key] = shares
        return shares

    def team_time(self, spans: TeamSpans | None, period: Period, instant: datetime) -> WorkingTime:
        """Return the working time of the members of a team and those below it together; None for the company.

        spans  the team and those below it on each day, as they may have moved

        Teams without members have that of the company's calendar, since a goal of theirs still has a pace.
        """
        today, _ = self._today_and_elapsed(instant)
        sums = self._sums.get((spans, period, today))
        if sums is None:
            sums = self._sum(spans, list(self._ranges_of_teams(spans)), period, today)
        return self._working_time(sums, instant) if sums.total else company_working_time(period, instant, self.calendar)

    def _ranges_of_teams(self, spans: TeamSpans | None) -> Iterator[DayRange]:
        if spans is None:
            yield from itertools.chain.from_iterable(self._ranges_by_team.values())
            return
        for span_first, span_last, team_ids in spans:
            for team_id in team_ids & self._ranges_by_team.keys():
                for first, last in self._ranges_by_team[team_id]:
                    if first <= span_last and last >= span_first:
                        yield max(first, span_first), min(last, span_last)

    def is_absent(self, employee_id: int, day: date) -> bool:
        """Return whether the employee has an absence on the day."""
        return any(first <= day <= last for first, last in self._absences.get(employee_id, ()))

    def most_absent_days(self) -> int:
        """Return the total length of the absences of the employee with the most, in calendar days."""
        return max(
            (sum((last - first).days + 1 for first, last in ranges) for ranges in self._absences.values()), default=0
        )

    def is_employed(self, employee_id: int, day: date) -> bool:
        """Return whether the employee has joined by the day, and not left before."""
        return any(first <= day <= last for first, last in self._employment.get(employee_id, ()))

    def _sum(
        self, scope: int | TeamSpans | None, ranges: Collection[DayRange], period: Period, today: date
    ) -> _DaySums:
        key = scope, period, today
        sums = self._sums.get(key)
        if sums is None:
            if len(self._sums) >= _MAX_SUMS:
                self._sums.clear()
            sums = self._sums[key] = _sum_days(self.calendar, ranges, period, today)
        return sums

    def _today_and_elapsed(self, instant: datetime) -> tuple[date, int]:
        """Return the day of an instant, and its quarters that are over; many goals are measured at the same instant."""
        moment = self._last_moment
        if moment is None or moment[0] != instant:
            today, elapsed = self.calendar.day_of(instant), self.calendar.elapsed_quarters(instant)
            moment = self._last_moment = instant, today, elapsed
        return moment[1], moment[2]

    def _working_time(self, sums: _DaySums, instant: datetime) -> WorkingTime:
        elapsed_today = sums.staff * self._today_and_elapsed(instant)[1] if sums.staff else 0
        return WorkingTime(sums.finished + elapsed_today, sums.total, sums.workdays, sums.workdays_left, sums.staff)


_MAX_SUMS: Final = 100_000  # upper bound for memory
_MAX_SHARES: Final = 32  # results for all employees


@dataclass(frozen=True, slots=True)
class _DaySums:
    """Working time of several employees in a period: quarters on finished days and in total, see `WorkingTime`."""

    finished: int
    total: int
    workdays: int
    workdays_left: int
    staff: int


def _sum_days(calendar: Calendar, ranges: Collection[DayRange], period: Period, today: date) -> _DaySums:
    finished = total = staff = 0
    worked: list[DayRange] = []
    for first, last in ranges:
        start, end = max(first, period.start), min(last, period.end)
        if start <= end:
            total += calendar.count_quarters(start, end)
            finished += calendar.count_quarters(start, min(end, today - _DAY))
            staff += start <= today <= end
            worked.append((start, end))
    union = _merge(worked)
    return _DaySums(
        finished,
        total,
        sum(calendar.count_workdays(start, end) for start, end in union),
        sum(calendar.count_workdays(max(start, today), end) for start, end in union),
        staff if calendar.is_workday(today) else 0,
    )


def _merge(ranges: list[DayRange]) -> list[DayRange]:
    """Return the days of the ranges as ranges that do not overlap."""
    merged: list[DayRange] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _subtract(day_range: DayRange, removed: Iterable[DayRange]) -> list[DayRange]:
    """Return the days of the range that are in none of the removed ranges."""
    remaining, (first, last) = [], day_range
    for removed_first, removed_last in _merge(list(removed)):
        if removed_last < first or removed_first > last:
            continue
        if removed_first > first:
            remaining.append((first, removed_first - _DAY))
        if removed_last >= last:
            return remaining
        first = removed_last + _DAY
    remaining.append((first, last))
    return remaining
