"""A frozen database is noticed, and statements are then refused at once instead of waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from models.db import connection
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
    async with asyncio.timeout(20):
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
    waiting = asyncio.create_task(connection.with_deadline(60, read(), while_available=True))
    with pytest.raises(DatabaseUnavailable):
        await waiting
    assert time.monotonic() - started_at < 6  # usually 2

    for statement in (read, write):
        started_at = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await statement()
        assert time.monotonic() - started_at < 0.5

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
