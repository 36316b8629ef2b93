"""The connection: where the tables are, one writer at a time, and plain SQL where it must be.

Every change of the ledger is made under one lock (SQLite's own write lock; an advisory
lock on PostgreSQL). So the change log and all feeds take their positions in the order
of commits, totals never deadlock, and a goal is announced once. docs/decisions/ has the why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.fields import data as readers
from tortoise.models import Model
from tortoise.transactions import in_transaction

MODULES: Final = (
    "models.organization.company",
    "models.organization.people",
    "models.crm.pipelines",
    "models.crm.clients",
    "models.crm.deals",
    "models.crm.leads",
    "models.crm.calls",
    "models.crm.tasks",
    "models.crm.custom_metrics",
    "models.ledger.scores",
    "models.goals.goals",
    "models.crm.activities",
    "models.live.change_log",
    "models.auth.sessions",
    "models.live.presence",
    "models.analytics.worktime",
    "models.alerts.alerts",
    "models.alerts.inactivity",
    "models.alerts.outbox",
    "models.live.leases",
    "models.forecasting.snapshots",
)


_VALUES: Final = 900  # of one statement: SQLite takes at most 999 in old builds

Row = TypeVar("Row", bound=Model)

# Where times come as texts (SQLite keeps them so, and JSON does), they are as Python writes them, so Python reads them: the
# library's own reader knows more kinds of text and takes ten times as long, a tenth of a long list.
readers.parse_datetime = datetime.fromisoformat  # type: ignore[attr-defined]


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection on which nothing of ours outlives a transaction: between two users it asks the server nothing."""

    async def reset(self, *, timeout: float | None = None) -> None:
        await self._reset()


AWAY: Final = (
    DBConnectionError,
    OperationalError,
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,  # the driver's own come through while the server starts or stops
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that was ended while the driver had it in hand
)
LEDGER_LOCK: Final = 0x5C0E_0001

Result = TypeVar("Result")


class GivenUp(TimeoutError):
    """The database, or what was done with it, took too long."""


def config(url: str, *, pool: int = 20) -> dict[str, Any]:
    """Return Tortoise's configuration for a `sqlite://PATH` or `postgres://…` address.

    The connection is named after its dialect: Tortoise remembers statements by that name.
    """
    label = "sqlite" if is_sqlite(url) else "postgres"
    connection: Any = expand_db_url(url)
    credentials = connection["credentials"]
    if is_sqlite(url):
        connection["engine"] = "models.db.sqlite_backend"
        credentials.setdefault("busy_timeout", 10_000)
        credentials.setdefault("synchronous", "NORMAL")
    else:
        credentials.setdefault("maxsize", pool)
        credentials["command_timeout"] = 10
        credentials["connection_class"] = _Connection
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
            await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [LEDGER_LOCK])
        yield


def committed() -> bool:
    """Return whether what was written here is there for everybody: no transaction is open around it."""
    return not isinstance(connection(), TransactionalDBClient)


async def within(seconds: float, work: Awaitable[Result]) -> Result:
    """Return what the work comes to. Raises GivenUp after so many seconds; it is cancelled then, and not waited for.

    The driver waits until the server has heard of a cancellation, and a server that is frozen hears of nothing.
    """
    running = asyncio.ensure_future(work)
    running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else may ask for it
    try:
        await asyncio.wait({running}, timeout=seconds)
        if not running.done():
            raise GivenUp
        return running.result()
    finally:
        running.cancel()


def connection() -> BaseDBAsyncClient:
    """Return the connection that is open, within a transaction that of the transaction."""
    return get_connection(_named())


def _named() -> str:
    """Return the name of the connection, which is its dialect's."""
    return str(_a_model()._meta.default_connection)


@cache
def _a_model() -> type[Model]:
    return Tortoise.apps["models"]["Company"]  # type: ignore[no-any-return]


def _dialect() -> str:
    return _named()


def _spoken(client: BaseDBAsyncClient, sql: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the statement and its values as the connected database writes them."""
    if client.capabilities.dialect == "sqlite":
        return sql, [_as_text(value) if isinstance(value, date) else value for value in values]
    return _numbered(sql), list(values)


def _as_text(value: date) -> str:
    """Return a day or a moment as SQLite keeps it."""
    return value.astimezone(UTC).isoformat(" ") if isinstance(value, datetime) else value.isoformat()


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    parts = sql.split("?")
    return "".join(part + (f"${n}" if n < len(parts) else "") for n, part in enumerate(parts, 1))


def marks(values: Sequence[Any]) -> str:
    """Return as many places for values as there are, with commas between; NULL for none, which nothing equals."""
    return ", ".join("?" * len(values)) or "NULL"


async def execute(sql: str, values: Sequence[Any] = ()) -> None:
    """Run one statement; its values stand as `?`."""
    client = connection()
    await client.execute_query(*_spoken(client, sql, values))


async def rows(sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Return the rows of one statement; its values stand as `?`."""
    client = connection()
    return await client.execute_query_dict(*_spoken(client, sql, values))


async def by_ids(model: type[Row], ids: Iterable[int]) -> dict[int, Row]:
    """Return the rows of these ids, in one plain statement: it is asked far more often than any other."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    sql = f'SELECT * FROM "{model._meta.db_table}" WHERE id IN ({marks(wanted)})'  # noqa: S608
    return {row["id"]: model._init_from_db(**row) for row in await rows(sql, wanted)}


async def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write rows, whose values are in the order of the columns, in as few statements as SQLite's old builds allow."""
    at_once = _VALUES // len(columns)
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        await execute(_insertion(table, tuple(columns), len(part)), [value for row in part for value in row])


async def write(sql: str, rows: Sequence[Sequence[Any]], kinds: Sequence[str] | None = None) -> None:
    """The same by a statement that has `{rows}` where they are to stand, below each other.

    kinds  what is in each column, for PostgreSQL to know where the rows do not go straight into a table
    """
    if not rows:
        return
    row, at_once = f"({marks(rows[0])})", _VALUES // len(rows[0])
    first = f"({', '.join(f'CAST(? AS {kind})' for kind in kinds)})" if kinds and _dialect() != "sqlite" else row
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        below = ", ".join([first] + [row] * (len(part) - 1))
        await execute(sql.format(rows=below), [value for each in part for value in each])


@lru_cache(maxsize=512)
def _insertion(table: str, columns: Sequence[str], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608


async def insert_one(table: str, values: Mapping[str, Any]) -> int:
    """Write one row and return its id."""
    found = await rows(f"{_insertion(table, tuple(values), 1)} RETURNING id", list(values.values()))
    return int(found[0]["id"])


async def save_new(row: Model) -> None:
    """Write a new row whose id the database gives."""
    meta = row._meta
    fields = [
        (meta.fields_map[name], name, column) for name, column in meta.fields_db_projection.items() if name != "id"
    ]
    values = {column: field.to_db_value(getattr(row, name), row) for field, name, column in fields}
    row.pk = await insert_one(meta.db_table, values)
    row._saved_in_db = True


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


def day(value: date | str) -> date:
    """The same for a day."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def days_between(first: str, last: str) -> str:
    """Return the expression that counts the days from one date column to another."""
    if _dialect() == "sqlite":
        return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)"
    return f"({last} - {first})"
