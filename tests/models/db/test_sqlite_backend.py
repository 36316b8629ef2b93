"""SQLite with another process that writes: writers wait for it, readers do not."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models import migrator
from models.db import connection as db_connection
from models.db import sqlite_backend
from models.db.errors import LockTimeout
from models.db.import_settings import SQLITE_IMPORT_SETTINGS, settings_for_import
from models.live import change_log
from models.live.change_log import Change
from tests import empty_database
from tests.world import START


@pytest.fixture
async def database_path(tmp_path: Path) -> AsyncIterator[Path]:
    async with db_connection.connect(f"sqlite://{tmp_path}/scoreline.db?busy_timeout=1000"):
        await empty_database.create_tables()
        yield tmp_path / "scoreline.db"


@pytest.fixture
def other_writer(database_path: Path) -> Iterator[sqlite3.Connection]:
    """A second connection that holds the write lock, like another process."""
    with closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def write_in_transaction() -> None:
    async with db_connection.write_transaction():
        await change_log.append(["people"], START)


async def create_row() -> None:
    await Change.create(topics=["people"], at=START)


async def bulk_create_rows() -> None:
    await Change.bulk_create([Change(topics=["people"], at=START)])


async def execute_insert() -> None:
    await db_connection.execute("INSERT INTO change (topics, at) VALUES ('[]', ?)", [START])


@pytest.mark.parametrize(
    "write", [write_in_transaction, create_row, bulk_create_rows, execute_insert], ids=lambda write: write.__name__
)
async def test_writer_waits_for_another_process_and_readers_do_not(
    other_writer: sqlite3.Connection, write: Callable[[], Awaitable[None]]
) -> None:
    write_task = asyncio.create_task(write())
    for _ in range(5):
        assert await Change.all().count() == 0
        await asyncio.sleep(0.03)
    assert not write_task.done()

    other_writer.execute("COMMIT")
    await write_task

    assert await Change.all().count() == 1


async def test_writer_fails_after_the_busy_timeout_and_releases_the_connection(
    other_writer: sqlite3.Connection,
) -> None:
    with pytest.raises(LockTimeout, match="locked"):
        await write_in_transaction()

    other_writer.execute("COMMIT")
    await write_in_transaction()


async def test_cancelled_writer_releases_the_connection(other_writer: sqlite3.Connection) -> None:
    write_task = asyncio.create_task(write_in_transaction())
    await asyncio.sleep(0.05)
    write_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write_task

    other_writer.execute("COMMIT")
    await write_in_transaction()

    assert await Change.all().count() == 1


def read_modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be readable and writable by everyone unless the code says otherwise."""
    umask = os.umask(0)
    yield
    os.umask(umask)


async def test_new_database_is_private(open_umask: None, tmp_path: Path) -> None:
    await migrator.migrate(f"sqlite://{tmp_path}/scoreline.db")
    async with db_connection.connect(f"sqlite://{tmp_path}/scoreline.db"):
        await write_in_transaction()
        modes = read_modes(tmp_path)

    assert modes == dict.fromkeys(("scoreline.db", "scoreline.db-wal", "scoreline.db-shm"), 0o600)


async def test_existing_database_becomes_private_with_its_log(open_umask: None, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "scoreline.db")) as other_process:
        other_process.execute("PRAGMA journal_mode = WAL")
        other_process.execute("CREATE TABLE t (x)")
        modes_before = read_modes(tmp_path)
        async with db_connection.connect(f"sqlite://{tmp_path}/scoreline.db"):
            modes = read_modes(tmp_path)

    assert set(modes_before.values()) != {0o600}
    assert modes == dict.fromkeys(("scoreline.db", "scoreline.db-wal", "scoreline.db-shm"), 0o600)


def test_permissions_of_the_owner_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "scoreline.db"
    path.touch(0o644)
    path.chmod(0o444)
    sqlite_backend._make_private(str(path))

    assert read_modes(tmp_path) == {"scoreline.db": 0o400}


@pytest.mark.usefixtures("database_path")
async def test_settings_for_an_import_end_with_it_also_when_it_fails() -> None:
    async def read_settings() -> dict[str, int]:
        names = SQLITE_IMPORT_SETTINGS
        return {name: (await db_connection.fetch_records(f"PRAGMA {name}"))[0][0] for name in names}

    async def fail_with_settings() -> None:
        async with settings_for_import():
            assert await read_settings() == SQLITE_IMPORT_SETTINGS
            raise RuntimeError("stopped")

    usual_settings = await read_settings()
    assert all(value != SQLITE_IMPORT_SETTINGS[name] for name, value in usual_settings.items())

    with pytest.raises(RuntimeError, match="stopped"):
        await fail_with_settings()

    assert await read_settings() == usual_settings
