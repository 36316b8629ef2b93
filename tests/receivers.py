"""A program that receives webhooks: it answers as the test says, and remembers what was asked of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.services import free_port

SECRET = "a secret of some length"


@dataclass
class Receiver:
    """`answer` gives the status of each request, by its number from 1 on; `heard` has headers and body of each."""

    port: int = field(default_factory=free_port)
    answer: Callable[[int], int] = lambda number: 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # the ids of messages that were answered with 200
    _server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?who=crm#{SECRET}"

    @property
    def is_up(self) -> bool:
        return self._server is not None

    @property
    def ids(self) -> list[str]:
        return [headers["x-scoreline-delivery"] for headers, _ in self.heard]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-1])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.heard.append(({**headers, "": head[0]}, body))
            status = self.answer(len(self.heard))
            if status == 200:
                self.taken.append(headers["x-scoreline-delivery"])
            writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.up()
    try:
        yield made
    finally:
        await made.down()
