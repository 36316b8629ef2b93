"""Batches several queries into one UNION ALL statement, which is one round trip to the database.

Each row is returned as JSON text, so that rows of different tables fit into one result. Tortoise's own executor then
turns them into model instances, with the relations that the query joins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.db import connection

_MOST: Final = 100  # SQLite accepts at most 500 terms in a compound SELECT
_PLACE: Final = re.compile(r"\$(\d+)")


@dataclass(frozen=True, eq=False)
class Count:
    """Counts the rows of a query instead of fetching them."""

    query: QuerySet[Any]


Asked = QuerySet[Any] | Count


async def together(asked: Sequence[Asked]) -> list[Any]:
    """Return for each query its rows in its own order, and for each CountQuery its number of rows."""
    if len(asked) > _MOST:
        return [*await together(asked[:_MOST]), *await together(asked[_MOST:])]
    if not asked:
        return []
    if len(asked) == 1:
        return [await (asked[0].query.count() if isinstance(asked[0], Count) else asked[0])]
    on_sqlite = connection.connection().capabilities.dialect == "sqlite"
    selects: list[str] = []
    values: list[Any] = []
    for number, each in enumerate(asked):
        select, given = _select(number, each, on_sqlite)
        # PostgreSQL's placeholders are numbered ($1, $2, …): shift them by the values of the queries before
        selects.append(select if on_sqlite else _PLACE.sub(lambda at: f"${int(at[1]) + len(values)}", select))  # noqa: B023
        values += given
    _, found = await connection.connection().execute_query(" UNION ALL ".join(selects), values)
    held: list[list[tuple[int, str]]] = [[] for _ in asked]
    for part, place, row in (tuple(dict(each).values()) for each in found):
        held[part].append((place, row))
    return [
        await _told(each, [row for _, row in sorted(rows)], on_sqlite) for each, rows in zip(asked, held, strict=True)
    ]


def _select(number: int, asked: Asked, on_sqlite: bool) -> tuple[str, list[Any]]:
    """Return a SELECT with the query's index, the position of each row and the row as JSON, and its values."""
    query: Any = asked.query.count() if isinstance(asked, Count) else asked
    query._choose_db_if_not_chosen()
    query._make_query()
    sql, values = query.query.get_parameterized_sql()
    if isinstance(asked, Count):
        return f"SELECT {number} AS part, 0 AS place, CAST(({sql}) AS TEXT) AS held", values
    names = ", ".join(f'"{name}"' for name in _columns(query))
    row = f"json_array({names})" if on_sqlite else "row_to_json(q)::text"
    return f"SELECT {number} AS part, ROW_NUMBER() OVER () AS place, {row} AS held FROM ({sql}) AS q", values  # noqa: S608


def _columns(query: Any) -> list[str]:
    return [term.alias or term.name for term in query.query._selects]


async def _told(asked: Asked, rows: Sequence[str], on_sqlite: bool) -> Any:
    """Return the model instances of a query from its JSON rows, or the number of a count."""
    if isinstance(asked, Count):
        return int(rows[0])
    query: Any = asked
    columns = _columns(query)
    if on_sqlite:  # SQLite stores only texts and numbers, which JSON preserves
        found = [dict(zip(columns, orjson.loads(row), strict=True)) for row in rows]
    else:
        makers = _makers(tuple((model, count) for model, count, *_ in query._select_related_idx), tuple(columns))
        exact = any(kind is Decimal for _, kind, _ in makers)
        found = [json.loads(row, parse_float=Decimal) if exact else orjson.loads(row) for row in rows]
        for each in found:
            for name, _, make in makers:
                each[name] = make(each[name])
    executor = query._db.executor_class(query.model, query._db, select_related_idx=query._select_related_idx)
    executor.db = _Held(found)
    return await executor.execute_select("")


@lru_cache(maxsize=512)
def _makers(
    parts: tuple[tuple[type[Model], int], ...], columns: tuple[str, ...]
) -> list[tuple[str, Any, Callable[[Any], Any]]]:
    """Return (column, Python type, converter) for each column whose type does not exist in JSON.

    Only for columns whose values Tortoise takes from the driver without conversion.

    tables  the tables of a row, each with its number of columns, in the order of the columns
    """
    found: list[tuple[str, Any, Callable[[Any], Any]]] = []
    left = iter(columns)
    for model, count in parts:
        meta = model._meta
        native = {key: field for key, _, field in meta.db_native_fields if field.field_type not in (int, str, bool)}
        for name in islice(left, count):
            field = native.get(name.rpartition(".")[2])
            if field is not None:
                found.append((name, field.field_type, field.to_python_value))
    return found


@dataclass(frozen=True)
class _Held:
    """Stands in for a database client: returns rows that were fetched already."""

    rows: Sequence[dict[str, Any]]

    async def execute_query(self, _sql: str, _values: Any = None) -> tuple[int, Sequence[dict[str, Any]]]:
        return len(self.rows), self.rows
