"""SQLite backend for Tortoise that is safe for writers in several tasks and processes.

A deferred transaction that reads first fails to write with "database is locked" when another process has written in
the meantime; BEGIN IMMEDIATE takes the write lock at the start. A writer that waits for this lock releases the
process's only connection between its attempts, so that readers need not wait for a writer in another process. A task
that is cancelled while it enters or leaves a transaction must release the connection, or no other task would ever
get it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite
from tortoise.backends.base.client import NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections

from models.db.availability import Availability
from models.db.errors import DatabaseUnavailable, LockTimeout, translated_errors
from models.db.values import SqlRecord, SqlRow, SqlStatement, SqlValue
from models.db.write_batch import BatchingTransaction, WriteBatch
from models.db.write_queue import WriteQueue

_RETRY_SECONDS: Final = 0.02
_BATCH_PAUSE_SECONDS: Final = 2 * _RETRY_SECONDS
_PERMISSIONS_OF_OTHERS: Final = 0o077

Result = TypeVar("Result")

log = logging.getLogger(__name__)


async def _retry_while_locked(timeout_seconds: float, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Retry an attempt while another process holds the write lock; the connection is free between two attempts.

    Raises the last LockTimeout after `timeout_seconds`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    while True:
        try:
            return await attempt()
        except LockTimeout:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


class _StatementErrors(SqliteClient):
    """Translates the errors of every statement."""

    async def execute_insert(self, query: str, values: list[SqlValue]) -> int:
        with translated_errors():
            result: int = await super().execute_insert(query, values)
            return result

    async def execute_many(self, query: str, values: list[list[SqlValue]]) -> None:
        with translated_errors():
            await super().execute_many(query, values)

    async def execute_query(self, query: str, values: list[SqlValue] | None = None) -> tuple[int, Sequence[SqlRow]]:
        with translated_errors():
            result: tuple[int, Sequence[SqlRow]] = await super().execute_query(query, values)
            return result

    async def execute_query_dict(self, query: str, values: list[SqlValue] | None = None) -> list[SqlRow]:
        with translated_errors():
            result: list[SqlRow] = await super().execute_query_dict(query, values)
            return result

    async def fetch_records(self, statements: Sequence[SqlStatement]) -> list[Sequence[SqlRecord]]:
        """Return the rows of each statement, run one after another on the connection."""
        with translated_errors():
            async with self.acquire_connection() as connection:
                results = []
                for sql, values in statements:
                    self.log.debug("%s: %s", sql, values)
                    results.append(await connection.execute_fetchall(sql, values))
                return results


def _make_private(filename: str) -> None:
    """Create the database file for its owner only, and take the permissions of others from an existing one.

    The same for the files beside it: SQLite gives them the permissions of the database only when it creates them.
    """
    with suppress(OSError):  # SQLite opens it next, and says why it cannot
        os.close(os.open(filename, os.O_RDWR | os.O_CREAT, 0o600))
    for path in (Path(filename), Path(f"{filename}-wal"), Path(f"{filename}-shm")):
        try:
            mode = path.stat().st_mode if path.is_file() else 0
            if mode & _PERMISSIONS_OF_OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_PERMISSIONS_OF_OTHERS)
        except OSError as error:  # the file of another user
            log.warning("%s is open to others, and its permissions cannot be changed (%s).", path, error)


class _ImmediateTransactionCommands(_StatementErrors, SqliteTransactionWrapper):
    """A transaction that takes the write lock at its beginning."""

    async def begin(self) -> None:
        with translated_errors():
            await self._connection.execute("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        with translated_errors():
            try:
                await super().commit()
            except sqlite3.OperationalError:  # a full disk is reported here
                await self._connection.rollback()
                self._finalized = True
                raise


class _ImmediateTransaction(BatchingTransaction, _ImmediateTransactionCommands):
    """A transaction with a batch of writes."""

    def __init__(self, parent: SqliteClient) -> None:
        super().__init__(parent)
        self.batch = WriteBatch()

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_ImmediateTransaction(self))

    async def _send_batch(
        self, driver_connection: aiosqlite.Connection, returned_part: str | None = None
    ) -> list[SqlRow]:
        rows: list[SqlRow] = []
        for part, sql, values in self.batch.take_sqlite_statements():
            self.log.debug("%s: %s", sql, values)
            part_rows = await driver_connection.execute_fetchall(sql, values)
            if part == returned_part:
                rows = [dict(row) for row in part_rows]
        return rows

    async def execute_script(self, query: str) -> None:
        """Run statements within the transaction; sqlite3's own `executescript` would commit it first."""
        await self.flush()
        statement = ""
        for line in query.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                await self._connection.execute(statement)
                statement = ""
        if statement.strip():
            await self._connection.execute(statement)


