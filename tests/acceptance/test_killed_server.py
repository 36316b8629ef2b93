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

from models.db.connection import LEDGER_LOCK
from tests.acceptance.two_servers import PATIENCE, RECORD, Pair, paired, rows, watching, won
from tests.backing_services import Valkey
from tests.http_server import say
from tests.processes import Running

LONGEST_STOP = 15.0  # from SIGTERM to the end of the process
SOCKETS = 100


@pytest.fixture
async def pair(postgres_tables_url: str, redis_server: Valkey, tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(postgres_tables_url, redis_server.url, tmp_path) as pair:
        yield pair


async def sent(server: Running, key: str) -> str | None:
    """Record a win with an idempotency key and return the deal's id; None if the connection failed."""
    try:
        return await won(server, key, idempotencyKey=key)
    except httpx2.TransportError:
        return None


async def persisted(first: Running, second: Running, key: str) -> str:
    """Record a win with an idempotency key, trying both servers in turn until one answers."""
    for server in itertools.cycle((first, second)):
        if made := await sent(server, key):
            return made
        await asyncio.sleep(0.05)
    raise AssertionError


async def deals(pair: Pair) -> int:
    ((count,),) = await rows(pair.url, "SELECT count(*) FROM deal")
    return count


async def test_killed_between_the_commit_and_the_doorbell_a_server_loses_nothing(
    pair: Pair, redis_server: Valkey
) -> None:
    keys = [f"key {number}" for number in range(5)]

    async with watching(pair.two, "activities { id summary }") as history, watching(pair.two) as board:
        await board.settled(pair.two)
        redis_server.pause()
        sending = [asyncio.create_task(sent(pair.one, key)) for key in keys]
        while await deals(pair) < len(keys):
            await asyncio.sleep(0.01)
        pair.one.process.kill()
        redis_server.resume()
        answered = await asyncio.gather(*sending)
        await history.until(lambda: len(history.heard) >= len(keys))
        await board.settled(pair.two)

    again = [await won(pair.two, key, idempotencyKey=key) for key in keys]
    assert [first for first in answered if first] == [
        second for first, second in zip(answered, again, strict=True) if first
    ]
    assert len(set(again)) == await deals(pair) == len(keys)
    assert len({line["id"] for line in history.heard}) == len(history.heard)
    assert board.heard[-1]["total"] == "5.00"


async def test_killed_under_load_a_server_loses_and_doubles_nothing_of_those_who_ask_again(pair: Pair) -> None:
    made: dict[str, str] = {}

    async def write(writer: int) -> None:
        for number in range(12):
            key = f"{number} of {writer}"
            made[key] = await persisted(pair.one, pair.two, key)

    async with watching(pair.two, "dealWon { id title }") as bell, watching(pair.two) as board:
        await board.settled(pair.two)
        writing = [asyncio.create_task(write(writer)) for writer in range(8)]
        while len(made) < 30:
            await asyncio.sleep(0.005)
        pair.one.process.kill()
        await asyncio.gather(*writing)
        last = await board.settled(pair.two)
        await bell.until(lambda: len(bell.heard) >= len(made))

    assert await rows(pair.url, "SELECT count(*), count(DISTINCT title) FROM deal") == [(len(made), len(made))]
    assert last["total"] == f"{len(made)}.00"
    assert sorted(win["title"] for win in bell.heard) == sorted(made)  # each win is announced once


async def test_told_to_stop_a_server_finishes_what_runs_and_sends_its_sockets_elsewhere(pair: Pair) -> None:
    made: dict[str, str] = {}
    stopped = False

    async def write(writer: int) -> None:
        for number in itertools.count():
            if stopped:
                return
            key = f"{number} of {writer}"
            made[key] = await persisted(pair.one, pair.two, key)

    async with AsyncExitStack() as stack:
        boards = [await stack.enter_async_context(watching(pair.one)) for _ in range(SOCKETS)]
        writing = [asyncio.create_task(write(writer)) for writer in range(4)]
        while len(made) < 10 or not all(board.heard for board in boards):
            await asyncio.sleep(0.01)
        holding = await asyncpg.connect(pair.url)
        await holding.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK)
        slow = asyncio.create_task(won(pair.one, "Slow over HTTP"))
        socket = await stack.enter_async_context(pair.one.socket())
        await say(
            socket,
            id="1",
            type="subscribe",
            payload={"query": RECORD, "variables": {"input": {"title": "Slow over a socket"}}},
        )
        await locked(holding, 6)  # these two and the four writers: their transactions have begun

        pair.one.process.terminate()
        began = time.monotonic()
        await refused(pair.one)
        await holding.close()
        assert await slow
        code = await pair.one.process.ended(LONGEST_STOP)
        took = time.monotonic() - began
        for board in boards:
            await board.ended()
        stopped = True
        await asyncio.gather(*writing)

    print(f"stopped after {took:.1f} s, {len(made)} wins")
    assert code == 0
    assert {board.code for board in boards} == {1012}
    titles = {title for (title,) in await rows(pair.url, "SELECT title FROM deal")}
    assert titles == {*made, "Slow over HTTP", "Slow over a socket"}


async def refused(server: Running) -> None:
    """Wait until a server accepts no new connection."""
    with suppress(httpx2.TransportError):
        async with asyncio.timeout(PATIENCE):
            while True:
                await server.http.get("/health/live", headers={"connection": "close"})


async def locked(connection: asyncpg.Connection, number: int) -> None:
    """Wait until `waiter_count` transactions wait for the ledger lock."""
    while (
        await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    ) < number:
        await asyncio.sleep(0.01)
