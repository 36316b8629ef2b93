"""Many clients connect at the same moment to two busy servers: all are served, and each change reaches each of them once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.acceptance.two_servers import record_win, run_server_pair
from tests.http_server import send_message
from tests.processes import SpawnedServer

SOCKETS = 500
WINS = ("First", "Second", "Third")
MAX_SECONDS = 240.0  # for everything: the test is not about speed, and the machine may be slow
SUBSCRIPTION = "subscription { dealWon { title } }"


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep two processors busy within the block."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class Screen:
    """A client that subscribes to wins; `titles` are those it was sent."""

    def __init__(self, server: SpawnedServer) -> None:
        self._server = server
        self.titles: list[str] = []
        self.socket: ClientConnection

    async def connect(self, stack: AsyncExitStack) -> None:
        """Connect and subscribe; the socket is closed with the stack."""
        self.socket = await stack.enter_async_context(
            self._server.open_socket(open_timeout=None, ping_interval=None, close_timeout=60)
        )
        payload = {"Authorization": f"Bearer {self._server.token}"}
        await send_message(self.socket, type="connection_init", payload=payload)
        assert json.loads(await self.socket.recv()) == {"type": "connection_ack"}
        await send_message(self.socket, id="wins", type="subscribe", payload={"query": SUBSCRIPTION})
        await send_message(self.socket, type="ping")
        assert json.loads(await self.socket.recv()) == {"type": "pong"}  # the server has read the subscription, too

    async def receive(self, count: int) -> None:
        """Receive until there are so many titles."""
        while len(self.titles) < count:
            message = json.loads(await self.socket.recv())
            assert message["type"] == "next", message
            self.titles.append(message["payload"]["data"]["dealWon"]["title"])

    async def receive_rest(self) -> None:
        """Receive what is still on its way: all that was sent before the answer to a ping."""
        await send_message(self.socket, type="ping")
        while (message := json.loads(await self.socket.recv()))["type"] != "pong":
            self.titles.append(message["payload"]["data"]["dealWon"]["title"])


async def test_all_clients_that_connect_at_once_are_served_and_get_each_change_once(
    postgres_tables_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with (
        asyncio.timeout(MAX_SECONDS),
        run_server_pair(postgres_tables_url, redis_url, tmp_path) as pair,
        AsyncExitStack() as stack,
    ):
        with busy_machine():
            screens = [Screen(server) for server in pair for _ in range(SOCKETS // 2)]
            await asyncio.gather(*(screen.connect(stack) for screen in screens))
            for number, title in enumerate(WINS, 1):
                await record_win(list(pair)[number % 2], title)
                await asyncio.gather(*(screen.receive(number) for screen in screens))
            await asyncio.gather(*(screen.receive_rest() for screen in screens))

        assert [screen.titles for screen in screens] == [list(WINS)] * SOCKETS
        assert {screen.socket.close_code for screen in screens} == {None}
