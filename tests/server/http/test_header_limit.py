"""Limits on raw bytes: request heads, WebSocket frames without messages, and bodies that are too large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio
from websockets.frames import Frame, Opcode

from server.http.header_limit import MAX_HEAD_BYTES
from tests.http_server import RunningServer, receive_message, run_test_server, send_message, wait_closed

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_HEAD = b"GET /health/live HTTP/1.1\r\nhost: here\r\n"
UPGRADE_HEAD = (
    b"GET /graphql HTTP/1.1\r\nhost: here\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("wire")) as running:
        yield running


async def send_raw(server: RunningServer, parts: Iterable[bytes]) -> bytes:
    """Send the parts over a new connection and return the first bytes of the response."""
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    try:
        async with asyncio.timeout(60):
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
        [REQUEST_HEAD, b"a: ", b"x" * MAX_HEAD_BYTES],
        [REQUEST_HEAD, b"a: b\r\n" * 1_000, b"\r\n"],
        [REQUEST_HEAD + b"a: b\r\n" * 5_000 + b"\r\n"],
        [b"GET /health/live?", b"x" * MAX_HEAD_BYTES],
        [UPGRADE_HEAD, b"a: ", b"x" * MAX_HEAD_BYTES],
    ],
    ids=["long header", "many headers", "many headers at once", "long URL", "long header of a handshake"],
)
async def test_request_head_over_limit_gets_431(server: RunningServer, parts: list[bytes]) -> None:
    assert (await send_raw(server, parts)).startswith(b"HTTP/1.1 431")


async def test_request_head_within_limit_is_accepted(server: RunningServer) -> None:
    assert (await send_raw(server, [REQUEST_HEAD, b"a: ", b"x" * 30_000, b"\r\n\r\n"])).startswith(b"HTTP/1.1 200")
    assert (
        await send_raw(server, [REQUEST_HEAD + b"\r\n", REQUEST_HEAD + b"a: " + b"x" * 20_000 + b"\r\n\r\n"])
    ).startswith(b"HTTP/1.1 200")


START = b"GET /health/live HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        START,
        START + b"host: here\r\nhost: here\r\n",
        START + b"Host: here\r\nhOST: there\r\n",
        START + b"host:\r\n",
        START + b"host: here/there\r\n",
        START + b"host: user@here\r\n",
        START + b"host: here, there\r\n",
        START + b"host: here:port\r\n",
        REQUEST_HEAD + b"authorization: Bearer a\r\nauthorization: Bearer b\r\n",
        REQUEST_HEAD + b"content-type: application/json\r\ncontent-type: text/plain\r\n",
        REQUEST_HEAD + b"origin: http://here\r\norigin: http://there\r\n",
        UPGRADE_HEAD.replace(b"host: here\r\n", b""),
        UPGRADE_HEAD + b"host: there\r\n",
        REQUEST_HEAD.replace(b"1.1", b"1.0") + b"host: there\r\n",
    ],
)
async def test_request_without_a_single_valid_host_gets_400(server: RunningServer, head: bytes) -> None:
    response = await send_raw(server, [head + b"\r\n"])

    assert response.startswith(b"HTTP/1.1 400")
    assert b"Send the header" in response


POST = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
SECOND_REQUEST = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nhost: here\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"content-length: 4\r\ncontent-length: 5\r\n",
        b"content-length: +4\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding : chunked\r\n",
        b"x: a\r\n transfer-encoding: chunked\r\n",
    ],
)
async def test_request_whose_end_is_ambiguous_gets_400(server: RunningServer, head: bytes) -> None:
    """A proxy might see another end of the request, and so another sender of what follows."""
    response = await send_raw(server, [POST + head + b"\r\n" + SECOND_REQUEST])

    assert response.startswith(b"HTTP/1.1 400")
    assert response.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("host", [b"here", b"127.0.0.1:8000", b"[::1]:8000", b"a-b.example.com", b"here:"])
async def test_request_with_a_valid_host_is_answered(server: RunningServer, host: bytes) -> None:
    assert (await send_raw(server, [START + b"host: %b\r\n\r\n" % host])).startswith(b"HTTP/1.1 200")


async def test_http_1_0_request_needs_no_host(server: RunningServer) -> None:
    assert (await send_raw(server, [b"GET /health/live HTTP/1.0\r\n\r\n"])).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("header", [b"a: " + b"x" * 10_000 + b"\r\n", b"a: b\r\n" * 200], ids=["long", "many"])
async def test_handshake_refused_by_library_gets_431(server: RunningServer, header: bytes) -> None:
    assert (await send_raw(server, [UPGRADE_HEAD, header, b"\r\n"])).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.PING, b"")],
        [Frame(Opcode.PONG, b"")],
        [Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 2],
    ],
    ids=["pings", "pongs", "fragments"],
)
async def test_control_frames_and_fragments_count_against_rate_limit(
    server: RunningServer, frames: list[Frame]
) -> None:
    first, *more = [frame.serialize(mask=True) for frame in frames]
    async with server.connect() as socket:
        socket.transport.write(first + b"".join(more or [first]) * 400)
        assert await wait_closed(socket) == (4400, "Too many messages")


async def test_fragmented_message_with_ping_in_between_is_one_message(server: RunningServer) -> None:
    subscribe = b'{"id": "1", "type": "subscribe", "payload": {"query": "{ company { name } }"}}'
    frames = [
        Frame(Opcode.TEXT, subscribe[:20], fin=False),
        Frame(Opcode.PING, b"?"),
        Frame(Opcode.CONT, subscribe[20:40], fin=False),
        Frame(Opcode.CONT, subscribe[40:]),
    ]
    async with server.connect() as socket:
        socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
        assert (await receive_message(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}
        assert (await receive_message(socket))["type"] == "complete"
        await send_message(socket, type="ping")
        assert await receive_message(socket) == {"type": "pong"}


async def test_client_still_sending_large_body_receives_413(server: RunningServer) -> None:
    head = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
    for framing_header, chunk in ((b"content-length: 20000000", b"x" * 65_536), (b"transfer-encoding: chunked", b"10000\r\n%b\r\n" % (b"x" * 65_536))):  # fmt: skip
        response = await send_raw(server, [head + framing_header + b"\r\n\r\n", *[chunk] * 300])
        assert response.startswith(b"HTTP/1.1 413"), framing_header
        assert b"at most 1000000 bytes" in response
