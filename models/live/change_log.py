"""The change log: in the same transaction as each change, a row that says what moved.

It is the outbox of everything live. A row's position rises in the order of commits:
it is taken under the lock that all writers share. Topics are short words that
listeners wait for: "goal:12", "metric:deals_won", "people", "wins", "activities".
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
    """Write down what moved and return the position."""
    return await connection.insert_one("change", {"topics": orjson.dumps(sorted(set(topics))).decode(), "at": at})


async def after(position: int, limit: int = BATCH) -> Sequence[tuple[int, Sequence[str]]]:
    """Return the positions after that one, in order, with what moved."""
    found = await connection.rows("SELECT id, topics FROM change WHERE id > ? ORDER BY id LIMIT ?", [position, limit])
    return [(row["id"], orjson.loads(row["topics"])) for row in found]


async def newest() -> int:
    """Return the last position, 0 before the first."""
    found = await connection.rows("SELECT COALESCE(MAX(id), 0) AS id FROM change")
    return int(found[0]["id"])


async def since(position: int) -> tuple[int, frozenset[str]]:
    """Return the last position and what has moved after that one; "*" among it where that is too much, or not known."""
    found = await after(position - 1, BATCH + 1)  # with that one itself: where it is gone, more may be
    if found and found[0][0] == position and len(found) <= BATCH:
        return found[-1][0], frozenset(topic for _, topics in found[1:] for topic in topics)
    if not found and not position:
        return 0, frozenset()  # nothing has ever moved
    return await newest(), frozenset("*")
