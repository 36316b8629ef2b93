"""Database connection: configuration, the single-writer lock, and helpers for plain SQL.

Every change of the ledger is made under one lock: SQLite's own write lock, or an advisory lock on PostgreSQL. The
change log and all feeds therefore get their positions in the order of commits, updates of totals cannot deadlock,
and a goal is announced once. docs/decisions/ explains why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeVar, cast

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connection
from tortoise.fields import data as field_data
from tortoise.models import Model
from tortoise.transactions import in_transaction

from domain.primitives.json_values import JsonObject
from models.db import dialects
from models.db.availability import MonitoredClient
from models.db.errors import LockTimeout
from models.db.row_factory import row_factory
from models.db.values import SqlRecord, SqlRow, SqlStatement, SqlValue
from models.db.write_queue import SERVER_LIMITS, BatchQueueFull, TimeLimits

MODEL_MODULES: Final = (
    "models.organization.company",
    "models.organization.people",
    "models.organization.memberships",
    "models.organization.quotas",
    "models.organization.absences",
    "models.crm.pipelines",
    "models.crm.clients",
    "models.crm.deals",
    "models.crm.refunds",
    "models.crm.leads",
    "models.crm.calls",
    "models.crm.tasks",
    "models.crm.custom_metrics",
    "models.ledger.scores",
    "models.goals.goals",
    "models.goals.plans",
    "models.crm.activities",
    "models.crm.undo",
    "models.live.change_log",
    "models.live.epoch",
    "models.auth.sessions",
    "models.auth.sign_ins",
    "models.auth.password_links",
    "models.live.presence",
    "models.analytics.worktime",
    "models.alerts.alerts",
    "models.alerts.inactivity",
    "models.alerts.outbox",
    "models.live.leases",
    "models.forecasting.snapshots",
    "models.forecasting.pipeline_snapshots",
    "models.forecasting.forecast_calls",
    "models.imports.import_jobs",
)


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


APPLICATION_NAME: Final = "scoreline"  # of our sessions on PostgreSQL
LEDGER_LOCK_ID: Final = 0x5C0E_0001
BATCH_LOCK_ID: Final = 0x5C0E_0003

_CACHED_STATEMENTS: Final = 300  # that a connection to PostgreSQL keeps prepared
_MAX_CACHED_STATEMENT_BYTES: Final = 60_000  # above the largest constant text; longer ones are inserts of many rows
_SQLITE_COMMAND_LOCK_SECONDS: Final = 60  # how long a command waits for the writer of another process
_TAKE_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock($1)"
_SET_LOCK_TIMEOUT_SQL: Final = "SELECT set_config('lock_timeout', $1, true)"  # until the end of the transaction

Result = TypeVar("Result")


def tortoise_config(
    url: str, *, pool_size: int = 20, limits: TimeLimits = SERVER_LIMITS, read_only: bool = False
) -> JsonObject:
    """Return Tortoise's configuration for a `sqlite://PATH` or `postgres://…` URL.

    The connection is named after its dialect, because Tortoise caches statements by the connection's name.

    read_only  whether sessions on PostgreSQL may write to temporary tables only
    """
    connection_name = "sqlite" if is_sqlite(url) else "postgres"
    connection = expand_db_url(url)
    credentials = connection["credentials"]
    connection["engine"] = f"models.db.{connection_name}_backend"
    if is_sqlite(url):
        credentials.setdefault("busy_timeout", _to_milliseconds(limits.lock or _SQLITE_COMMAND_LOCK_SECONDS))
        credentials.setdefault("synchronous", "NORMAL")
    else:
        credentials.setdefault("maxsize", pool_size)
        credentials.setdefault(
            "minsize", 0
        )  # above that the pool reconnects by itself, and logs each failure at length
        credentials["command_timeout"] = limits.statement
        credentials["connection_class"] = _PooledConnection
        credentials["statement_cache_size"] = _CACHED_STATEMENTS
        credentials["max_cacheable_statement_size"] = _MAX_CACHED_STATEMENT_BYTES
        credentials["server_settings"] = {
            "application_name": APPLICATION_NAME,
            "statement_timeout": _to_milliseconds(limits.statement),  # also ends the statement of a frozen process
            "lock_timeout": _to_milliseconds(limits.lock),
            "idle_in_transaction_session_timeout": _to_milliseconds(limits.idle_in_transaction),
        }
        if read_only:
            credentials["server_settings"]["default_transaction_read_only"] = "on"
            credentials["max_inactive_connection_lifetime"] = 0  # its temporary tables end with the session
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


def _to_milliseconds(seconds: float | None) -> str:
    """Return a duration as PostgreSQL's settings take it; 0 is no limit."""
    return str(round((seconds or 0) * 1000))


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def create_parent_directory(url: str) -> None:
    """Create the folder of an SQLite file."""
    path = url.partition("://")[2].partition("?")[0]
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def connect(
    url: str, *, pool_size: int = 20, limits: TimeLimits = SERVER_LIMITS, read_only: bool = False
) -> AsyncIterator[None]:
    """Connect all tasks of the process to the database, until the end of the block.

    read_only  whether sessions on PostgreSQL may write to temporary tables only
    """
    config = tortoise_config(url, pool_size=pool_size, limits=limits, read_only=read_only)
    await Tortoise.init(config, _enable_global_fallback=True)
    try:
        current_client().write_queue.limits = limits
        if is_sqlite(url):
            # open the one connection here: a task cancelled while it opens it would leave its thread behind
            await current_connection().execute_query("SELECT 1")
        yield
    finally:
        await Tortoise.close_connections()


