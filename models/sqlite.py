"""Tortoise's SQLite engine, made safe for writers in several tasks and processes.

A transaction that begins deferred reads first and then fails to write with "database
is locked" when another process wrote meanwhile; beginning IMMEDIATE takes the write
lock at once, and waits for it without the connection, which is the only one: who only
reads need not wait for another process that writes. And a task that is cancelled while
it enters or leaves a transaction must not keep the connection, or nobody would ever get
it again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any, Final

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.exceptions import OperationalError

_AGAIN: Final = 0.02  # seconds between two tries to begin


class Busy(OperationalError):
    """Another process writes."""


class _Wrapper(SqliteTransactionWrapper):
    patience = 0  # milliseconds to wait for another process that writes

    async def begin(self) -> None:
        """Take the write lock. Raises Busy at once when another process has it."""
        await self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise (Busy if error.sqlite_errorcode == sqlite3.SQLITE_BUSY else OperationalError)(error) from error
        finally:
            await self._connection.execute(f"PRAGMA busy_timeout = {self.patience}")

    async def execute_script(self, query: str) -> None:
        """Run statements within the transaction; sqlite3's own `executescript` would commit it first."""
        statement = ""
        for line in query.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                await self._connection.execute(statement)
                statement = ""
        if statement.strip():
            await self._connection.execute(statement)

    async def commit(self) -> None:
        try:
            await super().commit()
        except sqlite3.OperationalError as error:  # a full disk shows itself here
            await self._connection.rollback()
            self._finalized = True
            raise OperationalError(error) from error


class _Context(SqliteTransactionContext):
    async def __aenter__(self) -> TransactionalDBClient:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.connection.patience / 1000
        while True:
            try:
                return await self._entered()
            except Busy:
                if loop.time() > until:
                    raise
            await asyncio.sleep(_AGAIN)

    async def _entered(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            begun = asyncio.ensure_future(self.connection.begin())
            try:
                await asyncio.shield(begun)
            except asyncio.CancelledError:
                await asyncio.wait([begun])
                if begun.exception() is None:
                    await self.connection.rollback()
                raise
        except BaseException:
            self._trxlock.release()
            raise
        self.token = _connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]


class Client(SqliteClient):
    def _in_transaction(self) -> TransactionContext:
        wrapper = _Wrapper(self)
        wrapper.patience = int(self.pragmas["busy_timeout"])
        return _Context(wrapper, self._lock)


def _connections() -> Any:
    from tortoise.connection import get_connections

    return get_connections()


client_class = Client
