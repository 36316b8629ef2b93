"""The order of writers: a process waits once in the database, and batches give way to single writes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import asyncpg
import pytest

from models import migrator
from models.db import connection
from models.db.connection import BATCH_LOCK_ID, LEDGER_LOCK_ID
from models.db.errors import DatabaseUnavailable, LockTimeout
from models.db.write_queue import COMMAND_LIMITS, MAX_WAITING_BATCHES, SERVER_LIMITS, BatchQueueFull
from server.commands.runtime import run_with_database
from server.settings import load
from tests.empty_database import create_tables, other_client, run_in_thread

WAITING_SQL = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"


async def take_lock(raw_connection: asyncpg.Connection, lock_id: int) -> None:
    await raw_connection.execute("SELECT pg_advisory_lock($1)", lock_id)


async def test_single_write_waits_for_one_batch_of_many(database_url: str) -> None:
    order: list[str] = []

    async def write(name: str, *, is_batch: bool) -> None:
        async with connection.write_transaction(is_batch=is_batch):
            await asyncio.sleep(0.1)
            order.append(name)

    async with connection.connect(database_url):
        batches = [asyncio.create_task(write(f"batch {number}", is_batch=True)) for number in range(4)]
        await asyncio.sleep(0.05)
        await write("single", is_batch=False)
        await asyncio.gather(*batches)

    assert order.index("single") <= 1
    assert sorted(order) == ["batch 0", "batch 1", "batch 2", "batch 3", "single"]


async def test_batch_of_another_client_delays_batches_only(postgres_tables_url: str) -> None:
    async with connection.connect(postgres_tables_url), other_client(postgres_tables_url) as other:
        await take_lock(other, BATCH_LOCK_ID)

        async def write_batch() -> None:
            async with connection.write_transaction(is_batch=True):
                pass

        batch = asyncio.create_task(write_batch())
        async with asyncio.timeout(60), connection.write_transaction():
            await asyncio.sleep(0.1)
        assert not batch.done()

        await other.execute("SELECT pg_advisory_unlock_all()")
        await batch


async def test_batch_is_refused_when_others_take_too_long(database_url: str) -> None:
    limits = replace(SERVER_LIMITS, batch=0.1)

    async def write_batch(seconds: float) -> None:
        async with connection.write_transaction(is_batch=True):
            await asyncio.sleep(seconds)

    async with connection.connect(database_url, limits=limits):
        long_batch = asyncio.create_task(write_batch(seconds=0.5))
        await asyncio.sleep(0.05)
        with pytest.raises(BatchQueueFull):
            await write_batch(seconds=0)
        await long_batch
        await write_batch(seconds=0)


async def test_batch_is_refused_when_the_batch_of_another_client_takes_too_long(postgres_tables_url: str) -> None:
    limits = replace(SERVER_LIMITS, batch=0.1)

    async with connection.connect(postgres_tables_url, limits=limits), other_client(postgres_tables_url) as other:
        await take_lock(other, BATCH_LOCK_ID)
        with pytest.raises(BatchQueueFull):
            async with connection.write_transaction(is_batch=True):
                raise AssertionError("not reached")


async def test_batches_beyond_the_limit_are_refused_at_once(database_url: str) -> None:
    async with connection.connect(database_url):
        queue = connection.current_connection().write_queue

        async def wait_for_turn() -> None:
            async with queue.batch_turn():
                pass

        async with queue.batch_turn():
            waiting = [asyncio.create_task(wait_for_turn()) for _ in range(MAX_WAITING_BATCHES)]
            await asyncio.sleep(0)
            with pytest.raises(BatchQueueFull):
                await wait_for_turn()
        await asyncio.gather(*waiting)
        await wait_for_turn()


async def test_one_writer_of_a_process_waits_in_the_database(postgres_tables_url: str) -> None:
    async def write() -> None:
        async with connection.write_transaction():
            pass

    async with connection.connect(postgres_tables_url), other_client(postgres_tables_url) as other:
        await take_lock(other, LEDGER_LOCK_ID)
        writers = [asyncio.create_task(write()) for _ in range(5)]
        await asyncio.sleep(0.5)

        assert await other.fetchval(WAITING_SQL) == 1

        await other.execute("SELECT pg_advisory_unlock_all()")
        await asyncio.gather(*writers)


async def test_writer_gives_up_waiting_for_those_before_it(postgres_tables_url: str) -> None:
    limits = replace(SERVER_LIMITS, lock=0.2)

    async def write() -> None:
        async with connection.write_transaction():
            pass

    async with (
        connection.connect(postgres_tables_url, limits=limits),
        other_client(postgres_tables_url) as other,
    ):
        await take_lock(other, LEDGER_LOCK_ID)
        results = await asyncio.gather(*(write() for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [LockTimeout] * 3

        await other.execute("SELECT pg_advisory_unlock_all()")
        await write()


async def test_frozen_process_holds_the_lock_for_three_seconds(postgres_tables_url: str) -> None:
    frozen = asyncio.Event()
    resumed = asyncio.Event()

    async def write() -> None:
        async with connection.write_transaction():
            frozen.set()  # and sends nothing more for a while, as if the process were stopped
            await resumed.wait()
            await connection.fetch_rows("SELECT 1")

    async with connection.connect(postgres_tables_url), other_client(postgres_tables_url) as other:
        writer = asyncio.create_task(write())
        await frozen.wait()
        started_at = time.monotonic()
        await take_lock(other, LEDGER_LOCK_ID)
        waited_seconds = time.monotonic() - started_at
        resumed.set()
        with pytest.raises(DatabaseUnavailable):
            await writer

    assert 2 < waited_seconds < 5


async def test_nested_write_is_part_of_the_outer_one(database_url: str) -> None:
    async def fail_after_nested_write() -> None:
        async with connection.write_transaction(is_batch=True):
            async with connection.write_transaction(is_batch=True):
                await connection.execute("INSERT INTO lease (name, holder, beat) VALUES ('a', '', 0)")
            raise ZeroDivisionError

    async with connection.connect(database_url):
        await create_tables()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(fail_after_nested_write(), 60)

        assert await connection.fetch_rows("SELECT name FROM lease") == []


def test_commands_wait_without_limit(postgres_tables_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_limits() -> list[str]:
        rows = await connection.fetch_rows(
            "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock"
        )
        return list(rows[0].values())

    settings = load(database_url=postgres_tables_url, secret="s" * 32)

    assert run_in_thread(_run_command(settings, read_limits)) == ["0", "0"]
    assert (
        connection.tortoise_config(postgres_tables_url, limits=COMMAND_LIMITS)["connections"]["postgres"][
            "credentials"
        ]["command_timeout"]
        is None
    )


async def _run_command(settings, command):
    return await asyncio.to_thread(run_with_database, settings, command)


async def test_second_migration_waits_for_the_first_however_long_it_takes(postgres_url: str) -> None:
    lock_seconds = (SERVER_LIMITS.lock or 0) + 0.5
    async with other_client(postgres_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", migrator._MIGRATION_LOCK_ID)
        second = asyncio.create_task(asyncio.to_thread(asyncio.run, migrator.migrate(postgres_url)))
        await asyncio.sleep(lock_seconds)
        assert not second.done()

        await other.execute("SELECT pg_advisory_unlock_all()")
        assert await second