@asynccontextmanager
async def write_transaction(
    *, is_batch: bool = False, reuses_plans: bool = False, prepare: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Run a transaction as the single writer of the ledger; within another one, as a part of it.

    is_batch      whether it may hold the lock for long: then it gives way to the other writers
    reuses_plans  whether PostgreSQL plans each of its statements once: for a short one whose statements are always the
                  same, and cost more to plan than to run
    prepare       of a batch: writes what nobody else writes or reads, such as rows that the block makes others of; on
                  PostgreSQL in the same transaction before it takes the lock, which the others so wait for less long
    raises        LockTimeout, BatchQueueFull

    On PostgreSQL the lock is given in the order in which it was requested. On SQLite the writers of other processes
    only try for it from time to time, so a batch begins no sooner after another than each of them could try.
    """
    assert prepare is None or is_batch, "a short transaction takes the lock at its beginning"
    if not is_outside_transaction():
        async with in_transaction():
            if prepare is not None:
                await prepare()
            yield
        return
    client = current_client()
    queue = client.write_queue
    # On SQLite a transaction takes the lock at its beginning.
    on_postgres = client.capabilities.dialect == "postgres" and not queue.is_private
    async with AsyncExitStack() as stack:
        wait_seconds = await stack.enter_async_context(queue.batch_turn()) if is_batch else None
        if on_postgres and not is_batch:
            await stack.enter_async_context(queue.writer_turn())
        if not is_batch:
            await stack.enter_async_context(
                client.in_locked_transaction(LEDGER_LOCK_ID if on_postgres else None, reuses_plans=reuses_plans)
            )
            yield
            return
        transaction = await stack.enter_async_context(in_transaction())
        if on_postgres:
            await _wait_for_other_batches(transaction, wait_seconds, queue.limits)
        if prepare is not None:
            await prepare()
        if on_postgres:
            await stack.enter_async_context(queue.writer_turn())
            await transaction.execute_query(_TAKE_LOCK_SQL, [LEDGER_LOCK_ID])
        yield


async def _wait_for_other_batches(
    transaction: TransactionalDBClient, wait_seconds: float | None, limits: TimeLimits
) -> None:
    """Wait until no other process records a batch. Raises BatchQueueFull."""
    try:
        await transaction.execute_query(_SET_LOCK_TIMEOUT_SQL, [_to_milliseconds(wait_seconds)])
        await transaction.execute_query(_TAKE_LOCK_SQL, [BATCH_LOCK_ID])
    except LockTimeout as error:
        raise BatchQueueFull(str(error)) from error
    await transaction.execute_query(_SET_LOCK_TIMEOUT_SQL, [_to_milliseconds(limits.lock)])


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """Run a transaction that changes nothing that the ledger's lock protects, without waiting for it on PostgreSQL."""
    async with in_transaction():
        yield


def is_outside_transaction() -> bool:
    """Return whether no transaction is open, so that all writes are committed and visible to other connections."""
    return not isinstance(current_connection(), TransactionalDBClient)


def is_private_copy() -> bool:
    """Return whether the connected database is a private copy, of which nothing stays."""
    return current_client().write_queue.is_private


def current_connection() -> BaseDBAsyncClient:
    """Return the open connection; inside a transaction that of the transaction."""
    return get_connection(dialect())


def current_client() -> MonitoredClient:
    """Return the open connection; not inside a transaction."""
    return cast(MonitoredClient, current_connection())


def dialect() -> str:
    """Return the name of the dialect of the open connection: "sqlite" or "postgres"."""
    return str(_any_model()._meta.default_connection)


@cache
def _any_model() -> type[Model]:
    return Tortoise.apps["models"]["Company"]  # type: ignore[no-any-return]


def _to_dialect(sql: str, values: Sequence[SqlValue]) -> SqlStatement:
    """Translate a statement, with `?` placeholders and PostgreSQL's `= ANY(?)`, to the connected database."""
    return dialects.to_sqlite(sql, values) if dialect() == "sqlite" else (dialects.number_placeholders(sql), values)


def placeholders(values: Sequence[SqlValue]) -> str:
    """Return SQL placeholders for values, separated by commas; NULL if empty, which no value equals."""
    return ", ".join("?" * len(values)) or "NULL"


async def execute(sql: str, values: Sequence[SqlValue] = ()) -> None:
    """Run one statement with `?` placeholders."""
    await fetch_records(sql, values)


async def fetch_rows(sql: str, values: Sequence[SqlValue] = ()) -> list[SqlRow]:
    """Return the rows of one statement with `?` placeholders."""
    return [dict(record) for record in await fetch_records(sql, values)]


async def fetch_records(sql: str, values: Sequence[SqlValue] = ()) -> Sequence[SqlRecord]:
    """Return the rows of one statement with `?` placeholders, as the driver returns them."""
    [records] = await fetch_records_of_all([(sql, values)])
    return records


async def fetch_records_of_all(statements: Sequence[SqlStatement]) -> list[Sequence[SqlRecord]]:
    """Return the rows of each statement, run one after another on one connection."""
    if not statements:
        return []
    client = current_client()
    return await client.fetch_records([_to_dialect(sql, values) for sql, values in statements])


async def fetch_by_ids(model: type[Row], ids: Iterable[int]) -> dict[int, Row]:
    """Return the rows with these ids, by id."""
    unique_ids = list(set(ids))
    if not unique_ids:
        return {}
    factory = row_factory(model, dialect())
    records = await fetch_records(_by_ids_sql(model), [unique_ids])
    return {row.pk: row for row in map(factory.make_row, records)}


@cache
def _by_ids_sql(model: type[Model]) -> str:
    columns = ", ".join(f'"{column}"' for column in model._meta.fields_db_projection.values())
    return f'SELECT {columns} FROM "{model._meta.db_table}" WHERE id = ANY(?)'  # noqa: S608


@lru_cache(maxsize=512)
def insert_sql(table: str, columns: Sequence[str], row_count: int) -> str:
    """Return the statement that inserts so many rows, with placeholders for their values."""
    row_sql = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row_sql] * row_count)}"  # noqa: S608


