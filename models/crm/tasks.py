"""Tasks and assignments: Tortoise model and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from tortoise import fields
from tortoise.expressions import F, Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.ledger.record_facts import Credit, Moment, TaskFacts, TaskKind
from models.db import connection
from models.db.columns import PlainAttributes, enum_column, external_id_column, foreign_key, short_text_column
from models.db.row_query import RowQuery

_NO_DUE_TIME = 1 << 50  # later than any due time in epoch seconds


class Task(PlainAttributes, Model):
    """A task of an employee, usually with a due time.

    `place` is the sort key of task lists: open tasks first, the soonest due first and those
    without a due time last; then completed tasks, the latest first. `overdue_at` is the due
    time whose passing has been handled (recorded in the activity feed, or skipped as history).
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    title: str = short_text_column()
    kind: TaskKind = enum_column(TaskKind, default=TaskKind.TASK)
    assignee = foreign_key("Employee")
    assignee_id: int
    created_by = foreign_key("Employee", null=True)
    created_by_id: int | None
    due_at: datetime | None = fields.DatetimeField(null=True)
    completed_at: datetime | None = fields.DatetimeField(null=True)
    deal = foreign_key("Deal", null=True)
    deal_id: int | None
    client = foreign_key("Client", null=True)
    client_id: int | None
    created_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    place: int = fields.BigIntField(default=0)
    completed_on: date | None = fields.DateField(null=True)
    credit_by: int | None = fields.IntField(null=True)
    credit_team: int | None = fields.IntField(null=True)
    overdue_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "task"
        indexes = (("assignee_id", "place", "id"), ("place", "id"))

    def facts(self) -> TaskFacts | None:
        """Return the facts that metrics are computed from; None once the task is deleted."""
        if self.deleted_at is not None:
            return None
        if self.completed_on is None or self.completed_at is None or self.credit_by is None:
            return TaskFacts(self.id)
        completed = Moment(self.completed_on, self.completed_at)
        return TaskFacts(self.id, Credit(self.credit_by, self.credit_team or 0), completed)

    def update_place(self) -> None:
        """Set `place`, the sort key of lists, from the due and completion times."""
        if self.completed_at is not None:
            self.place = 2 * _NO_DUE_TIME - _to_epoch_seconds(self.completed_at)
        else:
            self.place = _NO_DUE_TIME if self.due_at is None else _to_epoch_seconds(self.due_at)

    def is_overdue(self, now: datetime) -> bool:
        return self.completed_at is None and self.due_at is not None and self.due_at <= now


def _to_epoch_seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def select_existing() -> RowQuery[Task]:
    """Return the tasks that are not deleted."""
    return RowQuery(_existing())


def _existing() -> QuerySet[Task]:
    return Task.filter(deleted_at=None)


def narrow(
    query: RowQuery[Task],
    *,
    kind: TaskKind | None = None,
    is_completed: bool | None = None,
    is_overdue: bool | None = None,
    now: datetime,
) -> RowQuery[Task]:
    """Return the query for the tasks that match at a time; None does not restrict."""
    if kind is not None:
        query = query.where(Q(kind=kind))
    if is_completed is not None:
        query = query.where(Q(completed_at__isnull=not is_completed))
    if is_overdue is not None:
        in_time = Q(due_at=None) | Q(due_at__gt=now) | ~Q(completed_at=None)
        query = query.where(Q(completed_at=None, due_at__lte=now) if is_overdue else in_time)
    return query


def _newly_overdue(now: datetime) -> QuerySet[Task]:
    """Return the open tasks that are past their due time and not recorded as overdue in the activity feed yet."""
    return _existing().filter(completed_at=None, overdue_at=None, due_at__lte=now)


async def fetch_newly_overdue(now: datetime, limit: int) -> list[Task]:
    """Return the open tasks past their due time that the activity feed does not have yet, the longest due first."""
    return await _newly_overdue(now).order_by("due_at", "id").limit(limit)


async def has_newly_overdue(now: datetime) -> bool:
    """Return whether there is a newly overdue task; plain SQL, because the scheduler asks on every tick."""
    condition = "deleted_at IS NULL AND completed_at IS NULL AND overdue_at IS NULL"
    return bool(await connection.fetch_rows(f"SELECT 1 FROM task WHERE {condition} AND due_at <= ? LIMIT 1", [now]))  # noqa: S608


async def mark_overdue_recorded(rows: Sequence[Task]) -> None:
    """Mark the passed due times of these tasks as recorded."""
    await Task.filter(id__in=[row.id for row in rows]).update(overdue_at=F("due_at"))


async def mark_all_overdue_recorded(now: datetime) -> None:
    """Mark the passed due times of all open tasks as recorded."""
    await _newly_overdue(now).update(overdue_at=F("due_at"))
