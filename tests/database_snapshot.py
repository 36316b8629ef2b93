"""Snapshots of a small database: what its tables contain, to be written into other empty databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from models.db import connection

_TABLES_SQL = "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES_SQL = "SELECT sequencename AS name, last_value AS value FROM pg_sequences WHERE last_value IS NOT NULL"
# a file says whether it has a write-ahead log, which a database in memory has not
_WAL_FLAGS, _NO_WAL = slice(18, 20), b"\1\1"

Snapshot = bytes | str  # of SQLite the file, of PostgreSQL a script that fills empty tables


async def take_snapshot() -> Snapshot:
    """Return a snapshot of the connected database."""
    if connection.dialect() == "postgres":
        return await _dump_rows()
    content = bytearray(await _run_in_sqlite("serialize"))
    content[_WAL_FLAGS] = _NO_WAL
    return bytes(content)


@asynccontextmanager
async def connect_restored(url: str, snapshot: Snapshot) -> AsyncIterator[None]:
    """Connect the database with this URL, which has no rows, and fill it."""
    is_in_memory = ":memory:" in url
    if isinstance(snapshot, bytes) and not is_in_memory:
        connection.create_parent_directory(url)
        Path(url.removeprefix("sqlite://").partition("?")[0]).write_bytes(snapshot)  # noqa: ASYNC240
    async with connection.connect(url):
        if isinstance(snapshot, str):
            await connection.current_connection().execute_script(snapshot)
        elif is_in_memory:
            await _run_in_sqlite("deserialize", snapshot)
        yield


async def _run_in_sqlite(method: str, *arguments: Any) -> Any:
    """Call a method of the connection of the `sqlite3` module, in its thread."""
    client: Any = connection.current_connection()
    raw_connection: aiosqlite.Connection = client._connection
    return await raw_connection._execute(getattr(raw_connection._conn, method), *arguments)


async def _dump_rows() -> str:
    """Return the script that fills the empty tables of PostgreSQL and sets the sequences of their ids."""
    statements = ["SET LOCAL session_replication_role = replica"]  # rows may come before those they refer to
    for table in [str(row["name"]) for row in await connection.fetch_rows(_TABLES_SQL)]:
        [row] = await connection.fetch_rows(f'SELECT json_agg(t)::text AS rows FROM "{table}" t')
        if row["rows"] is not None and table != "tortoise_migrations":
            rows = str(row["rows"]).replace("'", "''")
            statements.append(
                f"""INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", '{rows}')"""
            )
    for row in await connection.fetch_rows(_SEQUENCES_SQL):
        statements.append(f"""SELECT setval('"{row["name"]}"', {row["value"]})""")
    return ";\n".join(["BEGIN", *statements, "COMMIT"])
