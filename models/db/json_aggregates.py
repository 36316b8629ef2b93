"""Many rows in few: each column of some thousands as a list, all of them in one text of JSON.

A driver makes an object of every value, and hands the rows over on the event loop. A text it
merely passes on, for a thread to take apart; and rows of different tables fit below each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from models.db import connection

PORTION: Final = 2000  # ids, the rows of which come together

Texts = dict[str, list[str]]


def portions(columns: Sequence[str], source: str, *, part: str, by: str = f"id / {PORTION}") -> str:
    """Return the statement that gathers the columns of `source`, which stands behind FROM.

    part, by  expressions of the name under which they are found, and of what is the same in a portion
    """
    if connection.connection().capabilities.dialect == "sqlite":
        row, each = "json_array", "json_group_array"
    else:
        row, each = "json_build_array", "json_agg"
    lists = ", ".join(f"{each}({column})" for column in columns)
    return f"SELECT {part} AS part, CAST({row}({lists}) AS TEXT) AS held FROM {source} GROUP BY {by}"  # noqa: S608


async def gather(statements: Sequence[str], values: Sequence[Any] = ()) -> Texts:
    """Return the texts of each part, of all statements at one moment; a part without rows has none."""
    found: Texts = {}
    for row in await connection.rows(" UNION ALL ".join(statements), values):
        found.setdefault(row["part"], []).append(row["held"])
    return found


def columns(text: str) -> list[list[Any]]:
    """Return the lists of one text, a column each."""
    found: list[list[Any]] = orjson.loads(text)
    return found


def rows(texts: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of all texts."""
    return [row for text in texts for row in zip(*columns(text), strict=True)]
