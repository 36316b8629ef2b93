"""The connection: where the tables are, one writer at a time, and plain SQL where it must be.

Every change of the ledger is made under one lock (SQLite's own write lock; an advisory
lock on PostgreSQL). So the change log and all feeds take their positions in the order
of commits, totals never deadlock, and a goal is announced once. docs/decisions/ has the why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.models import Model
from tortoise.transactions import in_transaction

MODULES: Final = (
    "models.company",
    "models.people",
    "models.pipelines",
    "models.clients",
    "models.deals",
    "models.leads",
    "models.calls",
    "models.tasks",
    "models.metrics",
    "models.scores",
    "models.goals",
    "models.activities",
    "models.changes",
    "models.sessions",
    "models.presence",
    "models.forecasts",
)
AWAY: Final = (
    DBConnectionError,
    OperationalError,
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,  # the driver's own come through while the server starts or stops
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
)
_LEDGER_LOCK: Final = 0x5C0E_0001


def config(url: str, *, pool: int = 20) -> dict[str, Any]:
    """Return Tortoise's configuration for a `sqlite://PATH` or `postgres://…` address.

    The connection is named after its dialect: Tortoise remembers statements by that name.
    """
    label = "sqlite" if is_sqlite(url) else "postgres"
    connection: Any = expand_db_url(url)
    credentials = connection["credentials"]
    if is_sqlite(url):
        connection["engine"] = "models.sqlite"
        credentials.setdefault("busy_timeout", 10_000)
        credentials.setdefault("synchronous", "NORMAL")
    else:
        credentials.setdefault("maxsize", pool)
        credentials["command_timeout"] = 10
        credentials["server_settings"] = {
            "application_name": "scoreline",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "15s",  # a frozen process must not keep the ledger's lock
        }
    return {
        "connections": {label: connection},
        "apps": {
            "models": {"models": list(MODULES), "default_connection": label, "migrations": "models.migrations"},
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def is_full(error: Exception) -> bool:
    """Return whether the database refused to write for want of room."""
    return isinstance(error, asyncpg.DiskFullError) or "database or disk is full" in str(error)


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def make_room(url: str) -> None:
    """Make the folder that an SQLite file is to be in."""
    path = url.partition("://")[2].partition("?")[0]
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def connected(url: str, *, pool: int = 20) -> AsyncIterator[None]:
    """Keep a connection to the database, for all tasks of the process."""
    await Tortoise.init(config(url, pool=pool), _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


@asynccontextmanager
async def writing() -> AsyncIterator[None]:
    """Run a transaction as the one writer of the ledger."""
    async with in_transaction() as connection:
        if connection.capabilities.dialect == "postgres":
            await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [_LEDGER_LOCK])
        yield


def connection() -> BaseDBAsyncClient:
    """Return the connection that is open, within a transaction that of the transaction."""
    return get_connection(Tortoise.apps["models"]["Company"]._meta.default_connection)


def _dialect() -> str:
    return str(connection().capabilities.dialect)


def _spoken(sql: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the statement and its values as the connected database writes them."""
    if _dialect() == "sqlite":
        return sql, [value.isoformat() if isinstance(value, date) else value for value in values]
    parts = sql.split("?")
    return "".join(part + (f"${n}" if n < len(parts) else "") for n, part in enumerate(parts, 1)), list(values)


async def execute(sql: str, values: Sequence[Any] = ()) -> None:
    """Run one statement; its values stand as `?`."""
    await connection().execute_query(*_spoken(sql, values))


async def rows(sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Return the rows of one statement; its values stand as `?`."""
    return await connection().execute_query_dict(*_spoken(sql, values))


async def reserve(model: type[Model], count: int) -> list[int]:
    """Return ids for as many new rows of the table; only for a writer, who alone can take them."""
    table = model._meta.db_table
    if _dialect() == "sqlite":
        found = await rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
        last = int(found[0]["seq"]) if found else 0
        return list(range(last + 1, last + count + 1))
    taken = await rows(
        f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) AS id FROM generate_series(1, ?)",  # noqa: S608
        [count],
    )
    return [row["id"] for row in taken]


def instant(value: datetime | str) -> datetime:
    """Return what plain SQL gave for a moment as an aware datetime (SQLite gives text)."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
