"""Takes a database back in time while servers are connected, like a restore or a failover to a lagging replica."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import asyncpg

Restore = Callable[[], Awaitable[None]]


async def back_up(database_url: str, folder: Path) -> Restore:
    """Copy the database, and return a function that takes it back to the copy."""
    if database_url.startswith("sqlite:"):
        return await _back_up_sqlite(database_url.removeprefix("sqlite://").partition("?")[0], folder / "backup.db")
    return await _back_up_postgres(database_url)


async def _back_up_sqlite(path: str, copy: Path) -> Restore:
    def copy_pages(source: str | Path, target: str | Path) -> None:
        with closing(sqlite3.connect(source)) as source_connection, closing(sqlite3.connect(target)) as connection:
            source_connection.backup(connection)

    # In a thread: a server in this process may hold a lock, for whose release a backup waits without end.
    await asyncio.to_thread(copy_pages, path, copy)

    async def restore() -> None:
        await asyncio.to_thread(copy_pages, copy, path)

    return restore


async def _back_up_postgres(url: str) -> Restore:
    connection = await asyncpg.connect(url)
    async with connection.transaction(isolation="repeatable_read"):  # one snapshot, also while others write
        tables = [
            row["tablename"]
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        await connection.execute("DROP SCHEMA IF EXISTS backup CASCADE")
        await connection.execute("CREATE SCHEMA backup")
        for table in tables:
            await connection.execute(f"CREATE TABLE backup.{table} AS TABLE public.{table}")
        # Sequences are read last, since they belong to no snapshot: their values must not be below those of the rows.
        sequences = dict(
            await connection.fetch("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
        )
    await connection.close()

    async def restore() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SET session_replication_role = replica")  # no checks of foreign keys meanwhile
            async with connection.transaction():
                await connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
                for table in tables:
                    await connection.execute(f"INSERT INTO public.{table} SELECT * FROM backup.{table}")
                for sequence, last_value in sequences.items():
                    await connection.fetchval(
                        "SELECT setval($1, $2, $3)", sequence, last_value or 1, last_value is not None
                    )
        finally:
            await connection.close()

    return restore
