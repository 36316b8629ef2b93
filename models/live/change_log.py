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

BATCH: Final = 1000


class Change(Model):
    id = fields.BigIntField(primary_key=True)
    topics: list[str] = fields.JSONField(default=list)
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "change"


async def note(topics: Iterable[str], at: datetime) -> int:
    """Append the changed topics and return the position."""
    return await connection.insert_one("change", {"topics": orjson.dumps(sorted(set(topics))).decode(), "at": at})


async def after(position: int, limit: int = BATCH) -> Sequence[tuple[int, Sequence[str]]]:
    """Return the changes after a position, in order, as pairs (position, topics)."""
    found = await connection.rows("SELECT id, topics FROM change WHERE id > ? ORDER BY id LIMIT ?", [position, limit])
    return [(row["id"], orjson.loads(row["topics"])) for row in found]


async def newest() -> int:
    """Return the last position; 0 if there is none."""
    found = await connection.rows("SELECT COALESCE(MAX(id), 0) AS id FROM change")
    return int(found[0]["id"])


async def since(position: int) -> tuple[int, frozenset[str]]:
    """Return the last position and the topics that have changed after the given one.

    The topics are {"*"} when the changes are too many or no longer known.
    """
    # read from the position itself on: if its row was purged, later ones may be missing as well
    found = await after(position - 1, BATCH + 1)
    if found and found[0][0] == position and len(found) <= BATCH:
        return found[-1][0], frozenset(topic for _, topics in found[1:] for topic in topics)
    if not found and not position:
        return 0, frozenset()  # the log is empty
    return await newest(), frozenset("*")
