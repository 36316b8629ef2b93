"""Activity feed and announced wins: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import orjson
from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from domain.alerts.rules import Event
from domain.primitives.json_values import JsonObject
from models.db import bulk_statements, connection
from models.db.columns import (
    bool_column,
    currency_column,
    enum_column,
    foreign_key,
    minor_units_column,
    short_text_column,
    text_column,
)
from models.db.conditions import Condition, is_one_of
from models.db.row_query import RowQuery
from models.db.values import SqlValue
from models.db.write_batch import BatchedWrite, fits_batch, write_rows

_BATCH_SIZE: Final = 1000
_EVENT_COLUMNS: Final = ("id", "kind", "subject_kind", "subject_id", "at", "employee_id", "actor_id", "data")


class ActivityKind(StrEnum):
    DEAL_CREATED = "DEAL_CREATED"
    DEAL_UPDATED = "DEAL_UPDATED"
    DEAL_STAGE_CHANGED = "DEAL_STAGE_CHANGED"
    DEAL_WON = "DEAL_WON"
    DEAL_LOST = "DEAL_LOST"
    DEAL_REOPENED = "DEAL_REOPENED"
    DEAL_FLAGGED = "DEAL_FLAGGED"
    DEAL_REFUNDED = "DEAL_REFUNDED"
    REFUND_DELETED = "REFUND_DELETED"
    DEAL_DELETED = "DEAL_DELETED"
    CALL_MADE = "CALL_MADE"
    TASK_CREATED = "TASK_CREATED"
    TASK_COMPLETED = "TASK_COMPLETED"
    TASK_OVERDUE = "TASK_OVERDUE"
    TASK_REOPENED = "TASK_REOPENED"
    LEAD_CREATED = "LEAD_CREATED"
    LEAD_CONVERTED = "LEAD_CONVERTED"
    LEAD_REJECTED = "LEAD_REJECTED"
    CONTACT_ADDED = "CONTACT_ADDED"
    CLIENT_ADDED = "CLIENT_ADDED"
    RESULT_RECORDED = "RESULT_RECORDED"
    GOAL_SET = "GOAL_SET"
    GOAL_CHANGED = "GOAL_CHANGED"
    GOAL_ACHIEVED = "GOAL_ACHIEVED"
    GOAL_TIER_REACHED = "GOAL_TIER_REACHED"
    GOAL_ARCHIVED = "GOAL_ARCHIVED"
    PLAN_APPLIED = "PLAN_APPLIED"
    PLAN_UNDONE = "PLAN_UNDONE"
    RECORD_DELETED = "RECORD_DELETED"
    RECORD_MERGED = "RECORD_MERGED"


class Activity(Model):
    """One entry of the activity feed. Rows are appended; ids increase in the order of recording.

    Only `client_id` changes: a merge of clients lets the entries of both count as those of one.

    The entries of a change that is taken back are deleted, see `models.crm.undo`.

    `data` holds the values that the summary sentence needs: title, amount, old and new values.
    `team_id` is set where the entry is about a goal of a team (0: of the company) instead of an employee.
    """

    id = fields.BigIntField(primary_key=True)
    kind: ActivityKind = enum_column(ActivityKind, max_length=30)
    employee = foreign_key("Employee", null=True)
    employee_id: int | None
    team_id: int | None = fields.IntField(null=True)
    actor = foreign_key("Employee", null=True)
    actor_id: int | None
    at: datetime = fields.DatetimeField()
    recorded_at: datetime = fields.DatetimeField()
    subject_kind: str = text_column(20)
    subject_id: int = fields.IntField()
    client_id: int | None = fields.IntField(null=True)
    data: JsonObject = fields.JSONField(default=dict)

    class Meta:
        table = "activity"
        indexes = (("employee_id", "id"), ("subject_kind", "subject_id", "id"), ("client_id", "at"), ("at", "id"))


class AnnouncedWin(Model):
    """A win announced to everyone in the company, or the revocation of one.

    A revocation carries the id of the announcement it revokes as `win_id`.
    """

    id = fields.BigIntField(primary_key=True)
    win_id: int | None = fields.BigIntField(null=True)
    revoked: bool = bool_column(default=False)
    deal_id: int = fields.IntField()
    employee = foreign_key("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)
    title: str = short_text_column()
    amount: int = minor_units_column()
    currency: str = currency_column()
    at: datetime = fields.DatetimeField()
    rung_at: datetime = fields.DatetimeField()

    class Meta:
        table = "bell"
        indexes = (("deal_id", "id"),)


class ActivityRow(NamedTuple):
    """An activity about to be inserted: the columns of the table, in order, without the id."""

    kind: ActivityKind
    employee_id: int | None
    team_id: int | None
    actor_id: int | None
    at: datetime
    recorded_at: datetime
    subject_kind: str
    subject_id: int
    client_id: int | None
    data: JsonObject


_ACTIVITY: Final = BatchedWrite(
    "new_activity",
    {
        "kind": "VARCHAR", "employee_id": "INTEGER", "team_id": "INTEGER", "actor_id": "INTEGER", "at": "TIMESTAMPTZ",
        "recorded_at": "TIMESTAMPTZ", "subject_kind": "VARCHAR", "subject_id": "INTEGER", "client_id": "INTEGER",
        "data": "JSONB",
    },
    {
        "added_activity": f"""
            INSERT INTO activity ({", ".join(ActivityRow._fields)}) SELECT {", ".join(ActivityRow._fields)} FROM new_activity
        """  # noqa: S608
    },
)  # fmt: skip


async def insert_activities(rows: Sequence[ActivityRow]) -> None:
    """Insert activities in the given order."""
    if fits_batch(len(rows)):
        await write_rows(_ACTIVITY, rows)
        return
    values = [(*row[:-1], orjson.dumps(row.data).decode()) for row in rows]
    await bulk_statements.insert_rows("activity", ActivityRow._fields, values)


def select_activities(condition: Condition, kinds: Collection[ActivityKind] | None = None) -> RowQuery[Activity]:
    """Return the query for the activities that meet the condition, of these kinds or of all (None)."""
    query = RowQuery(Activity, condition)
    return query.where(is_one_of("kind", kinds)) if kinds else query


def select_about(subject_kind: str, subject_id: int) -> RowQuery[Activity]:
    """Return the query for the activities about a record or goal."""
    return RowQuery(Activity, Condition("subject_kind = ? AND subject_id = ?", (subject_kind, subject_id)))


def match_employees() -> Condition:
    """Return the condition for activities with an employee."""
    return Condition("employee_id IS NOT NULL")


def match_records() -> Condition:
    """Return the condition for activities that are not about goals or plans of them."""
    return Condition("subject_kind NOT IN ('Goal', 'GoalPlan')")


async def fetch_wins_after(
    position: int, limit: int, *, employee_id: int | None = None, team_ids: Collection[int] | None = None
) -> list[AnnouncedWin]:
    """Return the wins and revocations announced after one, in order: of one employee, of some teams, or of all."""
    query = AnnouncedWin.filter(id__gt=position).order_by("id").limit(limit)
    if employee_id is not None:
        query = query.filter(employee_id=employee_id)
    return await (query if team_ids is None else query.filter(team_id__in=list(team_ids)))


async def fetch_newest_win_id() -> int:
    """Return the id of the last announcement, 0 when there is none."""
    row = await AnnouncedWin.all().order_by("-id").first()
    return row.id if row else 0


async def find_last_announcement(deal_id: int) -> AnnouncedWin | None:
    """Return the last announcement or revocation of a deal's win."""
    return await AnnouncedWin.filter(deal_id=deal_id).order_by("-id").first()


