"""Empty tables for a test, as the migrations make them: made once for each process, then copied."""

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
    """Run something to its end in a thread, whatever loop the test has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@cache
def script() -> str:
    """Return the statements that make SQLite's tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.db"
        finished(migrator.migrate(f"sqlite://{path}"))
        connection = sqlite3.connect(path)
        made = "\n".join(connection.iterdump())
        connection.close()
    return made


async def make() -> None:
    """Make the tables of the connected SQLite; a database of PostgreSQL is copied with them in it."""
    if await migrator.pending():
        await db_connection.connection().execute_script(script())
