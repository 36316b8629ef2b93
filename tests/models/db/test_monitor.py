"""A frozen database is noticed, and statements are then refused at once instead of waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from models.db import connection
from models.db.connection import LEDGER_LOCK_ID
from models.db.deadline import with_deadline
from models.db.errors import DatabaseUnavailable
from models.db.monitor import DatabaseMonitor
from subscriptions.core.tasks import cancel_and_wait
from tests.backing_services import Postgres, ServerNotAvailable


@pytest.fixture
def postgres(services: Any) -> Iterator[Postgres]:
    """A PostgreSQL server of its own, since the tests freeze and kill it."""
    try:
        server = Postgres()
    except ServerNotAvailable as error:
        services.skip_or_fail(error)
    yield server
    server.stop()


@pytest.fixture
async def monitored(postgres: Postgres) -> AsyncIterator[Postgres]:
    async with connection.connect(postgres.url):
        monitor = asyncio.create_task(DatabaseMonitor(postgres.url).run())
        await connection.fetch_rows("SELECT 1")
        yield postgres
        await cancel_and_wait(monitor)


async def wait_until_answering(is_answering: bool) -> None:
    async with asyncio.timeout(60):
        while connection.current_connection().availability.is_answering is not is_answering:
            await asyncio.sleep(0.05)


async def read() -> list[dict[str, Any]]:
    return await connection.fetch_rows("SELECT 1 AS number")


async def write() -> None:
    async with connection.write_transaction():
        await connection.fetch_rows("SELECT 1")


async def test_frozen_database_refuses_at_once_and_works_again_when_it_answers(monitored: Postgres) -> None:
    monitored.pause()
    started_at = time.monotonic()
    waiting = asyncio.create_task(with_deadline(60, read(), while_available=True))
    with pytest.raises(DatabaseUnavailable):
        await waiting
    assert time.monotonic() - started_at < 6  # usually 2

    for statement in (read, write):
        started_at = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await statement()
        assert time.monotonic() - started_at < 1.5  # a statement would wait for longer

    monitored.resume()
    await wait_until_answering(True)
    assert await read() == [{"number": 1}]
    await write()


async def test_stopped_database_refuses_and_works_again_after_its_start(monitored: Postgres) -> None:
    monitored.kill()
    await wait_until_answering(False)
    with pytest.raises(DatabaseUnavailable):
        await read()

    await asyncio.to_thread(monitored.start)
    await wait_until_answering(True)
    await write()


async def test_busy_pool_does_not_count_as_no_answer(postgres: Postgres) -> None:
    async with connection.connect(postgres.url, pool_size=1):
        monitor = asyncio.create_task(DatabaseMonitor(postgres.url).run())
        await connection.fetch_rows("SELECT pg_sleep(4)")
        assert connection.current_connection().availability.is_answering
        await cancel_and_wait(monitor)


async def test_session_frozen_in_the_middle_of_a_statement_is_ended(monitored: Postgres) -> None:
    other = await asyncpg.connect(monitored.url, server_settings={"application_name": connection.APPLICATION_NAME})
    await other.execute("BEGIN")
    await other.execute("SELECT pg_advisory_xact_lock($1::bigint)", LEDGER_LOCK_ID)
    await other.prepare("SELECT 2")  # is parsed, and not executed: PostgreSQL waits for the rest of the statement

    started_at = time.monotonic()
    await write()

    assert time.monotonic() - started_at > 2  # after the limit on waiting for the lock it would have failed
    lost = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    with pytest.raises(lost):
        await other.execute("SELECT 3")


async def test_sessions_that_wait_or_work_are_not_ended(monitored: Postgres) -> None:
    idle, working = [
        await asyncpg.connect(monitored.url, server_settings={"application_name": connection.APPLICATION_NAME})
        for _ in range(2)
    ]

    await working.execute("SELECT pg_sleep(4.5)")

    assert await working.fetchval("SELECT 1") == await idle.fetchval("SELECT 1") == 1
    await idle.close()
    await working.close()
