"""Statements with many rows of values, each sent to the database in the fastest way that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from models.db import connection, dialects
from models.db.errors import translated_errors
from models.db.values import SqlRecord, SqlValue

_MAX_VALUES_PER_STATEMENT: Final = 900  # old builds of SQLite accept at most 999
_FEW_ROWS: Final = 20  # up to here one statement with all rows is faster than a bulk load


def _dialect() -> str:
    return connection.current_client().capabilities.dialect


async def insert_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[SqlValue]]) -> None:
    """Insert rows, with values in the order of the columns: few in one statement, many by the fastest way there is."""
    if len(rows) <= _FEW_ROWS:
        rows_per_statement = _MAX_VALUES_PER_STATEMENT // len(columns)
        for start in range(0, len(rows), rows_per_statement):
            chunk = rows[start : start + rows_per_statement]
            await connection.execute(
                connection.insert_sql(table, tuple(columns), len(chunk)), [value for row in chunk for value in row]
            )
    elif _dialect() == "sqlite":
        await _execute_for_each(connection.insert_sql(table, tuple(columns), 1), rows)
    else:
        with translated_errors():
            async with connection.current_connection().acquire_connection() as session:
                await session.copy_records_to_table(table, columns=list(columns), records=rows)


async def _execute_for_each(sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
    """Run a statement once for each row of values, on SQLite: in one call, and prepared once."""
    columns = [_to_sqlite_column(column) for column in zip(*rows, strict=True)]
    await connection.current_connection().execute_many(sql, list(map(list, zip(*columns, strict=True))))


def _to_sqlite_column(values: Sequence[SqlValue]) -> Sequence[SqlValue]:
    """Return the values of a column with dates and times as SQLite stores them."""
    if not any(issubclass(value_type, date) for value_type in set(map(type, values))):
        return values
    return [_to_text(value) if isinstance(value, date) else value for value in values]


_to_text: Final = lru_cache(maxsize=8_192)(dialects.to_sqlite_text)  # most dates stand in several rows and tables


async def execute_with_rows(sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
    """Run a statement with many rows of values, in as few statements as old builds of SQLite allow.

    sql  contains `{rows}`, which is replaced by the rows of placeholders
    """
    if len(rows) > _FEW_ROWS and _dialect() == "sqlite":
        await _execute_for_each(sql.format(rows=f"({connection.placeholders(rows[0])})"), rows)
        return
    for statement, values in _split_statement(sql, rows):
        await connection.execute(statement, values)


async def execute_with_typed_rows(sql: str, rows: Sequence[Sequence[SqlValue]], column_types: Sequence[str]) -> None:
    """Run a statement as `execute_with_rows` does, one that does not insert the rows directly into a table.

    column_types  SQL types of the columns, which PostgreSQL needs then
    """
    for statement, values in _split_statement(sql, rows, column_types if _dialect() != "sqlite" else None):
        await connection.execute(statement, values)


async def fetch_with_rows(sql: str, rows: Sequence[Sequence[SqlValue]], column_types: Sequence[str]) -> list[SqlRecord]:
    """Return what a query with many rows of values returns, in as few statements as old builds of SQLite allow.

    sql           contains `{rows}`, which is replaced by the rows of placeholders
    column_types  SQL types of the columns, which PostgreSQL needs
    """
    records: list[SqlRecord] = []
    for statement, values in _split_statement(sql, rows, column_types if _dialect() != "sqlite" else None):
        records.extend(await connection.fetch_records(statement, values))
    return records


def _split_statement(
    sql: str, rows: Sequence[Sequence[SqlValue]], column_types: Sequence[str] | None = None
) -> Iterator[tuple[str, list[SqlValue]]]:
    """Yield a statement with `{rows}` as often as its rows need, each time with the values of the next rows."""
    if not rows:
        return
    row_sql, rows_per_statement = f"({connection.placeholders(rows[0])})", _MAX_VALUES_PER_STATEMENT // len(rows[0])
    first_row_sql = f"({', '.join(f'CAST(? AS {name})' for name in column_types)})" if column_types else row_sql
    for start in range(0, len(rows), rows_per_statement):
        chunk = rows[start : start + rows_per_statement]
        values_sql = ", ".join([first_row_sql] + [row_sql] * (len(chunk) - 1))
        yield sql.format(rows=values_sql), [value for row in chunk for value in row]
