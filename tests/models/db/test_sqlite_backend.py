"""SQLite with another process that writes: writers wait for it, readers do not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tortoise.exceptions import OperationalError

from models.db import connection as db_connection
from models.live import change_log
from models.live.change_log import Change
from tests import empty_database
from tests.world import START


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    async with db_connection.connected(f"sqlite://{tmp_path}/scoreline.db?busy_timeout=1000"):
        await empty_database.make()
        yield tmp_path / "scoreline.db"


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """A second connection that holds the write lock, like another process."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def write() -> None:
    async with db_connection.writing():
        await change_log.note(["people"], START)


async def one_row() -> None:
    await Change.create(topics=["people"], at=START)


async def several_rows() -> None:
    await Change.bulk_create([Change(topics=["people"], at=START)])


async def plain() -> None:
    await db_connection.execute("INSERT INTO change (topics, at) VALUES ('[]', ?)", [START])


@pytest.mark.parametrize("write", [write, one_row, several_rows, plain], ids=lambda write: write.__name__)
async def test_a_writer_waits_for_the_other_and_readers_do_not(
    other: sqlite3.Connection, write: Callable[[], Awaitable[None]]
) -> None:
    writing = asyncio.create_task(write())
    for _ in range(5):
        assert await Change.all().count() == 0
        await asyncio.sleep(0.03)
    assert not writing.done()

    other.execute("COMMIT")
    await writing

    assert await Change.all().count() == 1


async def test_a_writer_that_has_waited_long_enough_fails_and_holds_up_nobody(other: sqlite3.Connection) -> None:
    with pytest.raises(OperationalError, match="locked"):
        await write()

    other.execute("COMMIT")
    await write()


async def test_a_writer_that_is_cancelled_while_it_waits_keeps_nothing(other: sqlite3.Connection) -> None:
    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    other.execute("COMMIT")
    await write()

    assert await Change.all().count() == 1
