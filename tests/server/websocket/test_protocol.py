"""WebSocket frames: valid sequences, and protocol errors with their close codes (RFC 6455)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.frames import Close, Frame, Opcode
from websockets.typing import Subprotocol

from server.websocket.protocol import Text
from tests.http_server import Served, close_code, hear, say, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

PING = b'{"type":"ping"}'
PONG = {"type": "pong"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("frames")) as found:
        yield found


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def raw(first: int, data: bytes = b"", *, masked: bool = True) -> bytes:
    """Return a frame with any first byte, also invalid ones that the library would not write."""
    return bytes([first, (128 if masked else 0) | len(data)]) + (b"\0\0\0\0" if masked else b"") + data


BROKEN = {
    "unmasked frame": (raw(0x81, PING, masked=False), 1002),
    "first reserved bit": (raw(0xC1, PING), 1002),
    "third reserved bit": (raw(0x91, PING), 1002),
    "unknown data opcode": (raw(0x83, PING), 1002),
    "unknown control opcode": (raw(0x8B), 1002),
    "fragmented ping": (raw(0x09, b"?"), 1002),
    "ping of 126 bytes": (b"\x89\xfe\x00\x7e\0\0\0\0" + b"?" * 126, 1002),
    "continuation without a message": (frame(Opcode.CONT, PING), 1002),
    "message within a fragmented one": (frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.TEXT, PING), 1002),
    "invalid UTF-8": (frame(Opcode.TEXT, b'{"type":"\xd0"}'), 1007),
    "message of a terabyte": (b"\x81\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0", 1009),
    "fragments that are too large together": (
        frame(Opcode.TEXT, b"x" * 40_000, fin=False) + frame(Opcode.CONT, b"x" * 40_000),
        1009,
    ),
    "close with half a code": (frame(Opcode.CLOSE, b"\x03"), 1002),
    "close with a reserved code": (frame(Opcode.CLOSE, struct.pack(">H", 1005)), 1002),
    "binary message": (frame(Opcode.BINARY, PING), 4400),
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN)
async def test_what_is_no_frame_closes_with_its_code(here: Served, sent: bytes, code: int) -> None:
    async with here.socket() as socket:
        socket.transport.write(sent)
        assert (await close_code(socket))[0] == code


async def test_a_message_may_come_byte_by_byte_and_many_at_once(here: Served) -> None:
    async with here.socket() as socket:
        for byte in frame(Opcode.TEXT, PING):
            socket.transport.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert await hear(socket) == PONG
        socket.transport.write(frame(Opcode.TEXT, PING) * 50)
        assert [await hear(socket) for _ in range(50)] == [PONG] * 50


@pytest.mark.parametrize("size", [125, 126, 127, 60_000])
async def test_messages_of_every_length_are_read(here: Served, size: int) -> None:
    padded = PING + b" " * (size - len(PING))
    async with here.socket() as socket:
        socket.transport.write(frame(Opcode.TEXT, padded))
        assert await hear(socket) == PONG


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 200_000])
async def test_a_text_is_framed_as_the_library_does_it_for_one_beginning_after_another(size: int) -> None:
    text = Text(b"x" * size)
    for start in (b"", b"1", b"1", b"22", b""):
        assert text.frame(start) == Frame(Opcode.TEXT, start + b"x" * size).serialize(mask=False)


async def test_a_ping_is_answered_with_what_it_holds(here: Served) -> None:
    async with here.socket() as socket:
        await asyncio.wait_for(await socket.ping(b"are you there"), 10)


async def test_a_close_is_answered_with_its_own_code(here: Served) -> None:
    async with here.socket() as socket:
        await socket.close(4999, "enough")
        assert (socket.close_code, socket.close_reason) == (4999, "enough")
        assert socket.protocol.close_rcvd == Close(4999, "enough")


async def test_what_is_asked_before_the_introduction_is_over_waits_for_it(here: Served) -> None:
    """Both messages arrive in one packet, and the second needs the result of the first."""
    hello = b'{"type":"connection_init","payload":{"Authorization":"Bearer %b"}}' % here.token.encode()
    asked = b'{"id":"1","type":"subscribe","payload":{"query":"{ company { name } }"}}'
    async with here.bare() as socket:
        socket.transport.write(frame(Opcode.TEXT, hello) + frame(Opcode.TEXT, asked))
        assert [(await hear(socket))["type"] for _ in range(3)] == ["connection_ack", "next", "complete"]


async def test_a_socket_that_is_compressed_both_ways_says_the_same(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with served(tmp_path_factory.mktemp("compressed"), compress=True) as here:
        url = f"ws://{here.address}/graphql"
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            assert [type(each).__name__ for each in socket.protocol.extensions] == ["PerMessageDeflate"]
            await say(socket, type="connection_init", payload={"Authorization": f"Bearer {here.token}"})
            assert await hear(socket) == {"type": "connection_ack"}
            for number in range(3):
                query = "{ company { name } }" + " " * 5_000
                await say(socket, id=str(number), type="subscribe", payload={"query": query})
                assert (await hear(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}
                assert (await hear(socket))["type"] == "complete"
            await say(socket, id="live", type="subscribe", payload={"query": "subscription { leaderboard { total } }"})
            assert (await hear(socket))["payload"] == {"data": {"leaderboard": {"total": "0.00"}}}
            await here.data(
                'mutation { recordDeal(input: {title: "Chairs", status: WON, amount: {amount: "7"}}) {'
                " userErrors { message } } }"
            )
            assert (await hear(socket))["payload"] == {"data": {"leaderboard": {"total": "7.00"}}}
