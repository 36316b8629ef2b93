"""Empty tables for tests: migrations run once per run of the tests, and their schema is copied into each database."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from models import migrator
from models.db import connection as db_connection


def run_in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to completion in a thread of its own, independent of the event loop of the test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


_shared_files: list[bytes] = []


def share_migrated_file(content: bytes) -> None:
    """Use the SQLite file with empty tables that another process of the test run has made."""
    _shared_files.append(content)


@cache
def read_migrated_file() -> bytes:
    """Return the content of an SQLite file with empty tables."""
    if _shared_files:
        return _shared_files[-1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.db"
        run_in_thread(migrator.migrate(f"sqlite://{path}"))
        return path.read_bytes()


@cache
def dump_schema() -> str:
    """Return the SQL script that creates the tables in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.db"
        path.write_bytes(read_migrated_file())
        connection = sqlite3.connect(path)
        statements = "\n".join(connection.iterdump())
        connection.close()
    return statements


async def create_database(url: str) -> None:
    """Create the database at a URL with empty tables, unless it has them; nothing is connected meanwhile."""
    if not db_connection.is_sqlite(url):
        await migrator.migrate(url)
    elif not (path := Path(url.removeprefix("sqlite://").partition("?")[0])).exists():
        db_connection.create_parent_directory(url)
        path.write_bytes(read_migrated_file())  # noqa: ASYNC240


async def create_tables() -> None:
    """Create the tables in the connected SQLite database; a PostgreSQL database is copied with its tables."""
    if await migrator.list_pending():
        await db_connection.current_connection().execute_script(dump_schema())


@asynccontextmanager
async def other_client(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to a PostgreSQL database that is not of this process's pool."""
    raw_connection = await asyncpg.connect(url)
    try:
        yield raw_connection
    finally:
        await raw_connection.close()
