"""Rows of several tables in the result of one statement: the rows of each table as one column of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from tortoise import fields
from tortoise.models import Model

from domain.primitives.json_values import JsonValue
from models.db import connection, dialects
from models.db.row_factory import row_factory
from models.db.values import SqlRow, SqlValue

Row = TypeVar("Row", bound=Model)


def rows_sql(on_sqlite: bool, model: type[Model], source: str, **more_columns: str) -> str:
    """Return the expression for the rows of a table as JSON, for `decode_rows`.

    source        with all columns of the table
    more_columns  names and expressions of what is added to each row
    """
    columns = {
        column: f"CAST({column} AS TEXT)" if isinstance(model._meta.fields_map[name], fields.DecimalField) else column
        for name, column in model._meta.fields_db_projection.items()
    } | more_columns
    if on_sqlite:
        pairs = ", ".join(f"'{name}', {expression}" for name, expression in columns.items())
        return f"(SELECT json_group_array(json_object({pairs})) FROM {source})"  # noqa: S608
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"(SELECT json_agg(selected_row) FROM (SELECT {selected} FROM {source}) AS selected_row)"  # noqa: S608


def values_sql(on_sqlite: bool, expression: str, source: str) -> str:
    """Return the expression for the values of a column as a JSON array, for `decode`."""
    return f"(SELECT {'json_group_array' if on_sqlite else 'json_agg'}({expression}) FROM {source})"  # noqa: S608


def decode(text: str | None) -> list[JsonValue]:
    """Return what an array of JSON holds; PostgreSQL returns NULL for an empty one."""
    values: list[JsonValue] = orjson.loads(text) if text else []
    return values


def decode_rows(model: type[Row], text: str | None) -> list[tuple[Row, SqlRow]]:
    """Return the rows of a table, each with all its columns, those that were added included."""
    columns_of_rows: list[SqlRow] = decode(text)
    factory = row_factory(model, "sqlite" if connection.dialect() == "sqlite" else "json")
    return [(factory.make_row_by_column(columns), columns) for columns in columns_of_rows]


def array_parameter(on_sqlite: bool, values: Sequence[SqlValue]) -> Any:
    """Return values as one parameter, for `in_array` and `array_rows`."""
    if not on_sqlite:
        return list(values)
    return orjson.dumps(list(values), dialects.to_sqlite_text, orjson.OPT_PASSTHROUGH_DATETIME).decode()


def in_array(on_sqlite: bool, column: str, sql_type: str) -> str:
    """Return the condition that a column has one of the values of an array."""
    return f"{column} IN (SELECT value FROM json_each(?))" if on_sqlite else f"{column} = ANY(?::{sql_type}[])"  # noqa: S608


def array_rows(on_sqlite: bool, column: str, sql_type: str) -> str:
    """Return the SELECT of the values of an array as rows with one column."""
    if on_sqlite:
        return f"SELECT value AS {column} FROM json_each(?)"  # noqa: S608
    return f"SELECT {column} FROM unnest(?::{sql_type}[]) AS {column}"  # noqa: S608


def in_rows(on_sqlite: bool, column: str, select: str) -> str:
    """Return the condition that a column has one of few selected values."""
    # an array lets PostgreSQL expect few values, and thus use an index
    return f"{column} IN ({select})" if on_sqlite else f"{column} = ANY(ARRAY({select}))"
