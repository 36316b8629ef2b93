"""Collects the writes of a transaction, and sends them together: one round trip on PostgreSQL.

A write that returns nothing need not be sent when it is made. It waits in the batch of its transaction until the next
statement, which must see it, or until the commit. The transaction flushes its batch before every other statement, so
reads never miss a row, and constraints hold as if each write had been sent at once.

On PostgreSQL a batch is one statement: each write is a part of its WITH clause, and its rows are one parameter of JSON.
So the text depends only on which writes are together, of which there are few, and stays prepared. All parts see the
tables as they were before the statement; none of them may change a row that another part inserts or changes. On SQLite,
where a statement is a function call, the same writes run one after another.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

import orjson
from tortoise.backends.base.client import ConnectionWrapper, TransactionalDBClient
from tortoise.transactions import in_transaction

from models.db import connection, dialects
from models.db.errors import translated_errors
from models.db.values import SqlRow, SqlValue

MAX_BATCHED_ROWS: Final = 200  # of one write; above that a bulk load is faster than JSON
MAX_BATCHED_ROWS_ON_SQLITE: Final = 20  # which prepares a statement once for many rows, and so takes them one by one
_IN_ROWS: Final = re.compile(r"IN ROWS (\(SELECT [^()]*\))")

BatchRow = Sequence[Any]  # values in the order of the columns of a write; those of JSON columns as Python objects


def fits_batch(row_count: int) -> bool:
    """Return whether so few rows of one write are written faster in a batch than by a bulk load."""
    return row_count <= (MAX_BATCHED_ROWS_ON_SQLITE if connection.dialect() == "sqlite" else MAX_BATCHED_ROWS)


@dataclass(frozen=True, eq=False)
class BatchedWrite:
    """Statements that write rows of values.

    name               of the table of the rows within the statements
    columns            of the rows: names, with the types that PostgreSQL gives them
    statements         by the names of their parts; `IN ROWS (SELECT …)` stands for `IN (SELECT …)` with few rows
    sqlite_statements  those of SQLite, where they differ
    table              the table that the rows are whole rows of; `columns` then says nothing of types
    is_repeatable      whether more rows can be added to those that wait: not if a statement refuses a repeated key
    """

    name: str
    columns: Mapping[str, str]
    statements: Mapping[str, str]
    sqlite_statements: Mapping[str, str] | None = None
    table: str | None = None
    is_repeatable: bool = True

    def postgres_parts(self, placeholder: str) -> list[str]:
        """Return the parts of a WITH clause: the rows, from a parameter of JSON, and the statements."""
        if self.table is not None:
            source = f"json_populate_recordset(NULL::{self.table}, {placeholder}::json)"
        else:
            types = ", ".join(f"{column} {sql_type}" for column, sql_type in self.columns.items())
            source = f"json_to_recordset({placeholder}::json) AS source({types})"
        # an array lets PostgreSQL expect few rows, and thus use an index
        statements = {name: _IN_ROWS.sub(r"= ANY (ARRAY\1)", sql) for name, sql in self.statements.items()}
        return [
            f"{name} AS ({sql})"
            for name, sql in {self.name: f"SELECT * FROM {source}", **statements}.items()  # noqa: S608
        ]

    def sqlite_parts(self) -> dict[str, str]:
        """Return the statements, each with its rows, which are a parameter of JSON."""
        columns = ", ".join(f"json_extract(value, '$.{column}') AS {column}" for column in self.columns)
        rows = f"WITH {self.name} AS (SELECT {columns} FROM json_each(?))"  # noqa: S608
        statements = self.statements if self.sqlite_statements is None else self.sqlite_statements
        return {name: rows + " " + _IN_ROWS.sub(r"IN \1", sql) for name, sql in statements.items()}


@lru_cache(maxsize=512)
def _postgres_sql(writes: tuple[BatchedWrite, ...], returned_part: str | None) -> str:
    parts = [part for number, write in enumerate(writes, 1) for part in write.postgres_parts(f"${number}")]
    return f"WITH {', '.join(parts)} SELECT {f'* FROM {returned_part}' if returned_part else '1'}"  # noqa: S608


_sqlite_parts: Final = lru_cache(maxsize=512)(BatchedWrite.sqlite_parts)


@dataclass
class WriteBatch:
    """The writes of one transaction that wait to be sent, in the order in which they were made."""

    rows_by_write: dict[BatchedWrite, list[BatchRow]] = field(default_factory=dict)

    def add(self, write: BatchedWrite, rows: Sequence[BatchRow]) -> None:
        self.rows_by_write.setdefault(write, []).extend(rows)

    def discard(self) -> None:
        self.rows_by_write = {}

    def take_postgres_statement(self, returned_part: str | None) -> tuple[str, list[SqlValue]]:
        """Return the one statement of all writes, with its parameters, and empty the batch."""
        writes, self.rows_by_write = self.rows_by_write, {}
        return _postgres_sql(tuple(writes), returned_part), [
            _to_json(write, rows, _to_postgres_value, 0) for write, rows in writes.items()
        ]

    def take_sqlite_statements(self) -> list[tuple[str, str, list[SqlValue]]]:
        """Return the statements of all writes in their order, as (part, statement, parameters), and empty the batch."""
        writes, self.rows_by_write = self.rows_by_write, {}
        return [
            (part, sql, [rows_json])
            for write, rows in writes.items()
            for rows_json in [_to_json(write, rows, _to_sqlite_value, orjson.OPT_PASSTHROUGH_DATETIME)]
            for part, sql in _sqlite_parts(write).items()
        ]


def _to_json(write: BatchedWrite, rows: Sequence[BatchRow], convert: Callable[[Any], object], options: int) -> str:
    names = tuple(write.columns)
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows], convert, options).decode()


def _to_postgres_value(value: object) -> str:
    """Return a value that JSON does not have as PostgreSQL reads it; orjson itself writes times."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _to_sqlite_value(value: object) -> str:
    return dialects.to_sqlite_text(value) if isinstance(value, date) else _to_postgres_value(value)


