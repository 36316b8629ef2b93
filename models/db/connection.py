"""Database connection: configuration, the single-writer lock, and helpers for plain SQL.

Every change of the ledger is made under one lock: SQLite's own write lock, or an advisory lock on PostgreSQL. The
change log and all feeds therefore get their positions in the order of commits, updates of totals cannot deadlock,
and a goal is announced once. docs/decisions/ explains why.
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
from tortoise.fields import data as field_data
from tortoise.models import Model
from tortoise.transactions import in_transaction

MODEL_MODULES: Final = (
    "models.organization.company",
    "models.organization.people",
    "models.organization.absences",
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


_MAX_VALUES_PER_STATEMENT: Final = 900  # old builds of SQLite accept at most 999

Row = TypeVar("Row", bound=Model)

# Times that arrive as text (from SQLite, and in JSON) are in the format that Python writes, so Python's parser reads
# them. Tortoise's own parser accepts more formats and is ten times slower, which is a tenth of the time of a long list.
field_data.parse_datetime = datetime.fromisoformat  # type: ignore[attr-defined]


class _PooledConnection(asyncpg.Connection):  # type: ignore[misc]
    """A pooled connection without server-side reset: no session state outlives a transaction here.

    This saves one round trip whenever a connection returns to the pool.
    """

    async def reset(self, *, timeout: float | None = None) -> None:
        await self._reset()


DATABASE_DOWN_ERRORS: Final = (
    DBConnectionError,
    OperationalError,
    OSError,  # of the network: refused, timed out, no route, unknown host
    asyncpg.PostgresConnectionError,  # Tortoise does not wrap these while the server starts or stops
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was closed while the driver was using it
)
LEDGER_LOCK_ID: Final = 0x5C0E_0001

Result = TypeVar("Result")


class DeadlineExceeded(TimeoutError):
    """Raised when awaiting something with `with_deadline` took too long."""


def tortoise_config(url: str, *, pool_size: int = 20) -> dict[str, Any]:
    """Return Tortoise's configuration for a `sqlite://PATH` or `postgres://…` URL.

    The connection is named after its dialect, because Tortoise caches statements by the connection's name.
    """
    connection_name = "sqlite" if is_sqlite(url) else "postgres"
    connection: Any = expand_db_url(url)
    credentials = connection["credentials"]
    if is_sqlite(url):
        connection["engine"] = "models.db.sqlite_backend"
        credentials.setdefault("busy_timeout", 10_000)
        credentials.setdefault("synchronous", "NORMAL")
    else:
        credentials.setdefault("maxsize", pool_size)
        credentials["command_timeout"] = 10
        credentials["connection_class"] = _PooledConnection
        credentials["server_settings"] = {
            "application_name": "scoreline",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "15s",  # a frozen process must not keep the ledger lock
        }
    return {
        "connections": {connection_name: connection},
        "apps": {
            "models": {
                "models": list(MODEL_MODULES),
                "default_connection": connection_name,
                "migrations": "models.migrations",
            },
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def is_full(error: Exception) -> bool:
    """Return whether the database could not write because the disk is full."""
    return isinstance(error, asyncpg.DiskFullError) or "database or disk is full" in str(error)


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def create_parent_directory(url: str) -> None:
    """Create the folder of an SQLite file."""
    path = url.partition("://")[2].partition("?")[0]
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def connect(url: str, *, pool_size: int = 20) -> AsyncIterator[None]:
    """Connect all tasks of the process to the database, until the end of the block."""
    await Tortoise.init(tortoise_config(url, pool_size=pool_size), _enable_global_fallback=True)
    try:
        if is_sqlite(url):
            # open the one connection here: a task cancelled while it opens it would leave its thread behind
            await current_connection().execute_query("SELECT 1")
        yield
    finally:
        await Tortoise.close_connections()


@asynccontextmanager
async def write_transaction() -> AsyncIterator[None]:
    """Run a transaction as the single writer of the ledger."""
    async with in_transaction() as connection:
        if connection.capabilities.dialect == "postgres":
            await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [LEDGER_LOCK_ID])
        yield


def is_outside_transaction() -> bool:
    """Return whether no transaction is open, so that all writes are committed and visible to other connections."""
    return not isinstance(current_connection(), TransactionalDBClient)


async def with_deadline(seconds: float, awaitable: Awaitable[Result]) -> Result:
    """Return the result of an awaitable. After the time, cancel it without waiting and raise DeadlineExceeded.

    `asyncio.timeout` would wait for the cancelled task. The PostgreSQL driver waits in turn until the server has
    acknowledged the cancellation, which a frozen server never does.
    """
    task = asyncio.ensure_future(awaitable)
    task.add_done_callback(
        lambda finished: finished.cancelled() or finished.exception()
    )  # marks its exception as retrieved
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise DeadlineExceeded
        return task.result()
    finally:
        task.cancel()


def current_connection() -> BaseDBAsyncClient:
    """Return the open connection; inside a transaction that of the transaction."""
    return get_connection(_connection_name())


def _connection_name() -> str:
    """Return the name of the connection, which is the name of its dialect."""
    return str(_any_model()._meta.default_connection)


@cache
def _any_model() -> type[Model]:
    return Tortoise.apps["models"]["Company"]  # type: ignore[no-any-return]


def _dialect() -> str:
    return _connection_name()


def _to_dialect(client: BaseDBAsyncClient, sql: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Translate `?` placeholders and values to the dialect of the connected database."""
    if client.capabilities.dialect == "sqlite":
        return sql, [_to_sqlite_text(value) if isinstance(value, date) else value for value in values]
    return _number_placeholders(sql), list(values)


