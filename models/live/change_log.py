"""Change log: the topics that have changed, written in the transaction of each change.

It is the outbox of all live updates. Positions rise in the order of commits, because they are assigned under the
lock that all writers share. Topics are short words that subscribers listen to, such as "goal:12",
"metric:deals_won", "people", "wins" and "activities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import orjson
from tortoise import fields
from tortoise.models import Model

from domain.goals.tiers import Mark
from models.db import connection
from models.db.write_batch import BatchedWrite, BatchRow, write_and_return

READ_BATCH_SIZE: Final = 1000


class LogPosition(NamedTuple):
    """The position of an entry, and that of the entry before it; 0 if there is none."""

    position: int
    previous: int


class Change(Model):
    id = fields.BigIntField(primary_key=True)
    topics: list[str] = fields.JSONField(default=list)
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "change"


_CHANGE: Final = BatchedWrite(
    "new_change",
    {"topics": "JSONB", "at": "TIMESTAMPTZ"},
    {
        "added_change": "INSERT INTO change (topics, at) SELECT topics, at FROM new_change RETURNING id,"
        " (SELECT MAX(earlier.id) FROM change earlier WHERE earlier.id < change.id) AS previous_id"
    },
)
# gives goals the position of the change that moved them as their version
_UPDATE_GOALS_SQL: Final = """UPDATE goal SET version = ({position}),
    announced = COALESCE(moved_goal.announced, goal.announced)
    FROM moved_goal WHERE goal.id = moved_goal.id AND goal.id IN ROWS (SELECT id FROM moved_goal)"""
_MOVED_GOAL: Final = BatchedWrite(
    "moved_goal",
    {"id": "INTEGER", "announced": "JSONB"},
    {"updated_goal": _UPDATE_GOALS_SQL.format(position="SELECT id FROM added_change")},
    sqlite_statements={"updated_goal": _UPDATE_GOALS_SQL.format(position="SELECT MAX(id) FROM change")},
)


async def append(
    topics: Iterable[str], at: datetime, *, moved_goals: Iterable[tuple[int, Sequence[Mark] | None]] = ()
) -> LogPosition:
    """Append the changed topics and return the position, which becomes the version of the goals that have moved.

    moved_goals  their ids, each with the targets that count as announced now; None: as before

    Sends all writes of the transaction that wait.
    """
    writes: list[tuple[BatchedWrite, Sequence[BatchRow]]] = [
        (_CHANGE, [(sorted(set(topics)), at)]),
        (_MOVED_GOAL, [*moved_goals]),
    ]
    [row] = await write_and_return(writes, "added_change")
    return LogPosition(row["id"], row["previous_id"] or 0)


async def read_after(position: int, limit: int = READ_BATCH_SIZE) -> Sequence[tuple[int, Sequence[str]]]:
    """Return the changes after a position, in order, as pairs (position, topics)."""
    change_rows = await connection.fetch_rows(
        "SELECT id, topics FROM change WHERE id > ? ORDER BY id LIMIT ?", [position, limit]
    )
    return [(row["id"], orjson.loads(row["topics"])) for row in change_rows]


async def last_position() -> int:
    """Return the last position; 0 if there is none."""
    result = await connection.fetch_rows("SELECT COALESCE(MAX(id), 0) AS id FROM change")
    return int(result[0]["id"])


async def changes_since(position: int) -> Sequence[tuple[int, Sequence[str]]] | None:
    """Return the changes after a position, in order; None when they are too many or no longer known."""
    # read from the position itself on: if its row was purged, later ones may be missing as well
    changes = await read_after(position - 1, READ_BATCH_SIZE + 1)
    if changes and changes[0][0] == position and len(changes) <= READ_BATCH_SIZE:
        return changes[1:]
    return () if not changes and not position else None  # the log is empty


async def topics_since(position: int) -> tuple[int, frozenset[str]]:
    """Return the last position and the topics that have changed after the given one.

    The topics are {"*"} when the changes are too many or no longer known.
    """
    changes = await changes_since(position)
    if changes is None:
        return await last_position(), frozenset("*")
    return (
        changes[-1][0] if changes else position,
        frozenset(topic for _, topics in changes for topic in topics),
    )
