"""Table of work time, one row per employee and day with a heartbeat, and its queries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.analytics.worktime import WorkInterval
from domain.ledger.record_facts import Credit, Moment, WorkFacts
from models.db import connection
from models.db.columns import foreign_key
from models.db.conditions import is_between, is_one_of
from models.db.row_query import RowQuery

_MICROSECOND: Final = timedelta(microseconds=1)
_CATCH_UP_SPAN: Final = timedelta(days=2)


class WorkDay(Model):
    """The work time of an employee on one day of the company's calendar, and their team on that day (0 for none).

    worked      in microseconds, so that nothing is lost however short the intervals
    counted     seconds of it that are posted to the ledger, which follows at most once a minute
    counted_at  instant of the last posting
    """

    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
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
        """Return the facts that the metrics score: the seconds that are posted."""
        worked = Moment(self.day, self.last_seen_at)
        return WorkFacts(self.id, Credit(self.employee_id, self.team_id), worked, self.counted)

    def add_interval(self, interval: WorkInterval) -> None:
        self.first_seen_at = min(self.first_seen_at, interval.start)
        self.last_seen_at = max(self.last_seen_at, interval.end)
        self.worked += interval.length // _MICROSECOND


async def latest_days(employee_id: int) -> list[WorkDay]:
    """Return the latest days with heartbeats of the employee; all days not fully posted yet are among them."""
    return await WorkDay.filter(employee_id=employee_id).order_by("-day").limit(3)


_UNPOSTED_SQL: Final = """
SELECT id FROM work_day WHERE last_seen_at < ? AND last_seen_at >= ? AND worked / 1000000 > counted ORDER BY id LIMIT ?
"""


async def unposted_days(idle_since: datetime, limit: int) -> list[WorkDay]:
    """Return days that are not fully posted, of employees last seen before `idle_since`, but not long before.

    The lower bound keeps the query on the index of `last_seen_at` from reading all days of the past.
    """
    rows = await connection.fetch_rows(_UNPOSTED_SQL, [idle_since, idle_since - _CATCH_UP_SPAN, limit])
    return await WorkDay.filter(id__in=[row["id"] for row in rows]).order_by("id") if rows else []


def select_days(employee_ids: Collection[int], first: date, last: date) -> RowQuery[WorkDay]:
    """Return the query for the days with heartbeats of the employees from first to last, both included."""
    return RowQuery(WorkDay, is_one_of("employee_id", employee_ids) & is_between("day", first, last))
