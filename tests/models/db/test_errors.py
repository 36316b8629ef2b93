"""Errors of the drivers, told apart by what a caller can do about them, and told of the first failure."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError

from models.db import connection
from models.db.errors import DatabaseUnavailable, LockTimeout, StorageFull, UnstorableValue, translate_error
from models.live.change_log import Change
from tests import empty_database
from tests.world import START


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("wrong")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "translation"),
    [
        (ConnectionRefusedError(), DatabaseUnavailable),
        (TimeoutError(), DatabaseUnavailable),
        (DBConnectionError("no such database"), DatabaseUnavailable),
        (asyncpg.ConnectionDoesNotExistError("closed"), DatabaseUnavailable),
        (asyncpg.InvalidPasswordError("wrong"), DatabaseUnavailable),
        (asyncpg.CannotConnectNowError("starting up"), DatabaseUnavailable),
        (asyncpg.QueryCanceledError("statement timeout"), DatabaseUnavailable),
        (asyncpg.TooManyConnectionsError("too many"), DatabaseUnavailable),
        (asyncpg.DeadlockDetectedError("deadlock"), DatabaseUnavailable),
        (asyncpg.SerializationError("retry"), DatabaseUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("read-only"), DatabaseUnavailable),
        (asyncpg.IdleInTransactionSessionTimeoutError("idle"), DatabaseUnavailable),
        (asyncpg.InvalidCachedStatementError("cached"), DatabaseUnavailable),
        (asyncpg.InterfaceError("another operation is in progress"), DatabaseUnavailable),
        (asyncpg.InternalClientError("unexpected"), DatabaseUnavailable),
        (asyncpg.LockNotAvailableError("lock timeout"), LockTimeout),
        (asyncpg.DiskFullError("full"), StorageFull),
        (asyncpg.DataError("invalid input for query argument $1"), UnstorableValue),
        (asyncpg.NumericValueOutOfRangeError("out of range"), UnstorableValue),
        (asyncpg.StringDataRightTruncationError("too long"), UnstorableValue),
        (asyncpg.CharacterNotInRepertoireError("invalid byte sequence"), UnstorableValue),
        (asyncpg.UniqueViolationError("twice"), IntegrityError),
        (asyncpg.DivisionByZeroError("by zero"), OperationalError),
        (asyncpg.UndefinedColumnError("no such column"), OperationalError),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), LockTimeout),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), DatabaseUnavailable),
        (sqlite_error(sqlite3.SQLITE_READONLY), DatabaseUnavailable),
        (sqlite_error(sqlite3.SQLITE_FULL), StorageFull),
        (OperationalError(sqlite_error(sqlite3.SQLITE_FULL)), StorageFull),
        (sqlite_error(sqlite3.SQLITE_TOOBIG), UnstorableValue),
        (sqlite_error(sqlite3.SQLITE_ERROR), OperationalError),
        (OverflowError("int too large"), UnstorableValue),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), UnstorableValue),
        (ZeroDivisionError(), type(None)),
        (LockTimeout("waited"), type(None)),
    ],
    ids=repr,
)
def test_error_is_translated_by_what_can_be_done_about_it(error: Any, translation: type) -> None:
    assert type(translate_error(error)) is translation


@asynccontextmanager
async def empty_tables(url: str) -> AsyncIterator[None]:
    async with connection.connect(url):
        await empty_database.create_tables()
        yield


async def insert_change(row_id: Any = 1, topics: Any = "[]") -> None:
    await connection.execute("INSERT INTO change (id, topics, at) VALUES (?, ?, ?)", [row_id, topics, START])


@pytest.mark.parametrize("value", [1 << 63, 1 << 200], ids=["64 bits", "200 bits"])
async def test_too_large_number_is_not_taken_for_an_absent_database(database_url: str, value: int) -> None:
    async with empty_tables(database_url):
        with pytest.raises(UnstorableValue):
            await insert_change(row_id=value)
        await insert_change()

        assert await Change.all().count() == 1


async def test_half_of_a_surrogate_pair_is_not_taken_for_an_absent_database(database_url: str) -> None:
    async with empty_tables(database_url):
        with pytest.raises(UnstorableValue):
            await insert_change(topics='["\ud800"]')


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT 1 FROM lease WHERE name = ?", ["a\0b"]),
        ("SELECT 1 FROM presence WHERE employee_id = ?", [1 << 31]),
        ("INSERT INTO lease (name, holder, beat) VALUES (?, '', 0)", ["x" * 41]),
    ],
    ids=["null character", "beyond 32 bits", "too long"],
)
async def test_value_that_postgres_cannot_store_is_not_taken_for_an_absent_database(
    postgres_tables_url: str, sql: str, values: list[Any]
) -> None:
    async with empty_tables(postgres_tables_url):
        with pytest.raises(UnstorableValue):
            await connection.fetch_rows(sql, values)


async def fail_with_lost_connection() -> None:
    async with connection.write_transaction():
        with pytest.raises(DatabaseUnavailable):
            await connection.fetch_rows("SELECT pg_terminate_backend(pg_backend_pid())")
        raise ZeroDivisionError


async def test_first_error_is_told_when_the_connection_is_lost_before_the_rollback(postgres_tables_url: str) -> None:
    async with empty_tables(postgres_tables_url):
        with pytest.raises(ZeroDivisionError):
            await fail_with_lost_connection()
        async with connection.write_transaction():
            await insert_change()

        assert await Change.all().count() == 1


async def test_connection_returns_to_the_pool_when_its_transaction_cannot_begin(
    postgres_tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Any, command: str) -> None:
        raise asyncpg.ConnectionDoesNotExistError("closed")

    async with connection.connect(postgres_tables_url, pool_size=2):
        with monkeypatch.context() as patch:
            patch.setattr("asyncpg.connection.Connection.execute", fail)
            for _ in range(3):
                with pytest.raises(DatabaseUnavailable):
                    async with connection.write_transaction():
                        raise AssertionError("not reached")

        async with asyncio.timeout(60), connection.write_transaction():
            await insert_change()
