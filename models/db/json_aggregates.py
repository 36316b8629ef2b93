"""Fetches many rows as column-wise JSON arrays, in chunks of some thousand rows.

A database driver creates an object for every value and does so on the event loop. A JSON text is passed on unchanged
and can be parsed in a thread; chunks of different tables fit into one result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from models.db import connection

PORTION: Final = 2000  # ranges of so many ids form a chunk

Texts = dict[str, list[str]]


def portions(columns: Sequence[str], source: str, *, part: str, by: str = f"id / {PORTION}") -> str:
    """Return the statement that aggregates columns into one JSON text per chunk.

    source     the SQL after FROM
    part_sql   expression of the name under which `fetch_json_chunks` returns the chunk
    chunk_sql  expression that is equal for all rows of a chunk
    """
    if connection.connection().capabilities.dialect == "sqlite":
        row, each = "json_array", "json_group_array"
    else:
        row, each = "json_build_array", "json_agg"
    lists = ", ".join(f"{each}({column})" for column in columns)
    return f"SELECT {part} AS part, CAST({row}({lists}) AS TEXT) AS held FROM {source} GROUP BY {by}"  # noqa: S608


async def gather(statements: Sequence[str], values: Sequence[Any] = ()) -> Texts:
    """Run statements of `chunked_json_sql` as one and return the JSON texts by part; a part without rows is missing."""
    found: Texts = {}
    for row in await connection.rows(" UNION ALL ".join(statements), values):
        found.setdefault(row["part"], []).append(row["held"])
    return found


def columns(text: str) -> list[list[Any]]:
    """Return the columns of one chunk, each as a list."""
    found: list[list[Any]] = orjson.loads(text)
    return found


def rows(texts: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of all chunks."""
    return [row for text in texts for row in zip(*columns(text), strict=True)]
