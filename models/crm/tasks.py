"""Tasks and assignments (поручения): Tortoise model and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.ledger.record_facts import Credit, TaskFacts, TaskKind
from models.db import connection
from models.db.columns import choice, external, link, short_text

_NEVER = 1 << 50  # later than any due time in epoch seconds


class Task(Model):
    """A task of an employee, usually with a due time.

    `place` is the sort key of task lists: open tasks first, the soonest due first and those
    without a due time last; then completed tasks, the latest first. `overdue_at` is the due
    time whose passing has been handled (recorded in the activity feed, or skipped as history).
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external()
    title: str = short_text()
    kind: TaskKind = choice(TaskKind, default=TaskKind.TASK)
    assignee = link("Employee")
    assignee_id: int
    created_by = link("Employee", null=True)
    created_by_id: int | None
    due_at: datetime | None = fields.DatetimeField(null=True)
    completed_at: datetime | None = fields.DatetimeField(null=True)
    deal = link("Deal", null=True)
    deal_id: int | None
    client = link("Client", null=True)
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
        if self.completed_on is None or self.credit_by is None:
            return TaskFacts(self.id)
        return TaskFacts(self.id, Credit(self.credit_by, self.credit_team or 0), self.completed_on)

    def replaced(self) -> None:
        """Set `place`, the sort key of lists, from the due and completion times."""
        if self.completed_at is not None:
            self.place = 2 * _NEVER - _seconds(self.completed_at)
        else:
            self.place = _NEVER if self.due_at is None else _seconds(self.due_at)

    def overdue(self, now: datetime) -> bool:
        return self.completed_at is None and self.due_at is not None and self.due_at <= now


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def standing() -> QuerySet[Task]:
    """Return the tasks that are not deleted."""
    return Task.filter(deleted_at=None)


def awaited(now: datetime) -> QuerySet[Task]:
    """Return the open tasks whose due time has passed and is not recorded in the activity feed yet."""
    return standing().filter(completed_at=None, overdue_at=None, due_at__lte=now)


async def are_awaited(now: datetime) -> bool:
    """Return whether there is a newly overdue task; plain SQL, because the scheduler asks on every tick."""
    open_ = "deleted_at IS NULL AND completed_at IS NULL AND overdue_at IS NULL"
    return bool(await connection.rows(f"SELECT 1 FROM task WHERE {open_} AND due_at <= ? LIMIT 1", [now]))  # noqa: S608


async def noted(rows: Sequence[Task]) -> None:
    """Mark the passed due times of these tasks as recorded."""
    await Task.filter(id__in=[row.id for row in rows]).update(overdue_at=F("due_at"))


async def note_overdue(now: datetime) -> None:
    """Mark the passed due times of all open tasks as recorded."""
    await awaited(now).update(overdue_at=F("due_at"))


async def by_ids(ids: Sequence[int]) -> list[Task | None]:
    found = {row.id: row for row in await standing().filter(id__in=set(ids))}
    return [found.get(id_) for id_ in ids]
