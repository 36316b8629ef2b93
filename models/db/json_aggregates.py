"""Fetches rows as column-wise JSON arrays, by default in chunks.

A database driver creates an object for every value and does so on the event loop. A JSON text is passed on unchanged
and can be parsed in a thread; chunks of different tables fit into one result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from domain.primitives.json_values import JsonValue
from models.db import connection
from models.db.values import SqlValue

IDS_PER_CHUNK: Final = 2000  # ranges of so many ids form a chunk

JsonChunks = dict[str, list[str]]


def chunked_json_sql(
    columns: Sequence[str], source: str, *, part_sql: str, chunk_sql: str = f"id / {IDS_PER_CHUNK}"
) -> str:
    """Return the statement that aggregates columns into one JSON text per chunk.

    source     the SQL after FROM
    part_sql   expression of the name under which `fetch_json_chunks` returns the chunk
    chunk_sql  expression that is equal for all rows of a chunk
    """
    if connection.current_connection().capabilities.dialect == "sqlite":
        row_function, list_function = "json_array", "json_group_array"
    else:
        row_function, list_function = "json_build_array", "json_agg"
    lists = ", ".join(f"{list_function}({column})" for column in columns)
    return (
        f"SELECT {part_sql} AS part, CAST({row_function}({lists}) AS TEXT) AS held FROM {source} GROUP BY {chunk_sql}"  # noqa: S608
    )


async def fetch_json_chunks(statements: Sequence[str], values: Sequence[SqlValue] = ()) -> JsonChunks:
    """Run statements of `chunked_json_sql` as one and return the JSON texts by part; a part without rows is missing."""
    chunks: JsonChunks = {}
    for row in await connection.fetch_rows(" UNION ALL ".join(statements), values):
        chunks.setdefault(row["part"], []).append(row["held"])
    return chunks


def parse_columns(text: str) -> list[list[JsonValue]]:
    """Return the columns of one chunk, each as a list."""
    values: list[list[JsonValue]] = orjson.loads(text)
    return values


def parse_rows(chunks: Sequence[str]) -> list[tuple[JsonValue, ...]]:
    """Return the rows of all chunks."""
    return [row for text in chunks for row in zip(*parse_columns(text), strict=True)]
