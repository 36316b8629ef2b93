"""The network link cuts, stalls and delays a connection to PostgreSQL as it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from faults.network_link import CommitCut, NetworkLink


@pytest.fixture
async def link(postgres_url: str) -> AsyncIterator[NetworkLink]:
    link = NetworkLink(urlsplit(postgres_url).port or 0)
    await link.start()
    yield link
    await link.stop()


@pytest.fixture
async def linked(link: NetworkLink, postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection through the link, with a table to write to."""
    connection = await connect(link, postgres_url)
    await connection.execute("CREATE TABLE sale (id int)")
    yield connection
    connection.terminate()


async def connect(link: NetworkLink, url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace(f":{urlsplit(url).port}/", f":{link.port}/"), timeout=5)


async def count_sales(url: str) -> int:
    direct = await asyncpg.connect(url)
    try:
        return await direct.fetchval("SELECT count(*) FROM sale")
    finally:
        await direct.close()


async def insert(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO sale VALUES (1)")


async def test_well_link_forwards_everything(linked: asyncpg.Connection, postgres_url: str) -> None:
    await insert(linked)

    assert await linked.fetchval("SELECT length(repeat('x', 200000) || $1)", "y" * 200_000) == 400_000
    assert await count_sales(postgres_url) == 1


@pytest.mark.parametrize(("cut", "stored_count"), [(CommitCut.BEFORE, 0), (CommitCut.AFTER, 1)])
async def test_commit_is_cut_before_or_after_the_database_has_it(
    link: NetworkLink, linked: asyncpg.Connection, postgres_url: str, cut: CommitCut, stored_count: int
) -> None:
    link.decide_on_commit = lambda: cut

    with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await insert(linked)

    assert await count_sales(postgres_url) == stored_count


async def test_cut_resets_connections_and_new_ones_work(
    link: NetworkLink, linked: asyncpg.Connection, postgres_url: str
) -> None:
    link.cut()

    with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await linked.fetchval("SELECT 1")
    second_connection = await connect(link, postgres_url)
    assert await second_connection.fetchval("SELECT 1") == 1
    await second_connection.close()


async def test_link_that_is_down_refuses_connections(
    link: NetworkLink, linked: asyncpg.Connection, postgres_url: str
) -> None:
    with link.down(), pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await connect(link, postgres_url)

    second_connection = await connect(link, postgres_url)
    await second_connection.close()


async def test_stalled_link_delivers_later(link: NetworkLink, linked: asyncpg.Connection) -> None:
    with link.stalled():
        answer = asyncio.create_task(linked.fetchval("SELECT 1"))
        await asyncio.sleep(0.3)
        assert not answer.done()

    assert await answer == 1


async def test_lagging_link_delays_both_directions(link: NetworkLink, linked: asyncpg.Connection) -> None:
    link.delay_seconds = 0.1
    started_at = time.monotonic()

    assert await linked.execute("SELECT 1")

    assert time.monotonic() - started_at >= 0.2
