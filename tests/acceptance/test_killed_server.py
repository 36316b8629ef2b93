"""A killed or terminated server: acknowledged writes are kept, and clients continue on the other server."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import httpx2
import pytest

from models.db.connection import LEDGER_LOCK_ID
from tests.acceptance.two_servers import (
    RECORD_DEAL,
    TIMEOUT_SECONDS,
    ServerPair,
    fetch_rows,
    record_win,
    run_server_pair,
    watch_subscription,
)
from tests.backing_services import Valkey
from tests.http_server import send_message
from tests.processes import SpawnedServer

MAX_STOP_SECONDS = 60.0  # from SIGTERM to the end of the process
SOCKET_COUNT = 100


@pytest.fixture
async def pair(postgres_tables_url: str, redis_server: Valkey, tmp_path: Path) -> AsyncIterator[ServerPair]:
    async with run_server_pair(postgres_tables_url, redis_server.url, tmp_path) as pair:
        yield pair


async def try_record_win(server: SpawnedServer, key: str) -> str | None:
    """Record a win with an idempotency key and return the deal's id; None if the connection failed."""
    try:
        return await record_win(server, key, idempotencyKey=key)
    except httpx2.TransportError:
        return None


async def record_win_with_failover(first: SpawnedServer, second: SpawnedServer, key: str) -> str:
    """Record a win with an idempotency key, trying both servers in turn until one answers."""
    for server in itertools.cycle((first, second)):
        if deal_id := await try_record_win(server, key):
            return deal_id
        await asyncio.sleep(0.05)
    raise AssertionError


async def count_deals(pair: ServerPair) -> int:
    ((count,),) = await fetch_rows(pair.url, "SELECT count(*) FROM deal")
    return count


async def test_server_killed_between_commit_and_notification_loses_nothing(
    pair: ServerPair, redis_server: Valkey
) -> None:
    keys = [f"key {number}" for number in range(5)]

    async with (
        watch_subscription(pair.second, "activities { id summary }") as activity_watch,
        watch_subscription(pair.second) as leaderboard_watch,
    ):
        await leaderboard_watch.wait_for_query_state(pair.second)
        redis_server.pause()
        send_tasks = [asyncio.create_task(try_record_win(pair.first, key)) for key in keys]
        while await count_deals(pair) < len(keys):
            await asyncio.sleep(0.01)
        pair.first.process.kill()
        redis_server.resume()
        deal_ids = await asyncio.gather(*send_tasks)
        await activity_watch.wait_until(lambda: len(activity_watch.events) >= len(keys))
        await leaderboard_watch.wait_for_query_state(pair.second)

    repeated_ids = [await record_win(pair.second, key, idempotencyKey=key) for key in keys]
    assert [deal_id for deal_id in deal_ids if deal_id] == [
        repeated_id for deal_id, repeated_id in zip(deal_ids, repeated_ids, strict=True) if deal_id
    ]
    assert len(set(repeated_ids)) == await count_deals(pair) == len(keys)
    assert len({entry["id"] for entry in activity_watch.events}) == len(activity_watch.events)
    assert leaderboard_watch.events[-1]["total"] == "5.00"


async def test_server_killed_under_load_neither_loses_nor_doubles_retried_wins(pair: ServerPair) -> None:
    deal_ids: dict[str, str] = {}

    async def write(writer: int) -> None:
        for number in range(12):
            key = f"{number} of {writer}"
            deal_ids[key] = await record_win_with_failover(pair.first, pair.second, key)

    async with (
        watch_subscription(pair.second, "dealWon { id title }") as win_watch,
        watch_subscription(pair.second) as leaderboard_watch,
    ):
        await leaderboard_watch.wait_for_query_state(pair.second)
        write_tasks = [asyncio.create_task(write(writer)) for writer in range(8)]
        while len(deal_ids) < 30:
            await asyncio.sleep(0.005)
        pair.first.process.kill()
        await asyncio.gather(*write_tasks)
        last_state = await leaderboard_watch.wait_for_query_state(pair.second)
        await win_watch.wait_until(lambda: len(win_watch.events) >= len(deal_ids))

    assert await fetch_rows(pair.url, "SELECT count(*), count(DISTINCT title) FROM deal") == [
        (len(deal_ids), len(deal_ids))
    ]
    assert last_state["total"] == f"{len(deal_ids)}.00"
    assert sorted(win["title"] for win in win_watch.events) == sorted(deal_ids)  # each win is announced once


async def test_terminated_server_finishes_requests_and_closes_sockets_with_restart_code(pair: ServerPair) -> None:
    deal_ids: dict[str, str] = {}
    stopped = False

    async def write(writer: int) -> None:
        for number in itertools.count():
            if stopped:
                return
            key = f"{number} of {writer}"
            deal_ids[key] = await record_win_with_failover(pair.first, pair.second, key)

    async with AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(watch_subscription(pair.first)) for _ in range(SOCKET_COUNT)]
        write_tasks = [asyncio.create_task(write(writer)) for writer in range(4)]
        while len(deal_ids) < 10 or not all(watch.events for watch in watches):
            await asyncio.sleep(0.01)
        lock_connection = await asyncpg.connect(pair.url)
        await lock_connection.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK_ID)
        slow_request = asyncio.create_task(record_win(pair.first, "Slow over HTTP"))
        socket = await stack.enter_async_context(pair.first.connect())
        await send_message(
            socket,
            id="1",
            type="subscribe",
            payload={"query": RECORD_DEAL, "variables": {"input": {"title": "Slow over a socket"}}},
        )
        await wait_for_lock_waiter(lock_connection)  # the first write of the server; the others wait in the process
        await asyncio.sleep(1)  # until they have arrived

        pair.first.process.terminate()
        began = time.monotonic()
        await wait_until_refusing(pair.first)
        await lock_connection.close()
        assert await slow_request
        code = await pair.first.process.wait_async(MAX_STOP_SECONDS)
        stop_seconds = time.monotonic() - began
        for watch in watches:
            await watch.wait_closed()
        stopped = True
        await asyncio.gather(*write_tasks)

    print(f"stopped after {stop_seconds:.1f} s, {len(deal_ids)} wins")
    assert code == 0
    assert {watch.close_code for watch in watches} == {1012}
    titles = {title for (title,) in await fetch_rows(pair.url, "SELECT title FROM deal")}
    assert titles == {*deal_ids, "Slow over HTTP", "Slow over a socket"}


async def wait_until_refusing(server: SpawnedServer) -> None:
    """Wait until a server accepts no new connection."""
    with suppress(httpx2.TransportError):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                await server.http.get("/health/live", headers={"connection": "close"})


async def wait_for_lock_waiter(connection: asyncpg.Connection) -> None:
    """Wait until a transaction waits for the ledger lock."""
    while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        await asyncio.sleep(0.01)
