"""Empty tables for tests: migrations run once per process, and their schema is copied into each database."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from models import migrator
from models.db import connection as db_connection


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to completion in a thread of its own, independent of the event loop of the test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@cache
def script() -> str:
    """Return the SQL script that creates the tables in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.db"
        finished(migrator.migrate(f"sqlite://{path}"))
        connection = sqlite3.connect(path)
        made = "\n".join(connection.iterdump())
        connection.close()
    return made


async def make() -> None:
    """Create the tables in the connected SQLite database; a PostgreSQL database is copied with its tables."""
    if await migrator.pending():
        await db_connection.connection().execute_script(script())
