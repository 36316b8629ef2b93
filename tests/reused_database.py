"""A PostgreSQL database with empty tables that tests use one after the other: to create one takes longer than most of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import asyncpg

MAX_GROWTH_BYTES: Final = 4 << 20  # scans would read the pages of deleted rows
_MIGRATIONS: Final = "tortoise_migrations"
_TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
# what a test may change besides rows: tables, columns, indexes, constraints, triggers, functions, settings
_DIGEST: Final = """SELECT md5(string_agg(item, ' ' ORDER BY item)) FROM (
  SELECT concat_ws(',', 'c', relname, relkind, relpersistence) FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(',', 'a', attrelid, attname, atttypid, attnotnull, attisdropped) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid AND relnamespace = 'public'::regnamespace WHERE attnum > 0
  UNION ALL SELECT concat_ws(',', 'r', conrelid, conname) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(',', 't', tgrelid, tgname, tgenabled) FROM pg_trigger
  UNION ALL SELECT concat_ws(',', 'f', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(',', 's', setconfig) FROM pg_db_role_setting) items(item)"""
_END_OTHER_SESSIONS: Final = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_RESTART_SEQUENCES: Final = """SELECT setval(format('%I', sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"""


Result = TypeVar("Result")


@dataclass(frozen=True)
class _EmptyState:
    """How the database was when it was created: its digest and size, and a script that leaves only its rows."""

    digest: str
    bytes: int
    script: str


class ReusedDatabase:
    """Gives one test at a time a database with empty tables.

    create  makes a database, yields its URL, and drops it at the end

    It is restored in a session of its own, which stays: a new one would first read the definitions of all tables, which
    takes longer than everything else that is done here.
    """

    def __init__(self, create: Callable[[], AbstractContextManager[str]]) -> None:
        self._create = create
        self._database: AbstractContextManager[str] | None = None
        self._loop = asyncio.new_event_loop()
        self._session: asyncpg.Connection | None = None
        self._url, self._state = "", _EmptyState("", 0, "")

    def take(self) -> str:
        """Return the URL of the database, created if there is none."""
        if self._database is None:
            self._database = self._create()
            self._url = self._database.__enter__()
            self._state = self._run(_read_state)
        return self._url

    def give_back(self) -> None:
        """Empty the tables for the next test, or drop the database if more than rows was changed."""
        if not self._run(partial(_restore, state=self._state)):
            self.drop()

    def drop(self) -> None:
        if self._database is not None:
            database, self._database = self._database, None
            self._run(asyncpg.Connection.close)
            database.__exit__(None, None, None)

    def close(self) -> None:
        self.drop()
        self._loop.close()

    def _run(self, function: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        """Run a function with the session, in a thread, independent of the event loop of the test."""

        async def run() -> Result:
            if self._session is None or not await _is_open(self._session):
                self._session = await asyncpg.connect(self._url)
            return await function(self._session)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._loop.run_until_complete, run()).result()


async def _is_open(session: asyncpg.Connection) -> bool:
    """Return whether no test, nor the end of the database, has ended the session."""
    try:
        await session.execute("SELECT 1")
    except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, OSError):
        return False
    return True


async def _read_state(session: asyncpg.Connection) -> _EmptyState:
    statements = ["SET session_replication_role = replica"]  # rows may be deleted before those that refer to them
    for table in sorted(row["relname"] for row in await session.fetch(_TABLES)):
        if table == _MIGRATIONS:
            continue
        statements.append(f'DELETE FROM "{table}"')
        rows = await session.fetchval(f'SELECT json_agg(t)::text FROM "{table}" t')
        if rows is not None:
            escaped_rows = rows.replace("'", "''")
            statements.append(
                f"""INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", '{escaped_rows}')"""
            )
    used_sequences = await session.fetch("SELECT * FROM pg_sequences WHERE last_value IS NOT NULL")
    statements.append(_RESTART_SEQUENCES)
    statements += [f"SELECT setval('{row['sequencename']}', {row['last_value']})" for row in used_sequences]
    return _EmptyState(await session.fetchval(_DIGEST), await _read_size(session), ";".join(statements))


async def _restore(session: asyncpg.Connection, state: _EmptyState) -> bool:
    """Restore the rows, and return True, if nothing else was changed and the database has not grown much."""
    await session.execute(_END_OTHER_SESSIONS)
    if await session.fetchval(_DIGEST) != state.digest:
        return False
    if await _read_size(session) > state.bytes + MAX_GROWTH_BYTES:
        return False
    await session.execute(state.script)
    return True


async def _read_size(session: asyncpg.Connection) -> int:
    return int(await session.fetchval("SELECT pg_database_size(current_database())"))
