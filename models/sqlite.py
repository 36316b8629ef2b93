"""Tortoise's SQLite engine, made safe for writers in several tasks and processes.

A transaction that begins deferred reads first and then fails to write with "database
is locked" when another process wrote meanwhile; beginning IMMEDIATE takes the write
lock at once and waits for it. And a task that is cancelled while it enters or leaves a
transaction must not keep the connection's lock, or nobody would ever get it again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.exceptions import OperationalError


class _Wrapper(SqliteTransactionWrapper):
    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error

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
        return _Context(_Wrapper(self), self._lock)


def _connections() -> Any:
    from tortoise.connection import get_connections

    return get_connections()


client_class = Client
