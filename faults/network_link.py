"""A TCP proxy that stands for the network between a server and its database or Redis: it cuts, stalls and delays."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

_CHUNK_BYTES: Final = 65_536
_COMMIT_STATEMENT: Final = re.compile(rb"COMMIT;?\x00")  # as our transactions send it, and those of asyncpg


class CommitCut(Enum):
    """When the connection is cut at a COMMIT: the client cannot tell these apart."""

    BEFORE = "before the database has received it"
    AFTER = "after the database has answered it"


class NetworkLink:
    """Forwards connections to a port of this machine; works well until it is told otherwise.

    delay_seconds    how long everything takes, in each direction
    is_down          new connections are closed at once
    decide_on_commit called for each COMMIT; returns when to cut the connection, None to let it pass
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.is_down = False
        self.decide_on_commit: Callable[[], CommitCut | None] = lambda: None
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            self._flowing.set()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Deliver nothing within the block, and all of it afterwards; connections stay open."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Reset all connections, and refuse new ones within the block."""
        self.is_down = True
        self.cut()
        try:
            yield
        finally:
            self.is_down = False

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until either side closes it or it is cut."""
        if self.is_down:
            writer.transport.abort()
            return
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, target_writer}
        self._writers |= ends
        connection = _Connection(self)
        directions = [
            asyncio.ensure_future(connection.send_requests(reader, target_writer)),
            asyncio.ensure_future(connection.send_answers(target_reader, writer)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= ends
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for end in ends:
                end.transport.abort()

    async def pass_time(self) -> None:
        """Wait as long as a chunk takes to get through."""
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        await self._flowing.wait()


class _Connection:
    """The two directions of a forwarded connection. Each ends by itself when the connection is to be closed."""

    def __init__(self, link: NetworkLink) -> None:
        self._link = link
        self._drops_answer = False  # of a COMMIT that has reached the database

    async def send_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._link.pass_time()
                cut = self._link.decide_on_commit() if _COMMIT_STATEMENT.search(chunk) else None
                if cut is CommitCut.BEFORE:
                    return
                self._drops_answer = cut is CommitCut.AFTER
                writer.write(chunk)
                await writer.drain()

    async def send_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._link.pass_time()
                if self._drops_answer:
                    return
                writer.write(chunk)
                await writer.drain()