class _FlushingConnection(ConnectionWrapper[Any]):
    """The connection of a transaction, acquired for a statement: the writes that wait are sent first."""

    def __init__(self, lock: asyncio.Lock, client: Any, send_batch: Callable[[Any], Awaitable[object]]) -> None:
        super().__init__(lock, client)
        self._send_batch = send_batch

    async def __aenter__(self) -> Any:
        driver_connection = await super().__aenter__()
        try:
            await self._send_batch(driver_connection)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return driver_connection


class BatchingTransaction(TransactionalDBClient):
    """Sends the batch of a transaction before each statement; a base class in front of the transaction of a driver.

    A savepoint has the batch of its parent.
    """

    _parent: Any  # the client, or the transaction of a savepoint
    _lock: asyncio.Lock
    batch: WriteBatch

    @property
    def _commands(self) -> Any:
        """The methods of the transaction of the driver."""
        return super()

    async def _send_batch(self, driver_connection: Any, returned_part: str | None = None) -> list[SqlRow]:
        """Send the writes that wait on a connection of the driver, and return the rows of one of their parts."""
        raise NotImplementedError

    def acquire_connection(self) -> _FlushingConnection:
        return _FlushingConnection(self._lock, self, self._send_batch)

    async def flush(self, returned_part: str | None = None) -> list[SqlRow]:
        """Send the writes that wait, and return the rows of one of their parts."""
        with translated_errors():
            async with super().acquire_connection() as driver_connection:
                return await self._send_batch(driver_connection, returned_part)

    async def commit(self) -> None:
        try:
            await self.flush()
        except BaseException:
            await self.rollback()
            raise
        await self._commands.commit()

    async def rollback(self) -> None:
        self.batch.discard()
        await self._commands.rollback()

    async def savepoint(self) -> None:
        await self._parent.flush()
        await self._commands.savepoint()

    async def release_savepoint(self) -> None:
        await self._parent.flush()
        await self._commands.release_savepoint()

    async def savepoint_rollback(self) -> None:
        self._parent.batch.discard()
        await self._commands.savepoint_rollback()


async def write_rows(write: BatchedWrite, rows: Sequence[BatchRow]) -> None:
    """Write rows: within a transaction before its next statement or its commit, else at once."""
    if not rows:
        return
    client = connection.current_connection()
    if isinstance(client, TransactionalDBClient):
        await _add(cast(BatchingTransaction, client), write, rows)
    else:
        async with in_transaction() as transaction:
            await _add(cast(BatchingTransaction, transaction), write, rows)


async def _add(transaction: BatchingTransaction, write: BatchedWrite, rows: Sequence[BatchRow]) -> None:
    if write in transaction.batch.rows_by_write and not write.is_repeatable:
        await transaction.flush()
    transaction.batch.add(write, rows)


async def write_and_return(
    writes: Sequence[tuple[BatchedWrite, Sequence[BatchRow]]], returned_part: str
) -> list[SqlRow]:
    """Write rows now, together with those that wait, and return the rows of a part of the statement."""
    async with _transaction() as transaction:
        for write, rows in writes:
            if rows:
                await _add(transaction, write, rows)
        return await transaction.flush(returned_part)


@asynccontextmanager
async def _transaction() -> AsyncIterator[BatchingTransaction]:
    """Yield the open transaction, or one that ends with the block."""
    client = connection.current_connection()
    if isinstance(client, TransactionalDBClient):
        yield cast(BatchingTransaction, client)
    else:
        async with in_transaction() as transaction:
            yield cast(BatchingTransaction, transaction)
