"""A private copy of the database, for dry runs: everything in it can be changed, and nothing of it stays.

Reading the copy's source takes no lock that a writer waits for. On SQLite the copy is a file, made page by page. On
PostgreSQL the copies are temporary tables, which PostgreSQL finds before the real ones of the same name; the session is
read-only for all other tables, so that nothing is written to them even if it is lost and opened again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from tortoise.transactions import in_transaction

from models.db import connection
from models.db.write_queue import SERVER_LIMITS, TimeLimits

# What is only written by a change of records, and never read by it: their copies stay empty.
_EMPTY_TABLES: Final = frozenset({"activity", "bell", "daily_total", "score_entry", "team_total"})

_TABLES_SQL: Final = """
SELECT quote_ident(schema.nspname) AS schema_name, quote_ident(entry.relname) AS quoted, entry.relname AS name
FROM pg_class entry JOIN pg_namespace schema ON schema.oid = entry.relnamespace
WHERE entry.relkind IN ('r', 'p') AND schema.nspname = current_schema() ORDER BY entry.relname
"""
_SEQUENCES_SQL: Final = """
SELECT entry.relname AS table_name, attribute.attname AS column_name,
    pg_get_serial_sequence(quote_ident(schema.nspname) || '.' || quote_ident(entry.relname), attribute.attname) AS sequence
FROM pg_class entry JOIN pg_namespace schema ON schema.oid = entry.relnamespace
JOIN pg_attribute attribute ON attribute.attrelid = entry.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE entry.relkind IN ('r', 'p') AND schema.nspname = current_schema() AND attribute.attidentity = ''
    AND pg_get_serial_sequence(quote_ident(schema.nspname) || '.' || quote_ident(entry.relname), attribute.attname)
        IS NOT NULL
"""


@asynccontextmanager
async def connect_to_copy(url: str, *, limits: TimeLimits = SERVER_LIMITS) -> AsyncIterator[None]:
    """Connect all tasks of the process to a private copy of the database, until the end of the block."""
    if connection.is_sqlite(url):
        with tempfile.TemporaryDirectory(prefix="scoreline-") as folder:
            copy_path = Path(folder) / "copy.sqlite3"
            source = Path(url.partition("://")[2].partition("?")[0])
            await asyncio.to_thread(_copy_file, source, copy_path)
            async with connection.connect(f"sqlite://{copy_path}", limits=limits):
                connection.current_client().write_queue.is_private = True
                yield
        return
    async with connection.connect(url, pool_size=1, limits=limits, read_only=True):
        connection.current_client().write_queue.is_private = True
        await _create_temporary_tables()
        yield


def _copy_file(source: Path, copy_path: Path) -> None:
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(copy_path)) as copy:
        database.backup(copy)


async def _create_temporary_tables() -> None:
    """Copy all tables of the schema as of one moment, with their indexes and sequences, without foreign keys."""
    async with in_transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
        tables = await connection.fetch_rows(_TABLES_SQL)
        sequences = await connection.fetch_rows(_SEQUENCES_SQL)
        for table in tables:
            source, copy = f"{table['schema_name']}.{table['quoted']}", f"pg_temp.{table['quoted']}"
            await connection.execute(f"CREATE TEMPORARY TABLE {table['quoted']} (LIKE {source} INCLUDING ALL)")
            if table["name"] not in _EMPTY_TABLES:
                await connection.execute(f"INSERT INTO {copy} OVERRIDING SYSTEM VALUE SELECT * FROM {source}")  # noqa: S608
        for row in sequences:
            await _copy_sequence(row["table_name"], row["column_name"], row["sequence"])
        await connection.execute("ANALYZE " + ", ".join(f"pg_temp.{table['quoted']}" for table in tables))


async def _copy_sequence(table: str, column: str, sequence: str) -> None:
    """Give the copy of a table a sequence of its own, which goes on from the place of the real one."""
    name = f'"copy_of_{table}_{column}"'
    state = (await connection.fetch_rows(f"SELECT last_value, is_called FROM {sequence}"))[0]  # noqa: S608
    await connection.execute(f'CREATE TEMPORARY SEQUENCE {name} OWNED BY pg_temp."{table}"."{column}"')
    await connection.execute(
        f'ALTER TABLE pg_temp."{table}" ALTER COLUMN "{column}" SET DEFAULT nextval(\'pg_temp.{name}\')'
    )
    await connection.fetch_rows(
        f"SELECT setval('pg_temp.{name}', ?, ?)",
        [state["last_value"], state["is_called"]],
    )
