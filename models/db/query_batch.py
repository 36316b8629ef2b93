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
from tortoise.queryset import AwaitableQuery, QuerySet

from models.db import connection
from models.db.row_query import RowQuery
from models.db.values import SqlClause, SqlRow, SqlValue

_MAX_QUERIES_PER_STATEMENT: Final = 100  # SQLite accepts at most 500 terms in a compound SELECT
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")


Query = QuerySet[Any] | RowQuery[Any]
_Converter = Callable[[object], object]


@dataclass(frozen=True, eq=False)
class CountQuery:
    """Counts the rows of a query instead of fetching them."""

    query: Query


BatchQuery = Query | CountQuery


async def fetch_all_batched(queries: Sequence[BatchQuery]) -> list[Any]:
    """Return for each query its rows in its own order, and for each CountQuery its number of rows."""
    if len(queries) > _MAX_QUERIES_PER_STATEMENT:
        return [
            *await fetch_all_batched(queries[:_MAX_QUERIES_PER_STATEMENT]),
            *await fetch_all_batched(queries[_MAX_QUERIES_PER_STATEMENT:]),
        ]
    if not queries:
        return []
    if len(queries) == 1:
        [query] = queries
        return [await (query.query.count() if isinstance(query, CountQuery) else _query_set(query))]
    on_sqlite = connection.current_connection().capabilities.dialect == "sqlite"
    selects: list[str] = []
    values: list[SqlValue] = []
    for index, query in enumerate(queries):
        select, query_values = _select(index, query, on_sqlite)
        # PostgreSQL's placeholders are numbered ($1, $2, …): shift them by the values of the queries before
        if not on_sqlite:
            select = _PLACEHOLDER.sub(lambda match: f"${int(match[1]) + len(values)}", select)  # noqa: B023
        selects.append(select)
        values += query_values
    _, result_rows = await connection.current_connection().execute_query(" UNION ALL ".join(selects), values)
    rows_by_query: list[list[tuple[int, str]]] = [[] for _ in queries]
    for query_index, position, row in (tuple(dict(result_row).values()) for result_row in result_rows):
        rows_by_query[query_index].append((position, row))
    return [
        await _hydrate(query, [row for _, row in sorted(rows)], on_sqlite)
        for query, rows in zip(queries, rows_by_query, strict=True)
    ]


def _select(index: int, batch_query: BatchQuery, on_sqlite: bool) -> SqlClause:
    """Return a SELECT with the query's index, the position of each row and the row as JSON, and its values."""
    query: AwaitableQuery[Any] = (
        _query_set(batch_query.query).count() if isinstance(batch_query, CountQuery) else _query_set(batch_query)
    )
    query._choose_db_if_not_chosen()
    query._make_query()
    sql, values = query.query.get_parameterized_sql()
    if isinstance(batch_query, CountQuery):
        return f"SELECT {index} AS part, 0 AS place, CAST(({sql}) AS TEXT) AS held", values
    names = ", ".join(f'"{name}"' for name in _columns(query))
    row = f"json_array({names})" if on_sqlite else "row_to_json(q)::text"
    return f"SELECT {index} AS part, ROW_NUMBER() OVER () AS place, {row} AS held FROM ({sql}) AS q", values  # noqa: S608


def _query_set(query: Query) -> QuerySet[Any]:
    return query.query_set if isinstance(query, RowQuery) else query


def _columns(query: AwaitableQuery[Any]) -> list[str]:
    return [term.alias or term.name for term in query.query._selects]


async def _hydrate(batch_query: BatchQuery, rows: Sequence[str], on_sqlite: bool) -> int | list[Model]:
    """Return the model instances of a query from its JSON rows, or the number of a count."""
    if isinstance(batch_query, CountQuery):
        return int(rows[0])
    query: Any = _query_set(batch_query)
    columns = _columns(query)
    if on_sqlite:  # SQLite stores only texts and numbers, which JSON preserves
        row_dicts = [dict(zip(columns, orjson.loads(row), strict=True)) for row in rows]
    else:
        converters = _column_converters(
            tuple((model, count) for model, count, *_ in query._select_related_idx), tuple(columns)
        )
        has_decimals = any(value_type is Decimal for _, value_type, _ in converters)
        row_dicts = [json.loads(row, parse_float=Decimal) if has_decimals else orjson.loads(row) for row in rows]
        for row_dict in row_dicts:
            for name, _, convert in converters:
                row_dict[name] = convert(row_dict[name])
    executor = query._db.executor_class(query.model, query._db, select_related_idx=query._select_related_idx)
    executor.db = _CachedRowsClient(row_dicts)
    model_instances: list[Model] = await executor.execute_select("")
    return model_instances


@lru_cache(maxsize=512)
def _column_converters(
    tables: tuple[tuple[type[Model], int], ...], columns: tuple[str, ...]
) -> list[tuple[str, type, _Converter]]:
    """Return (column, Python type, converter) for each column of a type that does not exist in JSON.

    Only for columns that Tortoise takes from the driver without conversion.

    tables  the tables of a row, each with its number of columns, in the order of the columns
    """
    converters: list[tuple[str, type, _Converter]] = []
    remaining_columns = iter(columns)
    for model, count in tables:
        meta = model._meta
        native_fields = {
            key: field for key, _, field in meta.db_native_fields if field.field_type not in (int, str, bool)
        }
        for name in islice(remaining_columns, count):
            field = native_fields.get(name.rpartition(".")[2])
            if field is not None:
                converters.append((name, field.field_type, field.to_python_value))
    return converters


@dataclass(frozen=True)
class _CachedRowsClient:
    """Stands in for a database client: returns rows that were fetched already."""

    rows: Sequence[SqlRow]

    async def execute_query(self, _sql: str, _values: object = None) -> tuple[int, Sequence[SqlRow]]:
        return len(self.rows), self.rows
