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

from tests.http_server import send_message
from tests.processes import SpawnedServer, Workspace, prepare_database, running_server

TIMEOUT_SECONDS = 120.0  # within which two servers must have reached the same state
LEADERBOARD = "leaderboard { total standings { rank value employee { name } } }"
RECORD_DEAL = """mutation($input: RecordDealInput!) {
  recordDeal(input: $input) { deal { id title } userErrors { path code message } } }"""


@dataclass
class ServerPair:
    """Two servers with the administrator signed in, the token of a wallboard, and the URL of the database."""

    first: SpawnedServer
    second: SpawnedServer
    wallboard: str
    url: str

    def __iter__(self) -> Iterator[SpawnedServer]:
        return iter((self.first, self.second))


@asynccontextmanager
async def run_server_pair(
    database_url: str, redis_url: str, folder: Path, **settings: Any
) -> AsyncIterator[ServerPair]:
    """Set up a company and run two servers of it, each in a folder of its own."""
    await asyncio.to_thread(prepare_database, database_url)
    shared = {"database_url": database_url, "redis_url": redis_url, **settings}
    async with AsyncExitStack() as stack:
        starting_servers = (running_server(Workspace(folder / name, **shared)) for name in ("one", "two"))
        first, second = await asyncio.gather(*(stack.enter_async_context(server) for server in starting_servers))
        second.token = await first.sign_in()
        data = await first.execute(
            'mutation { createDevice(input: {name: "Office", kind: WALLBOARD}) { token userErrors { message } } }'
        )
        yield ServerPair(first, second, data["createDevice"]["token"], database_url)


async def execute_patiently(
    server: SpawnedServer, query: str, token: str | None = None, **variables: Any
) -> dict[str, Any]:
    """Execute an operation and return its data; repeat it, as clients do, while the servers have too much to do.

    A mutation without an idempotency key may be executed twice.
    """
    while True:
        response = (await server.post(query, token=token, variables=variables)).json()
        if "errors" not in response:
            data: dict[str, Any] = response["data"]
            return data
        extensions = response["errors"][0]["extensions"]
        assert extensions["code"] in ("UNAVAILABLE", "TIMEOUT"), response
        await asyncio.sleep(extensions.get("retryAfterMs", 0) / 1000)


async def record_win(server: SpawnedServer, title: str, amount: int = 1, **more_fields: Any) -> str:
    """Record a win and return the global id of the deal."""
    input = {"title": title, "status": "WON", "amount": {"amount": str(amount)}, **more_fields}
    payload = (await server.execute(RECORD_DEAL, input=input))["recordDeal"]
    assert payload["userErrors"] == []
    return payload["deal"]["id"]


@dataclass
class SubscriptionWatch:
    """A subscription with the events it has received; `close_code` is set when its socket has been closed."""

    socket: ClientConnection
    events: list[Any] = field(default_factory=list)
    close_code: int | None = None

    async def listen(self) -> None:
        try:
            while True:
                message = json.loads(await self.socket.recv())
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                self.events += message["payload"]["data"].values()
        except ConnectionClosed:
            self.close_code = self.socket.close_code

    async def wait_until(
        self, condition: Callable[[], bool | Awaitable[bool]], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Wait until the condition is true. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                result = condition()
                if await result if isinstance(result, Awaitable) else result:
                    return
                await asyncio.sleep(0.02)

    async def wait_closed(self) -> int:
        """Wait until the socket is closed and return the close code."""
        await self.wait_until(lambda: self.close_code is not None)
        return self.close_code or 0

    async def wait_for_query_state(self, server: SpawnedServer, selection: str = LEADERBOARD) -> Any:
        """Wait until the last event equals the result of a new query of the same field, and return it."""

        async def is_current() -> bool:
            (answer,) = (await execute_patiently(server, f"{{ {selection} }}")).values()
            return bool(self.events) and self.events[-1] == answer

        await self.wait_until(is_current)
        return self.events[-1]


@asynccontextmanager
async def watch_subscription(
    server: SpawnedServer, selection: str = LEADERBOARD, token: str | None = None
) -> AsyncIterator[SubscriptionWatch]:
    """Run a subscription within the block and collect its events."""
    async with server.connect(token) as socket:
        await send_message(socket, id="1", type="subscribe", payload={"query": f"subscription {{ {selection} }}"})
        watch = SubscriptionWatch(socket)
        listen_task = asyncio.create_task(watch.listen())
        try:
            yield watch
        finally:
            listen_task.cancel()
            (outcome,) = await asyncio.gather(listen_task, return_exceptions=True)
            if isinstance(outcome, AssertionError):
                raise outcome


async def fetch_rows(database_url: str, sql: str, *values: Any) -> list[Any]:
    """Return the rows of an SQL query on the database."""
    connection = await asyncpg.connect(database_url)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *values)]
    finally:
        await connection.close()
