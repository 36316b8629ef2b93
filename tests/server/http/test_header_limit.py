"""Limits on raw bytes: request heads, WebSocket frames without messages, and bodies that are too large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio
from websockets.frames import Frame, Opcode

from server.http.header_limit import LONGEST_HEAD
from tests.http_server import Served, close_code, hear, say, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = b"GET /health/live HTTP/1.1\r\nhost: here\r\n"
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: here\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("wire")) as found:
        yield found


async def answer(here: Served, parts: Iterable[bytes]) -> bytes:
    """Send the parts over a new connection and return the first bytes of the response."""
    reader, writer = await asyncio.open_connection(*here.address.split(":"))
    try:
        async with asyncio.timeout(10):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            return await reader.read(1000)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD, b"a: ", b"x" * LONGEST_HEAD],
        [HEAD, b"a: b\r\n" * 1_000, b"\r\n"],
        [HEAD + b"a: b\r\n" * 5_000 + b"\r\n"],
        [b"GET /health/live?", b"x" * LONGEST_HEAD],
        [UPGRADE, b"a: ", b"x" * LONGEST_HEAD],
    ],
    ids=["long header", "many headers", "many headers at once", "long URL", "long header of a handshake"],
)
async def test_too_long_a_head_is_answered_with_431(here: Served, parts: list[bytes]) -> None:
    assert (await answer(here, parts)).startswith(b"HTTP/1.1 431")


async def test_a_head_within_the_limit_is_none_of_its_business(here: Served) -> None:
    assert (await answer(here, [HEAD, b"a: ", b"x" * 30_000, b"\r\n\r\n"])).startswith(b"HTTP/1.1 200")
    assert (await answer(here, [HEAD + b"\r\n", HEAD + b"a: " + b"x" * 20_000 + b"\r\n\r\n"])).startswith(
        b"HTTP/1.1 200"
    )


@pytest.mark.parametrize("header", [b"a: " + b"x" * 10_000 + b"\r\n", b"a: b\r\n" * 200], ids=["long", "many"])
async def test_a_handshake_that_the_library_refuses_is_answered_and_not_left_hanging(
    here: Served, header: bytes
) -> None:
    assert (await answer(here, [UPGRADE, header, b"\r\n"])).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.PING, b"")],
        [Frame(Opcode.PONG, b"")],
        [Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 2],
    ],
    ids=["pings", "pongs", "fragments"],
)
async def test_frames_that_are_no_messages_use_up_the_same_budget(here: Served, frames: list[Frame]) -> None:
    first, *more = [frame.serialize(mask=True) for frame in frames]
    async with here.socket() as socket:
        socket.transport.write(first + b"".join(more or [first]) * 400)
        assert await close_code(socket) == (4400, "Too many messages")


async def test_a_message_in_parts_and_a_ping_between_them_is_one_message(here: Served) -> None:
    asked = b'{"id": "1", "type": "subscribe", "payload": {"query": "{ company { name } }"}}'
    frames = [
        Frame(Opcode.TEXT, asked[:20], fin=False),
        Frame(Opcode.PING, b"?"),
        Frame(Opcode.CONT, asked[20:40], fin=False),
        Frame(Opcode.CONT, asked[40:]),
    ]
    async with here.socket() as socket:
        socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
        assert (await hear(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}
        assert (await hear(socket))["type"] == "complete"
        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}


async def test_who_is_still_sending_too_large_a_body_hears_why(here: Served) -> None:
    head = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
    for framed, chunk in ((b"content-length: 20000000", b"x" * 65_536), (b"transfer-encoding: chunked", b"10000\r\n%b\r\n" % (b"x" * 65_536))):  # fmt: skip
        found = await answer(here, [head + framed + b"\r\n\r\n", *[chunk] * 300])
        assert found.startswith(b"HTTP/1.1 413"), framed
        assert b"at most 1000000 bytes" in found
