"""Clients that do not read: their queue is bounded and holds the newest states; in the end they are disconnected."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Close, Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from resolvers.request.client_info import Caller
from server.websocket.graphql_transport_ws import MOST_WAITING, Socket
from server.websocket.protocol import Text, Wire

LARGE = b"x" * 1_000_000  # more than the buffers of the transport and the operating system hold together
ACK = b'{"type":"connection_ack"}'
STUCK = (1013, "The client does not read")


class Line:
    """Stands in for the WebSocket protocol object; the test decides whether the client reads."""

    def __init__(self) -> None:
        self.paused = False
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None

    def tell(self, start: bytes, text: Text) -> None:
        self.sent.append(start + text.rest)

    def say(self, text: bytes) -> None:
        assert text == ACK

    def hold(self) -> None: ...

    def go_on(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


async def listening(wire: Any, **more: Any) -> Socket:
    """Return an initialized connection, to which only the test sends texts."""

    async def admit(caller: Caller) -> Any:
        return SimpleNamespace(who="somebody", language="en")

    answering: Any = SimpleNamespace(gate=SimpleNamespace(admit=admit))
    groups: Any = SimpleNamespace(rights=SimpleNamespace(enter=lambda guest: None, leave=lambda guest: None))
    socket = Socket(answering, groups, Caller(), None, wire, lambda socket, code: None, **more)
    socket.heard('{"type":"connection_init"}')
    await asyncio.sleep(0)
    return socket


def push(socket: Socket, state: int, version: int, id_: str = "1") -> None:
    socket.push(id_, state, b"%b:%d:" % (id_.encode(), state), Text(b"%d" % version))


async def test_who_does_not_read_gets_the_newest_of_every_state_once_he_does() -> None:
    line = Line()
    socket = await listening(line)
    push(socket, 1, 1)
    line.paused = True
    socket.paused()
    for version in range(2, 50):
        push(socket, 1, version)
        push(socket, 2, version)
        push(socket, 1, version, "other")
    assert line.sent == [b"1:1:1"]

    line.paused = False
    socket.drained()
    assert line.sent[1:] == [b"1:1:49", b"1:2:49", b"other:1:49"]
    push(socket, 1, 50)
    assert line.sent[-1] == b"1:1:50"


async def test_who_reads_a_little_gets_as_much_and_the_rest_stays_the_newest() -> None:
    class Slow(Line):
        def tell(self, start: bytes, text: Text) -> None:
            super().tell(start, text)
            self.paused = True

    line = Slow()
    socket = await listening(line)
    line.paused = True
    for state in (1, 2, 3):
        push(socket, state, 1)
    for version in (2, 3, 4):
        line.paused = False
        socket.drained()
        push(socket, 3, version)
    assert line.sent == [b"1:1:1", b"1:2:1", b"1:3:3"]


async def test_no_more_waits_than_is_bounded() -> None:
    line = Line()
    socket = await listening(line)
    line.paused = True
    for state in range(MOST_WAITING):
        push(socket, state, 1)
    full = line.closed
    push(socket, MOST_WAITING, 1)
    assert (full, line.closed) == (None, STUCK)
    push(socket, 1, 2)  # ignored: the connection is closed
    line.paused = False
    socket.drained()
    assert line.sent == []


@asynccontextmanager
async def wired(**more: Any) -> AsyncIterator[tuple[Socket, sockets.socket]]:
    """Yield a connection over a real socket pair, and the client's end of it, which reads nothing by itself."""
    config: Any = SimpleNamespace(ws_max_size=65_536, ws_per_message_deflate=False)
    state: Any = SimpleNamespace(connections=set(), tasks=set(), default_headers=[])
    here, there = sockets.socketpair()
    here.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4_096)
    there.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(lambda: Wire(config, state, {}), sock=here)
    wire.opened([])
    socket = await listening(wire, **more)
    wire.attach(socket)
    try:
        yield socket, there
    finally:
        transport.abort()
        there.close()


async def read(there: sockets.socket, last: bytes | None = None) -> list[bytes]:
    """Read all texts up to this one, or up to a close frame, whose code and reason come last."""
    client = ClientProtocol(parse_uri("ws://here/"), state=State.OPEN, max_size=None)
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while client.state is State.OPEN and last not in found:
            client.receive_data(await asyncio.get_running_loop().sock_recv(there, 1 << 20))
            found += [bytes(event.data) for event in client.events_received() if isinstance(event, Frame)]
    return found


async def test_who_stays_stuck_is_sent_away_and_hears_that_he_may_come_again() -> None:
    async with wired(patience=0.2) as (socket, there):
        socket.push("1", 1, b"1:", Text(LARGE))
        for version in range(3):
            push(socket, 2, version)
        await asyncio.sleep(0.5)
        found = await read(there)

    assert found == [ACK, b"1:" + LARGE, Close(*STUCK).serialize()]  # the queue was dropped


async def test_who_reads_again_in_time_is_kept() -> None:
    async with wired(patience=5) as (socket, there):
        for version in range(3):
            socket.push("1", 1, b"1:%d:" % version, Text(LARGE))
            push(socket, 2, version)
        found = await read(there, b"1:2:" + LARGE)
        push(socket, 2, 3)
        assert await read(there, b"1:2:3") == [b"1:2:3"]

    assert found == [ACK, b"1:0:" + LARGE, b"1:2:2", b"1:2:" + LARGE]
