"""Reads rows of several tables in one statement, and thereby as of one moment.

For data that is read rarely and must be consistent. Each table is one JSON text, so that all fit into one result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.row_factory import row_factory
from models.db.row_query import AnyRowQuery
from models.db.values import SqlStatement, SqlValue


async def fetch_all_at_once(queries: Sequence[AnyRowQuery]) -> list[list[Any]]:
    """Return the rows of each query, all of one moment; the queries join no relations."""
    on_sqlite = connection.dialect() == "sqlite"
    sql, values = _join_statements(queries, on_sqlite=on_sqlite)
    texts = {record[0]: record[1] for record in await connection.fetch_records(sql, values)}
    rows = []
    for index, query in enumerate(queries):
        # SQLite stores only texts and numbers, which JSON preserves
        model: type[Model] = query.model
        factory = row_factory(model, "sqlite" if on_sqlite else "json")
        rows.append([factory.make_row(values) for values in orjson.loads(texts[index] or "[]")])
    return rows


def _join_statements(queries: Sequence[AnyRowQuery], *, on_sqlite: bool) -> SqlStatement:
    row_function, list_function = ("json_array", "json_group_array") if on_sqlite else ("json_build_array", "json_agg")
    selects, values = [], list[SqlValue]()
    for index, query in enumerate(queries):
        source, source_values = query.statement()
        columns = ", ".join(_json_columns(query))
        selects.append(
            f"SELECT {index} AS part, CAST({list_function}({row_function}({columns})) AS TEXT) AS held FROM ({source}) AS rows"  # noqa: S608
        )
        values += source_values
    return " UNION ALL ".join(selects), values


def _json_columns(query: AnyRowQuery) -> list[str]:
    """Return the columns of a row, exact numbers as texts, since JSON's are read as inexact ones."""
    meta = query.model._meta
    return [
        f'CAST("{column}" AS TEXT)' if isinstance(meta.fields_map[name], fields.DecimalField) else f'"{column}"'
        for name, column in meta.fields_db_projection.items()
    ]
