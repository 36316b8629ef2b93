"""Translates statements, written once with `?` placeholders and PostgreSQL's `= ANY(?)`, to the two databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

import orjson

from models.db.values import SqlStatement, SqlValue

_CACHED_TEXTS: Final = 2048  # texts of statements, of which the translation is kept


def to_sqlite(sql: str, values: Sequence[SqlValue]) -> SqlStatement:
    """Return a statement and its values for SQLite, which has neither times nor lists."""
    return _translate_any(sql), [_to_sqlite_value(value) for value in values]


def _to_sqlite_value(value: SqlValue) -> SqlValue:
    if isinstance(value, date):
        return to_sqlite_text(value)
    return orjson.dumps(value).decode() if isinstance(value, list) else value


def to_sqlite_text(value: date) -> str:
    """Return a date or time as SQLite stores it: ISO 8601 text, times in UTC."""
    return value.astimezone(UTC).isoformat(" ") if isinstance(value, datetime) else value.isoformat()


@lru_cache(maxsize=_CACHED_TEXTS)
def _translate_any(sql: str) -> str:
    return sql.replace("= ANY(?)", "IN (SELECT value FROM json_each(?))")


@lru_cache(maxsize=_CACHED_TEXTS)
def number_placeholders(sql: str) -> str:
    """Return a statement for PostgreSQL, with $1, $2, … as placeholders."""
    parts = sql.split("?")
    return "".join(part + (f"${n}" if n < len(parts) else "") for n, part in enumerate(parts, 1))


def days_between_sql(dialect: str, first: str, last: str) -> str:
    """Return the SQL expression for the number of days from one date column to another."""
    return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)" if dialect == "sqlite" else f"({last} - {first})"
