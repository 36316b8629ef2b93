"""Helpers to run two servers over one PostgreSQL and one Redis, record wins and watch subscriptions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.http_server import say
from tests.processes import Home, Running, prepared, serving

PATIENCE = 20.0  # within which two servers must have reached the same state
BOARD = "leaderboard { total standings { rank value employee { name } } }"
RECORD = """mutation($input: RecordDealInput!) {
  recordDeal(input: $input) { deal { id title } userErrors { path code message } } }"""


@dataclass
class Pair:
    """Two servers with the administrator signed in, the token of a wallboard, and the URL of the database."""

    one: Running
    two: Running
    wallboard: str
    url: str

    def __iter__(self) -> Iterator[Running]:
        return iter((self.one, self.two))


@asynccontextmanager
async def paired(database_url: str, redis_url: str, folder: Path, **settings: Any) -> AsyncIterator[Pair]:
    """Set up a company and run two servers of it, each in a folder of its own."""
    await asyncio.to_thread(prepared, database_url)
    shared = {"database_url": database_url, "redis_url": redis_url, **settings}
    async with AsyncExitStack() as stack:
        starting = (serving(Home(folder / name, **shared)) for name in ("one", "two"))
        one, two = await asyncio.gather(*(stack.enter_async_context(each) for each in starting))
        two.token = await one.sign_in()
        made = await one.data(
            'mutation { createDevice(input: {name: "Office", kind: WALLBOARD}) { token userErrors { message } } }'
        )
        yield Pair(one, two, made["createDevice"]["token"], database_url)


async def won(server: Running, title: str, amount: int = 1, **more: Any) -> str:
    """Record a win and return the global id of the deal."""
    input_ = {"title": title, "status": "WON", "amount": {"amount": str(amount)}, **more}
    payload = (await server.data(RECORD, input=input_))["recordDeal"]
    assert payload["userErrors"] == []
    return payload["deal"]["id"]


@dataclass
class Watch:
    """A subscription with the events it has received; `close_code` is set when its socket has been closed."""

    socket: ClientConnection
    heard: list[Any] = field(default_factory=list)
    code: int | None = None

    async def listen(self) -> None:
        try:
            while True:
                message = json.loads(await self.socket.recv())
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                self.heard += message["payload"]["data"].values()
        except ConnectionClosed:
            self.code = self.socket.close_code

    async def until(self, holds: Callable[[], bool | Awaitable[bool]], patience: float = PATIENCE) -> None:
        """Wait until the condition is true. Raises TimeoutError."""
        async with asyncio.timeout(patience):
            while True:
                found = holds()
                if await found if isinstance(found, Awaitable) else found:
                    return
                await asyncio.sleep(0.02)

    async def ended(self) -> int:
        """Wait until the socket is closed and return the close code."""
        await self.until(lambda: self.code is not None)
        return self.code or 0

    async def settled(self, server: Running, question: str = BOARD) -> Any:
        """Wait until the last event equals the result of a new query of the same field, and return it."""

        async def same() -> bool:
            (answer,) = (await server.data(f"{{ {question} }}")).values()
            return bool(self.heard) and self.heard[-1] == answer

        await self.until(same)
        return self.heard[-1]


@asynccontextmanager
async def watching(server: Running, question: str = BOARD, token: str | None = None) -> AsyncIterator[Watch]:
    """Run a subscription within the block and collect its events."""
    async with server.socket(token) as socket:
        await say(socket, id="1", type="subscribe", payload={"query": f"subscription {{ {question} }}"})
        watch = Watch(socket)
        listening = asyncio.create_task(watch.listen())
        try:
            yield watch
        finally:
            listening.cancel()
            (how,) = await asyncio.gather(listening, return_exceptions=True)
            if isinstance(how, AssertionError):
                raise how


async def rows(database_url: str, sql: str, *values: Any) -> list[Any]:
    """Return the rows of an SQL query on the database."""
    connection = await asyncpg.connect(database_url)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *values)]
    finally:
        await connection.close()