def _to_sqlite_text(value: date) -> str:
    """Return a date or time as SQLite stores it: ISO 8601 text, times in UTC."""
    return value.astimezone(UTC).isoformat(" ") if isinstance(value, datetime) else value.isoformat()


@lru_cache(maxsize=512)
def _number_placeholders(sql: str) -> str:
    parts = sql.split("?")
    return "".join(part + (f"${n}" if n < len(parts) else "") for n, part in enumerate(parts, 1))


def placeholders(values: Sequence[Any]) -> str:
    """Return SQL placeholders for values, separated by commas; NULL if empty, which no value equals."""
    return ", ".join("?" * len(values)) or "NULL"


async def execute(sql: str, values: Sequence[Any] = ()) -> None:
    """Run one statement with `?` placeholders."""
    client = current_connection()
    await client.execute_query(*_to_dialect(client, sql, values))


async def fetch_rows(sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Return the rows of one statement with `?` placeholders."""
    client = current_connection()
    return await client.execute_query_dict(*_to_dialect(client, sql, values))


async def fetch_by_ids(model: type[Row], ids: Iterable[int]) -> dict[int, Row]:
    """Return the rows with these ids, by id.

    Plain SQL instead of a Tortoise query, because this statement runs far more often than any other.
    """
    unique_ids = sorted(set(ids))
    if not unique_ids:
        return {}
    sql = f'SELECT * FROM "{model._meta.db_table}" WHERE id IN ({placeholders(unique_ids)})'  # noqa: S608
    return {row["id"]: model._init_from_db(**row) for row in await fetch_rows(sql, unique_ids)}


async def insert_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows, with values in the order of the columns, in as few statements as old builds of SQLite allow."""
    rows_per_statement = _MAX_VALUES_PER_STATEMENT // len(columns)
    for start in range(0, len(rows), rows_per_statement):
        chunk = rows[start : start + rows_per_statement]
        await execute(_insert_sql(table, tuple(columns), len(chunk)), [value for row in chunk for value in row])


async def execute_with_rows(sql: str, rows: Sequence[Sequence[Any]], column_types: Sequence[str] | None = None) -> None:
    """Run a statement with many rows of values, in as few statements as old builds of SQLite allow.

    sql           contains `{rows}`, which is replaced by the rows of placeholders
    column_types  SQL types of the columns; PostgreSQL needs them when the rows are not inserted directly into a table
    """
    if not rows:
        return
    row_sql, rows_per_statement = f"({placeholders(rows[0])})", _MAX_VALUES_PER_STATEMENT // len(rows[0])
    first_row_sql = (
        f"({', '.join(f'CAST(? AS {column_type})' for column_type in column_types)})"
        if column_types and _dialect() != "sqlite"
        else row_sql
    )
    for start in range(0, len(rows), rows_per_statement):
        chunk = rows[start : start + rows_per_statement]
        values_sql = ", ".join([first_row_sql] + [row_sql] * (len(chunk) - 1))
        await execute(sql.format(rows=values_sql), [value for row in chunk for value in row])


@lru_cache(maxsize=512)
def _insert_sql(table: str, columns: Sequence[str], row_count: int) -> str:
    row_sql = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row_sql] * row_count)}"  # noqa: S608


async def insert_row(table: str, values: Mapping[str, Any]) -> int:
    """Insert one row and return its id."""
    result = await fetch_rows(f"{_insert_sql(table, tuple(values), 1)} RETURNING id", list(values.values()))
    return int(result[0]["id"])


async def save_new_row(row: Model) -> None:
    """Insert a new row and set the id that the database assigns."""
    meta = row._meta
    fields = [
        (meta.fields_map[name], name, column) for name, column in meta.fields_db_projection.items() if name != "id"
    ]
    values = {column: field.to_db_value(getattr(row, name), row) for field, name, column in fields}
    row.pk = await insert_row(meta.db_table, values)
    row._saved_in_db = True


async def reserve_ids(model: type[Model], count: int) -> list[int]:
    """Reserve ids for new rows of a table.

    Only within `write_transaction`: on SQLite the ids are merely read, and only the single writer may use them.
    """
    table = model._meta.db_table
    if _dialect() == "sqlite":
        sequence_rows = await fetch_rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
        last_id = int(sequence_rows[0]["seq"]) if sequence_rows else 0
        return list(range(last_id + 1, last_id + count + 1))
    reserved = await fetch_rows(
        f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) AS id FROM generate_series(1, ?)",  # noqa: S608
        [count],
    )
    return [row["id"] for row in reserved]


def to_datetime(value: datetime | str) -> datetime:
    """Return a time from plain SQL as an aware datetime; SQLite returns text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def to_date(value: date | str) -> date:
    """Return a date from plain SQL as a date; SQLite returns text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def days_between_sql(first: str, last: str) -> str:
    """Return the SQL expression for the number of days from one date column to another."""
    if _dialect() == "sqlite":
        return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)"
    return f"({last} - {first})"
