"""WebSocket frames: valid sequences, and protocol errors with their close codes (RFC 6455)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Close, Frame, Opcode

from server.websocket.frame_parser import FrameParser
from server.websocket.protocol import NullHandler, PreparedText, WebSocketProtocol
from tests.http_server import RunningServer, receive_message, run_test_server, wait_closed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PING = b'{"type":"ping"}'
PONG = {"type": "pong"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("frames")) as running:
        yield running


def serialize_frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def build_frame(first_byte: int, data: bytes = b"", *, masked: bool = True) -> bytes:
    """Return a frame with any first byte, also invalid ones that the library would not write."""
    return bytes([first_byte, (128 if masked else 0) | len(data)]) + (b"\0\0\0\0" if masked else b"") + data


INVALID_FRAMES = {
    "unmasked frame": (build_frame(0x81, PING, masked=False), 1002),
    "first reserved bit": (build_frame(0xC1, PING), 1002),
    "third reserved bit": (build_frame(0x91, PING), 1002),
    "unknown data opcode": (build_frame(0x83, PING), 1002),
    "unknown control opcode": (build_frame(0x8B), 1002),
    "fragmented ping": (build_frame(0x09, b"?"), 1002),
    "ping of 126 bytes": (b"\x89\xfe\x00\x7e\0\0\0\0" + b"?" * 126, 1002),
    "continuation without a message": (serialize_frame(Opcode.CONT, PING), 1002),
    "message within a fragmented one": (
        serialize_frame(Opcode.TEXT, b"{", fin=False) + serialize_frame(Opcode.TEXT, PING),
        1002,
    ),
    "invalid UTF-8": (serialize_frame(Opcode.TEXT, b'{"type":"\xd0"}'), 1007),
    "message of a terabyte": (b"\x81\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0", 1009),
    "fragments that are too large together": (
        serialize_frame(Opcode.TEXT, b"x" * 40_000, fin=False) + serialize_frame(Opcode.CONT, b"x" * 40_000),
        1009,
    ),
    "close with half a code": (serialize_frame(Opcode.CLOSE, b"\x03"), 1002),
    "close with a reserved code": (serialize_frame(Opcode.CLOSE, struct.pack(">H", 1005)), 1002),
    "binary message": (serialize_frame(Opcode.BINARY, PING), 4400),
}


@pytest.mark.parametrize(("sent", "code"), INVALID_FRAMES.values(), ids=INVALID_FRAMES)
async def test_invalid_frame_closes_socket_with_its_code(server: RunningServer, sent: bytes, code: int) -> None:
    async with server.connect() as socket:
        socket.transport.write(sent)
        assert (await wait_closed(socket))[0] == code


async def test_messages_are_read_byte_by_byte_and_many_at_once(server: RunningServer) -> None:
    async with server.connect() as socket:
        for byte in serialize_frame(Opcode.TEXT, PING):
            socket.transport.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert await receive_message(socket) == PONG
        socket.transport.write(serialize_frame(Opcode.TEXT, PING) * 50)
        assert [await receive_message(socket) for _ in range(50)] == [PONG] * 50


@pytest.mark.parametrize("size", [125, 126, 127, 60_000])
async def test_messages_of_any_size_are_read(server: RunningServer, size: int) -> None:
    padded = PING + b" " * (size - len(PING))
    async with server.connect() as socket:
        socket.transport.write(serialize_frame(Opcode.TEXT, padded))
        assert await receive_message(socket) == PONG


@pytest.mark.parametrize("size", [0, 125, 200_000])
async def test_prepared_text_is_framed_once_for_consecutive_sockets_with_a_prefix(size: int) -> None:
    text = PreparedText(b"x" * size)
    for prefix in (b"", b"1", b"22", b""):
        frame = text.build_frame(prefix)
        assert frame == Frame(Opcode.TEXT, prefix + b"x" * size).serialize(mask=False)
        assert text.build_frame(prefix) is frame


async def test_fragments_are_one_message_with_a_ping_between_them(server: RunningServer) -> None:
    async with server.connect() as socket:
        socket.transport.write(serialize_frame(Opcode.TEXT, PING[:5], fin=False))
        await asyncio.wait_for(await socket.ping(b"?"), 60)
        socket.transport.write(serialize_frame(Opcode.CONT, b"", fin=False) + serialize_frame(Opcode.CONT, PING[5:]))
        assert await receive_message(socket) == PONG


async def test_half_closed_socket_is_closed(server: RunningServer) -> None:
    async with server.connect() as socket:
        socket.transport.write_eof()
        assert (await wait_closed(socket))[0] == 1006


class RecordingTransport(asyncio.Transport):
    """Records what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...


