"""What taking back a change of a deal needs, and which activities were taken back: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.goals.tiers import Mark
from domain.primitives.json_values import JsonObject
from models.crm.activities import Activity, ActivityKind
from models.db import connection, row_store
from models.db.columns import enum_column, text_column
from models.db.conditions import Condition, equals, is_one_of
from models.db.row_query import RowQuery
from models.db.write_batch import BatchedWrite, write_rows

_TIER_KINDS: Final = (ActivityKind.GOAL_ACHIEVED, ActivityKind.GOAL_TIER_REACHED)


class UndoRecord(Model):
    """The state before a change of a deal that can be taken back. Deleted with the change, and after an hour.

    recorded_at  the time of the unit of work, which its activities and postings carry, too
    before       see `resolvers.crm.undo_records.StateBefore`
    """

    id = fields.BigIntField(primary_key=True)
    deal_id: int = fields.IntField()
    recorded_at: datetime = fields.DatetimeField()
    before: JsonObject = fields.JSONField(default=dict)

    class Meta:
        table = "undo_record"
        indexes = (("deal_id", "recorded_at"), ("recorded_at",))


class UndoneActivity(Model):
    """An activity that was taken back: it is no longer in the feed. Ids rise in the order of the commits.

    The columns of the activity are kept that say who may know of it.

    alerts  pairs of an alert that vanished from an inbox with the change and its recipient; with its first activity
    """

    id = fields.BigIntField(primary_key=True)
    activity_id: int = fields.BigIntField(unique=True)
    kind: ActivityKind = enum_column(ActivityKind, max_length=30)
    employee_id: int | None = fields.IntField(null=True)
    team_id: int | None = fields.IntField(null=True)
    subject_kind: str = text_column(20)
    subject_id: int = fields.IntField()
    undone_at: datetime = fields.DatetimeField()
    undone_by_id: int | None = fields.IntField(null=True)
    alerts: list[tuple[int, int]] = fields.JSONField(default=list)

    class Meta:
        table = "undone_activity"
        indexes = (("undone_at",),)


_UNDO_RECORD: Final = BatchedWrite(
    "new_undo_record",
    {"deal_id": "INTEGER", "recorded_at": "TIMESTAMPTZ", "before": "JSONB"},
    {
        "added_undo_record": """
            INSERT INTO undo_record (deal_id, recorded_at, before) SELECT deal_id, recorded_at, before FROM new_undo_record
        """
    },
)


async def insert_undo_record(deal_id: int, recorded_at: datetime, before: JsonObject) -> None:
    await write_rows(_UNDO_RECORD, [(deal_id, recorded_at, before)])


async def fetch_undo_records(deal_ids: Collection[int], since: datetime) -> list[UndoRecord]:
    """Return the records of the changes of these deals since then, in the order in which they were made."""
    query = RowQuery(UndoRecord, is_one_of("deal_id", deal_ids) & Condition("recorded_at >= ?", (since,)))
    return await query.order_by("id").fetch()


async def find_undo_record(deal_id: int, recorded_at: datetime) -> UndoRecord | None:
    """Return the record of the change of a deal that was recorded at this time; None if it cannot be taken back."""
    query = RowQuery(UndoRecord, equals("deal_id", deal_id) & equals("recorded_at", recorded_at))
    rows = await query.order_by("-id").fetch()
    return rows[0] if rows else None


async def fetch_newest_changes(deal_ids: Collection[int], since: datetime) -> dict[int, datetime]:
    """Return when the newest activity about each deal was recorded, by the id of the deal, of those recorded since then."""
    sql = (
        "SELECT subject_id, MAX(recorded_at) AS newest_at FROM activity WHERE subject_kind = 'Deal'"  # noqa: S608
        f" AND subject_id IN ({connection.placeholders([*deal_ids])}) AND recorded_at >= ? GROUP BY subject_id"
    )
    rows = await connection.fetch_rows(sql, [*deal_ids, since])
    return {row["subject_id"]: connection.to_datetime(row["newest_at"]) for row in rows}


async def fetch_activities_of_change(
    deal_id: int, marks_by_goal: Mapping[int, Collection[Mark]], recorded_at: datetime
) -> list[Activity]:
    """Return the activities about a deal, and about these tiers of goals, that were recorded at this time."""
    of_deal = equals("subject_kind", "Deal") & equals("subject_id", deal_id)
    of_goals = is_one_of("kind", _TIER_KINDS) & is_one_of("subject_id", marks_by_goal.keys())
    query = RowQuery(Activity, (of_deal | of_goals) & equals("recorded_at", recorded_at))
    return [
        activity
        for activity in await query.order_by("id").fetch()
        if activity.kind not in _TIER_KINDS or activity.data["reached"] in marks_by_goal[activity.subject_id]
    ]


async def delete_change(
    record: UndoRecord,
    taken_back: Sequence[Activity],
    alerts: Sequence[tuple[int, int]],
    undone_at: datetime,
    undone_by_id: int | None,
) -> None:
    """Delete the record of a change and its activities, and note that these were taken back.

    alerts  ids and recipients of the alerts that vanished with it
    """
    await row_store.delete(record)
    await connection.execute("DELETE FROM activity WHERE id = ANY(?)", [[activity.id for activity in taken_back]])
    await row_store.insert_all(
        [
            row_store.new(
                UndoneActivity,
                activity_id=activity.id,
                kind=activity.kind,
                employee_id=activity.employee_id,
                team_id=activity.team_id,
                subject_kind=activity.subject_kind,
                subject_id=activity.subject_id,
                undone_at=undone_at,
                undone_by_id=undone_by_id,
                alerts=[] if index else [*alerts],
            )
            for index, activity in enumerate(taken_back)
        ]
    )


async def find_undone_activity(activity_id: int) -> UndoneActivity | None:
    rows = await RowQuery(UndoneActivity, equals("activity_id", activity_id)).fetch()
    return rows[0] if rows else None


def select_undone(condition: Condition) -> RowQuery[UndoneActivity]:
    """Return the query for the activities taken back that meet a condition for activities."""
    return RowQuery(UndoneActivity, condition)


async def fetch_newest_id() -> int:
    """Return the id of the last activity that was taken back, 0 when there is none."""
    rows = await RowQuery(UndoneActivity).order_by("-id").limit(1).fetch()
    return rows[0].id if rows else 0