async def reserve_ids(model: type[Model], count: int) -> list[int]:
    """Reserve ids for new rows of a table.

    Only within `write_transaction`, or its `prepare`: on SQLite the ids are merely read, and only the single writer may
    use them.
    """
    [ids] = await reserve_ids_of([(model, count)])
    return ids


async def reserve_ids_of(models_and_counts: Sequence[tuple[type[Model], int]]) -> list[list[int]]:
    """Do the same for several tables, in one statement on PostgreSQL."""
    if dialect() == "sqlite":
        return [await _next_ids_on_sqlite(model._meta.db_table, count) for model, count in models_and_counts]
    selects = " UNION ALL ".join(
        f"SELECT {number}, nextval(pg_get_serial_sequence('{model._meta.db_table}', 'id')) FROM generate_series(1, ?)"  # noqa: S608
        for number, (model, _) in enumerate(models_and_counts)
    )
    ids: list[list[int]] = [[] for _ in models_and_counts]
    for number, row_id in await fetch_records(selects, [count for _, count in models_and_counts]):
        ids[number].append(row_id)
    return ids


async def _next_ids_on_sqlite(table: str, count: int) -> list[int]:
    rows = await fetch_rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
    last_id = int(rows[0]["seq"]) if rows else 0
    return list(range(last_id + 1, last_id + count + 1))


def to_datetime(value: datetime | str) -> datetime:
    """Return a time from plain SQL as an aware datetime; SQLite returns text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def to_date(value: date | str) -> date:
    """Return a date from plain SQL as a date; SQLite returns text."""
    return date.fromisoformat(value) if isinstance(value, str) else value