class _ImmediateTransactionContext(SqliteTransactionContext):
    async def __aenter__(self) -> TransactionalDBClient:
        return await _retry_while_locked(self.connection._parent.busy_timeout_seconds, self._begin)

    async def _begin(self) -> TransactionalDBClient:
        """Take the connection and begin the transaction.

        BEGIN runs in a thread and cannot be interrupted. When the task is cancelled meanwhile, wait for its end and
        roll back, since the connection would otherwise be released with an open transaction.
        """
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            begin_task = asyncio.ensure_future(self.connection.begin())
            try:
                await asyncio.shield(begin_task)
            except asyncio.CancelledError:
                await asyncio.wait([begin_task])
                if begin_task.exception() is None:
                    await self.connection.rollback()
                raise
        except BaseException:
            self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]


class ImmediateSqliteClient(_StatementErrors):
    def __init__(self, file_path: str, **options: Any) -> None:
        super().__init__(file_path, **options)
        # nobody but this process can write to a database in memory
        pause_seconds = 0 if self.filename == ":memory:" else _BATCH_PAUSE_SECONDS
        self.write_queue, self.availability = WriteQueue(pause_seconds=pause_seconds), Availability()

    @property
    def busy_timeout_seconds(self) -> float:
        """How long to wait for a writer in another process."""
        return int(self.pragmas["busy_timeout"]) / 1000

    async def create_connection(self, with_db: bool) -> None:
        """Open the file. Raises DatabaseUnavailable if it cannot be opened or set up, LockTimeout if it is locked."""
        if self._connection:
            return
        try:
            with translated_errors():
                if self.filename != ":memory:":
                    _make_private(self.filename)
                # Opened here first: if it fails in the thread of aiosqlite, that may outlive the event loop and print
                # a traceback.
                sqlite3.connect(self.filename).close()
                await super().create_connection(with_db)
        except LockTimeout:
            await self.close()
            raise
        except DatabaseUnavailable as error:
            await self.close()
            raise DatabaseUnavailable(f"{self.filename}: {error.__cause__}") from error
        except BaseException:
            await self.close()
            raise

    async def _post_connect(self) -> None:
        await super()._post_connect()
        assert self._connection is not None
        # SQLite would wait with the connection occupied; `_retry_while_locked` waits without it
        await self._connection.execute("PRAGMA busy_timeout = 0")

    def _in_transaction(self) -> TransactionContext:
        return _ImmediateTransactionContext(_ImmediateTransaction(self), self._lock)

    def in_locked_transaction(self, lock_id: int | None, *, reuses_plans: bool) -> TransactionContext:
        return self._in_transaction()  # each takes the write lock of the database

    async def execute_insert(self, query: str, values: list[SqlValue]) -> int:
        return await _retry_while_locked(
            self.busy_timeout_seconds, lambda: super(ImmediateSqliteClient, self).execute_insert(query, values)
        )

    async def execute_many(self, query: str, values: list[list[SqlValue]]) -> None:
        await _retry_while_locked(
            self.busy_timeout_seconds, lambda: super(ImmediateSqliteClient, self).execute_many(query, values)
        )

    async def execute_query(self, query: str, values: list[SqlValue] | None = None) -> tuple[int, Sequence[SqlRow]]:
        return await _retry_while_locked(
            self.busy_timeout_seconds, lambda: super(ImmediateSqliteClient, self).execute_query(query, values)
        )

    async def execute_query_dict(self, query: str, values: list[SqlValue] | None = None) -> list[SqlRow]:
        return await _retry_while_locked(
            self.busy_timeout_seconds, lambda: super(ImmediateSqliteClient, self).execute_query_dict(query, values)
        )

    async def fetch_records(self, statements: Sequence[SqlStatement]) -> list[Sequence[SqlRecord]]:
        # an attempt is repeated with all its statements, which is right for reads and for one write
        return await _retry_while_locked(
            self.busy_timeout_seconds, lambda: super(ImmediateSqliteClient, self).fetch_records(statements)
        )


client_class = ImmediateSqliteClient
