"""PostgreSQL backend for Tortoise: errors by what a caller can do about them, and no connection that is lost.

Tortoise's own transaction keeps its connection for ever if BEGIN fails or is cancelled, and an error of the rollback
replaces the one that caused it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    BaseDBAsyncClient,
    ConnectionWrapper,
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from tortoise.exceptions import TransactionManagementError

from models.db.availability import Availability
from models.db.errors import translate_error, translated_errors
from models.db.values import SqlRecord, SqlRow, SqlStatement
from models.db.write_batch import BatchingTransaction, WriteBatch
from models.db.write_queue import WriteQueue

_SAVEPOINT: Final = "nested"  # one within another has the same name: PostgreSQL takes the newest

log = logging.getLogger(__name__)


class _Statements(BaseDBAsyncClient):
    """Runs statements with as few layers as possible, and translates the errors of all."""

    async def fetch_records(self, statements: Sequence[SqlStatement]) -> list[Sequence[SqlRecord]]:
        """Return the rows of each statement, run one after another on one connection."""
        try:
            async with self.acquire_connection() as connection:
                results = []
                for sql, values in statements:
                    self.log.debug("%s: %s", sql, values)
                    results.append(await connection.fetch(sql, *values))
                return results
        except Exception as error:
            translated = translate_error(error)
            if translated is None:
                raise
            raise translated from error

    async def _translate_exceptions(self, func: Callable[..., Awaitable[Any]], *args: object, **kwargs: object) -> Any:
        """Run a method of the client (Tortoise's hook around every statement), with errors translated."""
        try:
            return await func(self, *args, **kwargs)
        except Exception as error:
            translated = translate_error(error)
            if translated is None:
                raise
            raise translated from error


class _TransactionCommands(_Statements, TransactionWrapper):
    """A transaction; `begin_command` are the statements that begin it."""

    begin_command: str

    async def begin(self) -> None:
        await self._execute_command(self.begin_command)

    async def commit(self) -> None:
        await self._finalize("COMMIT")

    async def rollback(self) -> None:
        await self._finalize("ROLLBACK")

    async def savepoint(self) -> None:
        await self._execute_command(f"SAVEPOINT {_SAVEPOINT}")

    async def release_savepoint(self) -> None:
        await self._execute_command(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    async def savepoint_rollback(self) -> None:
        await self._execute_command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}")

    async def _finalize(self, command: str) -> None:
        if self._finalized:
            raise TransactionManagementError("Transaction already finalised")
        await self._execute_command(command)
        self._finalized = True

    async def _execute_command(self, command: str) -> None:
        with translated_errors():
            await self._connection.execute(command)


class _Transaction(BatchingTransaction, _TransactionCommands):
    """A transaction with a batch of writes."""

    def __init__(self, parent: AsyncpgDBClient, begin_command: str = "BEGIN") -> None:
        super().__init__(parent)
        self.batch, self.begin_command = WriteBatch(), begin_command

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_Transaction(self))

    async def _send_batch(
        self, driver_connection: asyncpg.Connection, returned_part: str | None = None
    ) -> list[SqlRow]:
        if not self.batch.rows_by_write:
            return []
        sql, values = self.batch.take_postgres_statement(returned_part)
        self.log.debug("%s: %s", sql, values)
        return [dict(row) for row in await driver_connection.fetch(sql, *values)]


class _TransactionContext(TransactionContextPooled):
    client: _Transaction

    async def __aenter__(self) -> TransactionalDBClient:
        client = cast(PostgresClient, self.client._parent)
        client.availability.check()
        with translated_errors():
            await self.ensure_connection()
            assert client._pool is not None
            self.client._connection = await client._pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await self._roll_back()
            await self._release()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: object, exc_val: object, exc_tb: object) -> None:
        try:
            if not self.client._finalized:
                await (self.client.commit() if exc_type is None else self._roll_back())
        finally:
            get_connections().reset(self.token)
            await self._release()

    async def _roll_back(self) -> None:
        """Roll back. If that fails, the connection is lost and with it the transaction; the first error is the one told."""
        try:
            await self.client.rollback()
        except Exception as error:  # noqa: BLE001 - the block has raised an error already, which says what is wrong
            log.debug("A transaction could not be rolled back (%r).", error)

    async def _release(self) -> None:
        """Return the connection to the pool, which replaces it if it is broken."""
        pool = self.client._parent._pool
        if pool is None:
            return
        try:
            await pool.release(self.client._connection)
        except Exception as error:  # noqa: BLE001 - the outcome of the transaction is decided
            log.debug("A connection could not be released (%r).", error)


class PostgresClient(_Statements, AsyncpgDBClient):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.write_queue, self.availability = WriteQueue(), Availability()

    def acquire_connection(self) -> ConnectionWrapper[asyncpg.Connection] | PoolConnectionWrapper[asyncpg.Connection]:
        self.availability.check()
        return super().acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(_Transaction(self), self._pool_init_lock)

    def in_locked_transaction(self, lock_id: int | None, *, reuses_plans: bool) -> TransactionContext:
        # all in one round trip: the transaction waits for its lock before it reads anything
        plans = "; SET LOCAL plan_cache_mode = force_generic_plan" if reuses_plans else ""
        lock = "" if lock_id is None else f"; SELECT pg_advisory_xact_lock({lock_id})"
        return _TransactionContext(_Transaction(self, f"BEGIN{plans}{lock}"), self._pool_init_lock)


client_class = PostgresClient
