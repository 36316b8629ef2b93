"""Absences of employees, and the work schedule that follows from memberships and absences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.goals.work_schedule import Assignment, DayRange, WorkSchedule
from domain.primitives.calendar import Calendar
from models.db import connection
from models.db.columns import enum_column, external_id_column, foreign_key
from models.db.values import SqlRow

_INSTANT: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


class AbsenceKind(StrEnum):
    VACATION = "VACATION"
    SICK = "SICK"
    OTHER = "OTHER"


class Absence(Model):
    """The days from `first_day` to `last_day`, both included, on which an employee does not work."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    employee = foreign_key("Employee")
    employee_id: int
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    kind: AbsenceKind = enum_column(AbsenceKind)
    created_by = foreign_key("Employee", null=True)
    created_by_id: int | None
    created_at: datetime = fields.DatetimeField()

    class Meta:
        table = "absence"
        indexes = (("employee_id", "first_day"),)


async def find_overlapping(absence: Absence) -> Absence | None:
    """Return another absence of the same employee that shares a day with this one, or None."""
    others = Absence.filter(
        employee_id=absence.employee_id, first_day__lte=absence.last_day, last_day__gte=absence.first_day
    )
    return await (others if absence.id is None else others.exclude(id=absence.id)).order_by("first_day").first()


async def find_starting(employee_id: int, first_day: date) -> Absence | None:
    """Return the absence of an employee that begins on the day, or None."""
    return await Absence.filter(employee_id=employee_id, first_day=first_day).first()


async def load_of_employees(employee_ids: Collection[int]) -> list[Absence]:
    """Return the absences of these employees, by first day."""
    return await Absence.filter(employee_id__in=sorted(employee_ids)).order_by("first_day", "id")


# memberships, with the day of joining as first_day, and absences, which have a last_day
_WORK_SCHEDULE_SQL: Final = """
SELECT membership.employee_id, membership.id, membership.team_id, membership.active, membership.since, membership.until,
    employee.joined_on AS first_day, NULL AS last_day
FROM membership JOIN employee ON employee.id = membership.employee_id
UNION ALL SELECT employee_id, id, 0, FALSE, NULL, NULL, first_day, last_day FROM absence
ORDER BY 1, 5, 2
"""


async def load_work_schedule(calendar: Calendar) -> WorkSchedule:
    """Return the work schedule of all employees, with the days of their memberships by the calendar."""
    assignments: list[Assignment] = []
    absences: dict[int, list[DayRange]] = {}
    for employee_id, rows in groupby(
        await connection.fetch_rows(_WORK_SCHEDULE_SQL), key=lambda row: row["employee_id"]
    ):
        memberships: list[SqlRow] = []
        for row in rows:
            if row["last_day"] is None:
                memberships.append(row)
            else:
                day_range = connection.to_date(row["first_day"]), connection.to_date(row["last_day"])
                absences.setdefault(employee_id, []).append(day_range)
        assignments += _assign_days(memberships, calendar)
    return WorkSchedule(calendar, assignments, absences)


def _assign_days(memberships: Sequence[SqlRow], calendar: Calendar) -> Iterator[Assignment]:
    """Yield the assignments of an employee, given their memberships in order.

    A day belongs to the last team in which the employee was active on it, so the days of joining and of leaving count
    whole. The first membership reaches back to the day of joining, or without limit if that is not known.
    """
    latest_day = date.max  # not taken by a later membership
    for index, row in reversed(list(enumerate(memberships))):
        if not row["active"]:
            continue
        joined_on = date.min if row["first_day"] is None else connection.to_date(row["first_day"])
        first = joined_on if index == 0 else max(joined_on, calendar.day_of(connection.to_datetime(row["since"])))
        last = latest_day
        if row["until"] is not None:
            last = min(last, calendar.day_of(connection.to_datetime(row["until"]) - _INSTANT))
        if first <= last:
            yield Assignment(row["employee_id"], row["team_id"], first, last)
            latest_day = first - _DAY if first > date.min else first