async def test_closing_socket_neither_keeps_nor_answers_what_still_arrives() -> None:
    protocol = WebSocketProtocol(uvicorn.Config("unused", ws_max_size=65_536), ServerState(), {})
    transport = RecordingTransport()
    protocol.connection_made(transport)
    protocol.finish_handshake(())
    protocol.attach(NullHandler())
    protocol.close(4400, "enough")
    close_frame = bytes(transport.written)

    for _ in range(100):
        protocol.data_received(serialize_frame(Opcode.TEXT, PING) + serialize_frame(Opcode.PING, b"?"))
        protocol.data_received(serialize_frame(Opcode.TEXT, PING, fin=False) + serialize_frame(Opcode.CONT))

    assert (
        bytes(transport.written)
        == close_frame
        == Frame(Opcode.CLOSE, Close(4400, "enough").serialize()).serialize(mask=False)
    )
    parser = protocol._parser
    assert parser is not None
    assert (parser._fragments, parser.writes, parser.events, bytes(parser.unread_bytes)) == ([], [], [], b"")
    protocol.connection_lost(None)


async def test_parser_is_idle_only_between_messages() -> None:
    parser, text = FrameParser(65_536, ()), serialize_frame(Opcode.TEXT, PING)
    first_fragment = serialize_frame(Opcode.TEXT, PING, fin=False)
    idle_after = []
    for data in (text[:1], text[1:2], text[2:], first_fragment, serialize_frame(Opcode.CONT)):
        parser.unread_bytes += data
        frame = parser.next_frame()
        if frame is not None:
            parser.take_message(frame)
        idle_after.append(parser.is_idle)
    assert idle_after == [False, False, True, False, True]


async def test_released_parser_serves_the_next_socket_with_its_limit_and_extensions() -> None:
    first = FrameParser(65_536, ())
    first.unread_bytes += serialize_frame(Opcode.PING, b"?")
    first.next_frame()
    answers = first.data_to_send()
    FrameParser._spares.clear()
    first.release()
    FrameParser(65_536, ()).release()  # one is kept

    second = FrameParser.acquire(10, ())
    second.unread_bytes += serialize_frame(Opcode.TEXT, b"x" * 11)

    assert (answers, second) == ([Frame(Opcode.PONG, b"?").serialize(mask=False)], first)
    assert FrameParser._spares == []
    assert second.next_frame() is None
    assert second.close_sent is not None
    assert second.close_sent.code == 1009


async def test_parser_hands_out_one_frame_at_a_time_and_answers_nothing_that_lies_behind_it() -> None:
    parser = FrameParser(65_536, ())
    parser.unread_bytes += serialize_frame(Opcode.TEXT, PING) + serialize_frame(Opcode.CLOSE)
    first_frame = parser.next_frame()
    assert first_frame is not None
    assert (first_frame.opcode, parser.data_to_send()) == (Opcode.TEXT, [])
    second_frame = parser.next_frame()
    assert second_frame is not None
    assert (second_frame.opcode, parser.data_to_send()[0]) == (Opcode.CLOSE, b"\x88\x00")


async def test_ping_is_answered_with_its_payload(server: RunningServer) -> None:
    async with server.connect() as socket:
        await asyncio.wait_for(await socket.ping(b"are you there"), 60)


async def test_close_is_answered_with_the_same_code(server: RunningServer) -> None:
    async with server.connect() as socket:
        await socket.close(4999, "enough")
        assert (socket.close_code, socket.close_reason) == (4999, "enough")
        assert socket.protocol.close_rcvd == Close(4999, "enough")


async def test_subscribe_waits_until_connection_is_initialized(server: RunningServer) -> None:
    """Both messages arrive in one packet, and the second needs the result of the first."""
    init = b'{"type":"connection_init","payload":{"Authorization":"Bearer %b"}}' % server.token.encode()
    subscribe = b'{"id":"1","type":"subscribe","payload":{"query":"{ company { name } }"}}'
    async with server.open_socket() as socket:
        socket.transport.write(serialize_frame(Opcode.TEXT, init) + serialize_frame(Opcode.TEXT, subscribe))
        assert [(await receive_message(socket))["type"] for _ in range(3)] == ["connection_ack", "next", "complete"]
