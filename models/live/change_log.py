"""Change log: the topics that have changed, written in the transaction of each change.

It is the outbox of all live updates. Positions rise in the order of commits, because they are assigned under the
lock that all writers share. Topics are short words that subscribers listen to, such as "goal:12",
"metric:deals_won", "people", "wins" and "activities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import orjson
from tortoise import fields
from tortoise.models import Model

from models.db import connection

READ_BATCH_SIZE: Final = 1000


class Change(Model):
    id = fields.BigIntField(primary_key=True)
    topics: list[str] = fields.JSONField(default=list)
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "change"


async def append(topics: Iterable[str], at: datetime) -> int:
    """Append the changed topics and return the position."""
    return await connection.insert_row("change", {"topics": orjson.dumps(sorted(set(topics))).decode(), "at": at})


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


async def topics_since(position: int) -> tuple[int, frozenset[str]]:
    """Return the last position and the topics that have changed after the given one.

    The topics are {"*"} when the changes are too many or no longer known.
    """
    # read from the position itself on: if its row was purged, later ones may be missing as well
    later_changes = await read_after(position - 1, READ_BATCH_SIZE + 1)
    if later_changes and later_changes[0][0] == position and len(later_changes) <= READ_BATCH_SIZE:
        return later_changes[-1][0], frozenset(topic for _, topics in later_changes[1:] for topic in topics)
    if not later_changes and not position:
        return 0, frozenset()  # the log is empty
    return await last_position(), frozenset("*")
