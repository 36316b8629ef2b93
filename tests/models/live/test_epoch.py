"""Epochs of the history: one begins when the database has gone back in time, above everything that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.db import connection
from models.live import change_log, epoch
from models.live.epoch import Epoch
from server.commands import migrate, restored
from tests.database_restore import back_up
from tests.empty_database import create_tables, run_in_thread
from tests.world import START, World, open_world


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[str]:
    async with connection.connect(database_url):
        await create_tables()
        yield database_url


async def append_change() -> int:
    async with connection.write_transaction():
        return (await change_log.append(["people"], START)).position


async def test_first_epoch_changes_nothing_else(database: str) -> None:
    token = await epoch.check(None, START)

    assert token == await epoch.check(0, START)
    assert await change_log.last_position() == 0


async def test_epoch_stays_while_the_log_reaches_what_was_read(database: str) -> None:
    token = await epoch.check(None, START)
    position = await append_change()

    assert await epoch.check(position, START) == token


async def test_new_epoch_begins_above_the_lost_positions(database: str, tmp_path: Path) -> None:
    token = await epoch.check(None, START)
    restore = await back_up(database, tmp_path)
    lost_positions = [await append_change() for _ in range(5)]
    await restore()

    new_token = await epoch.check(lost_positions[-1], START)
    rows = await change_log.read_after(0)

    assert new_token != token
    assert [topics for _, topics in rows] == [["*", f"epoch:{new_token}"]]
    assert rows[0][0] > lost_positions[-1] + 100_000
    assert await append_change() == rows[0][0] + 1


async def test_processes_that_notice_at_once_begin_one_epoch(database: str) -> None:
    token = await epoch.check(None, START)

    tokens = await asyncio.gather(*(epoch.check(540, START) for _ in range(4)))

    assert len({token, *tokens}) == 2
    assert len(await change_log.read_after(0)) == 1


async def test_events_after_a_restore_get_new_ids_and_goals_new_versions(database_url: str, tmp_path: Path) -> None:
    async def newest_ids(world: World) -> list[str]:
        activity = (await world.query("{ activities(first: 1) { edges { node { id } } } }"))["activities"]
        return [edge["node"]["id"] for edge in activity["edges"]]

    async def win(world: World) -> None:
        await world.mutate("recordDeal", title="Chairs", status="WON", amount={"amount": "5"})

    async with open_world(database_url) as world:
        await epoch.check(None, START)
        company = world.global_ids["company"]
        await world.mutate("setGoal", owner=company, metric="deals_won", target="9", period={"kind": "MONTH"})
        restore = await back_up(database_url, tmp_path)
        lost_ids = set()
        for _ in range(3):
            await win(world)
            lost_ids.update(await newest_ids(world))
        goals = "{ goals { progress { version } } }"
        lost_version = (await world.query(goals))["goals"][0]["progress"]["version"]
        await restore()
        await epoch.check(lost_version, START)
        restored_version = (await world.query(goals))["goals"][0]["progress"]["version"]
        for _ in range(3):
            await win(world)
            assert not lost_ids & set(await newest_ids(world))

        assert restored_version > lost_version
        assert (await world.query(goals))["goals"][0]["progress"]["version"] > restored_version


def prepare(database_url: str) -> str:
    """Create the tables and the first epoch, and return its token."""

    async def create() -> str:
        async with connection.connect(database_url):
            await create_tables()
            return await epoch.check(None, START)

    return run_in_thread(create())


def read_token(database_url: str) -> str:
    async def read() -> str:
        async with connection.connect(database_url):
            return (await Epoch.get(id=1)).token

    return run_in_thread(read())


def test_command_begins_an_epoch_after_a_restore(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_DATABASE_URL", database_url)
    monkeypatch.setenv("SCORELINE_SECRET", "s" * 32)
    token = prepare(database_url)

    message = restored.begin_epoch()

    assert message.startswith("A new epoch has begun")
    assert read_token(database_url) != token


def test_migrate_begins_an_epoch_only_for_another_copy_of_the_database(
    postgres_tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORELINE_DATABASE_URL", postgres_tables_url)
    monkeypatch.setenv("SCORELINE_SECRET", "s" * 32)
    token = prepare(postgres_tables_url)
    migrate.migrate_database()
    assert read_token(postgres_tables_url) == token

    async def recreate_table() -> None:  # as `pg_restore --clean` does
        async with connection.connect(postgres_tables_url):
            await connection.execute("CREATE TABLE copied (LIKE change INCLUDING ALL)")
            await connection.execute("ALTER SEQUENCE change_id_seq OWNED BY copied.id")
            await connection.execute("DROP TABLE change")
            await connection.execute("ALTER TABLE copied RENAME TO change")

    run_in_thread(recreate_table())
    migrate.migrate_database()

    assert read_token(postgres_tables_url) != token