_ANNOUNCED_WIN: Final = BatchedWrite(
    "new_announced_win",
    {
        "win_id": "BIGINT", "revoked": "BOOLEAN", "deal_id": "INTEGER", "employee_id": "INTEGER", "team_id": "INTEGER",
        "title": "VARCHAR", "amount": "BIGINT", "currency": "VARCHAR", "at": "TIMESTAMPTZ", "rung_at": "TIMESTAMPTZ",
    },
    {
        "added_announced_win": """
            INSERT INTO bell (win_id, revoked, deal_id, employee_id, team_id, title, amount, currency, at, rung_at)
            SELECT win_id, revoked, deal_id, employee_id, team_id, title, amount, currency, at, rung_at
            FROM new_announced_win
        """
    },
)  # fmt: skip


async def insert_announced_win(**columns: SqlValue) -> None:
    """Insert an announced win or a revocation, given the columns of `AnnouncedWin`."""
    await write_rows(_ANNOUNCED_WIN, [[columns[name] for name in _ANNOUNCED_WIN.columns]])


async def fetch_newest_id() -> int:
    """Return the id of the newest activity, 0 when there is none."""
    row = await Activity.all().order_by("-id").first()
    return row.id if row else 0


async def stream_events(start: datetime, end: datetime, kinds: Sequence[str] | None = None) -> AsyncIterator[Event]:
    """Yield the activities between two times, both included, as alert events, ordered by time and id.

    Reads in batches by keyset, so that memory stays bounded however long the range is.
    """
    query = Activity.filter(at__lte=end)
    if kinds is not None:
        query = query.filter(kind__in=[ActivityKind(kind) for kind in kinds])
    position = Q(at__gte=start)
    while rows := await query.filter(position).order_by("at", "id").limit(_BATCH_SIZE).values(*_EVENT_COLUMNS):
        for row in rows:
            subject = (row["subject_kind"], row["subject_id"])
            yield Event(row["kind"].value, subject, row["at"], row["employee_id"], row["actor_id"], data=row["data"])
        position = Q(at__gt=rows[-1]["at"]) | Q(at=rows[-1]["at"], id__gt=rows[-1]["id"])


async def fetch_last_activity_times(client_ids: Sequence[int], condition: Condition) -> list[datetime | None]:
    """Return the time of each client's last activity that meets the condition, in the order of the ids."""
    of_clients = is_one_of("client_id", set(client_ids)) & condition
    sql = f"SELECT client_id, MAX(at) AS last_at FROM activity WHERE {of_clients.sql} GROUP BY client_id"  # noqa: S608
    rows = await connection.fetch_rows(sql, of_clients.values)
    times_by_client = {row["client_id"]: connection.to_datetime(row["last_at"]) for row in rows}
    return [times_by_client.get(client_id) for client_id in client_ids]
