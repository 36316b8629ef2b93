"""Time at work: one row for each day on which an employee's client said that it is in use."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.analytics.worktime import Stretch
from domain.ledger.record_facts import Credit, WorkFacts
from models.db import connection
from models.db.columns import link

_MICROSECOND: Final = timedelta(microseconds=1)
_LATELY: Final = timedelta(days=2)


class WorkDay(Model):
    """What an employee worked on one day of the company's calendar, and in which team he was.

    worked      in microseconds, so that nothing is lost however short the stretches
    counted     the seconds of it that are in the ledger, which follows at most once a minute; `counted_at`: since when
    """

    id = fields.IntField(primary_key=True)
    employee = link("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)
    day: date = fields.DateField()
    first_seen_at: datetime = fields.DatetimeField()
    last_seen_at: datetime = fields.DatetimeField()
    worked: int = fields.BigIntField(default=0)
    counted: int = fields.IntField(default=0)
    counted_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "work_day"
        unique_together = (("employee", "day"),)
        indexes = (("last_seen_at",),)

    @property
    def seconds(self) -> int:
        return self.worked // 1_000_000

    def facts(self) -> WorkFacts:
        """Return what of the day counts: what has been counted."""
        return WorkFacts(self.id, Credit(self.employee_id, self.team_id), self.day, self.counted)

    def add(self, stretch: Stretch) -> None:
        self.first_seen_at = min(self.first_seen_at, stretch.start)
        self.last_seen_at = max(self.last_seen_at, stretch.end)
        self.worked += stretch.length // _MICROSECOND


async def last_of(employee: int) -> list[WorkDay]:
    """Return the last days on which the employee was seen: all that may not be in the ledger yet are among them."""
    return await WorkDay.filter(employee_id=employee).order_by("-day").limit(3)


_LEFT: Final = """
SELECT id FROM work_day WHERE last_seen_at < ? AND last_seen_at >= ? AND worked / 1000000 > counted ORDER BY id LIMIT ?
"""


async def left(silent_since: datetime, limit: int) -> list[WorkDay]:
    """Return days that are not in the ledger whole, of employees not seen since that moment, but shortly before."""
    found = await connection.rows(_LEFT, [silent_since, silent_since - _LATELY, limit])
    return await WorkDay.filter(id__in=[row["id"] for row in found]).order_by("id") if found else []


def days_of(employees: Collection[int], first: date, last: date) -> QuerySet[WorkDay]:
    """Return the days, both included, on which any of the employees was seen."""
    return WorkDay.filter(employee_id__in=sorted(employees), day__gte=first, day__lte=last)
