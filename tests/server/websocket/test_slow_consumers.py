"""Clients that do not read: their queue is bounded and holds the newest states; in the end they are disconnected."""

from __future__ import annotations

import asyncio
import socket as stdlib_socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Close, Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from resolvers.request.client_info import ClientInfo
from server.websocket.graphql_transport_ws import GraphQLTransportConnection
from server.websocket.protocol import PreparedText, WebSocketProtocol
from server.websocket.send_queue import TEXT_OVERHEAD_BYTES, MemoryBudget

LARGE = b"x" * 1_000_000  # more than the buffers of the transport and the operating system hold together
ACK = b'{"type":"connection_ack"}'
SLOW_CLOSE = (1013, "The client does not read")


class FakeProtocol:
    """Stands in for the WebSocket protocol object; the test decides whether the client reads."""

    def __init__(self) -> None:
        self.write_paused = False
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None

    def send_prepared(self, prefix: bytes, text: PreparedText) -> None:
        self.sent.append(prefix + text.body)

    def send_text(self, text: bytes) -> None:
        assert text == ACK

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


async def open_connection(
    protocol: Any, budget: MemoryBudget | None = None, **options: Any
) -> GraphQLTransportConnection:
    """Return an initialized connection, to which only the test sends texts."""

    async def create_for_request(client: ClientInfo, *, is_query: bool) -> Any:
        return SimpleNamespace(client=client, current_viewer="somebody", language="en")

    operation_runner: Any = SimpleNamespace(context_factory=SimpleNamespace(create_for_request=create_for_request))
    session_permissions = SimpleNamespace(
        position=0,
        register=lambda handler, position: None,
        unregister=lambda handler: None,
        recent_viewers=SimpleNamespace(find=lambda token: None),
    )
    registry: Any = SimpleNamespace(
        session_permissions=session_permissions, memory_budget=budget or MemoryBudget(100_000_000)
    )
    connection = GraphQLTransportConnection(
        operation_runner, registry, ClientInfo(), None, protocol, lambda connection, code: None, **options
    )
    connection.on_message('{"type":"connection_init"}')
    await asyncio.sleep(0)
    return connection


def send_version(connection: GraphQLTransportConnection, state_key: int, version: int, operation_id: str = "1") -> None:
    connection.send_state(
        operation_id, state_key, b"%b:%d:" % (operation_id.encode(), state_key), PreparedText(b"%d" % version)
    )


async def test_slow_client_gets_newest_state_of_each_key_when_it_reads() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol)
    send_version(connection, 1, 1)
    protocol.write_paused = True
    connection.on_write_paused()
    for version in range(2, 50):
        send_version(connection, 1, version)
        send_version(connection, 2, version)
        send_version(connection, 1, version, "other")
    assert protocol.sent == [b"1:1:1"]

    protocol.write_paused = False
    connection.on_writable()
    assert protocol.sent[1:] == [b"1:1:49", b"1:2:49", b"other:1:49"]
    send_version(connection, 1, 50)
    assert protocol.sent[-1] == b"1:1:50"


async def test_queue_is_replaced_by_newest_while_client_reads_slowly() -> None:
    class SlowProtocol(FakeProtocol):
        def send_prepared(self, prefix: bytes, text: PreparedText) -> None:
            super().send_prepared(prefix, text)
            self.write_paused = True

    protocol = SlowProtocol()
    connection = await open_connection(protocol)
    protocol.write_paused = True
    for state in (1, 2, 3):
        send_version(connection, state, 1)
    for version in (2, 3, 4):
        protocol.write_paused = False
        connection.on_writable()
        send_version(connection, 3, version)
    assert protocol.sent == [b"1:1:1", b"1:2:1", b"1:3:3"]


def send_event(connection: GraphQLTransportConnection, position: int, size: int) -> None:
    """Send a new event of this size, with what a queue counts for each text."""
    connection.send_state("1", position, b"", PreparedText(b"x" * (size - TEXT_OVERHEAD_BYTES)))


async def test_client_is_disconnected_when_more_bytes_wait_than_its_limit() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    protocol.write_paused = True
    for position in range(4):
        send_event(connection, position, 2_500)
    closed_when_full = protocol.closed
    send_event(connection, 4, 300)

    assert (closed_when_full, protocol.closed) == (None, SLOW_CLOSE)
    send_event(connection, 5, 300)  # ignored: the connection is closed
    protocol.write_paused = False
    connection.on_writable()
    assert protocol.sent == []


async def test_waiting_state_is_counted_once_however_often_it_is_replaced() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    protocol.write_paused = True
    for size in [4_000, 300] * 50:
        send_event(connection, 1, size)
        send_event(connection, 2, size)

    assert protocol.closed is None


async def test_states_that_the_subscription_stores_anyway_count_little() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    protocol.write_paused = True
    for state in range(10_000 // TEXT_OVERHEAD_BYTES):
        connection.send_state("1", state, b"", PreparedText(b"x" * 5_000), is_stored=True)
    closed_when_full = protocol.closed
    connection.send_state("1", "one more", b"", PreparedText(b"x"), is_stored=True)

    assert (closed_when_full, protocol.closed) == (None, SLOW_CLOSE)


async def test_text_over_the_limit_is_sent_if_it_waits_alone() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    protocol.write_paused = True
    send_event(connection, 1, 50_000)
    send_event(connection, 1, 60_000)  # takes its place
    closed_with_one_text = protocol.closed
    send_event(connection, 2, 300)

    assert (closed_with_one_text, protocol.closed) == (None, SLOW_CLOSE)


async def test_events_buffered_during_a_replay_count_against_the_limit() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    connection.reserve_bytes(9_000)
    connection.reserve_bytes(-9_000)
    connection.reserve_bytes(9_000)
    closed_within_limit = protocol.closed
    connection.reserve_bytes(2_000)

    assert (closed_within_limit, protocol.closed) == (None, SLOW_CLOSE)


async def test_client_with_most_waiting_bytes_is_disconnected_when_the_process_holds_too_many() -> None:
    budget = MemoryBudget(20_000)
    protocols = [FakeProtocol() for _ in range(4)]
    connections = [await open_connection(protocol, budget, max_queued_bytes=15_000) for protocol in protocols]
    for size, protocol, connection in zip((3_000, 9_000, 3_000, 3_000), protocols, connections, strict=True):
        protocol.write_paused = True
        send_event(connection, 1, size)
    closed_within_limit = [protocol.closed for protocol in protocols]
    send_event(connections[3], 2, 4_000)

    assert closed_within_limit == [None] * 4
    assert [protocol.closed for protocol in protocols] == [None, SLOW_CLOSE, None, None]
    assert budget.total_bytes == 13_000
    for connection in connections:
        connection.on_disconnect(1006)
    assert budget.total_bytes == 0


async def test_replay_waits_until_the_client_has_read_half_of_its_queue() -> None:
    protocol = FakeProtocol()
    connection = await open_connection(protocol, max_queued_bytes=10_000)
    protocol.write_paused = True
    for position in range(3):
        send_event(connection, position, 2_500)
    waiting = asyncio.create_task(connection.wait_writable())
    await asyncio.sleep(0.05)
    waited = not waiting.done()
    protocol.write_paused = False
    connection.on_writable()
    await asyncio.wait_for(waiting, 60)

    assert waited
    assert len(protocol.sent) == 3


@asynccontextmanager
async def open_real_connection(
    **options: Any,
) -> AsyncIterator[tuple[GraphQLTransportConnection, stdlib_socket.socket]]:
    """Yield a connection over a real socket pair, and the client's end of it, which reads nothing by itself."""
    config: Any = SimpleNamespace(ws_max_size=65_536, ws_per_message_deflate=False)
    server_state: Any = SimpleNamespace(connections=set(), tasks=set(), default_headers=[])
    server_end, client_end = stdlib_socket.socketpair()
    server_end.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_SNDBUF, 4_096)
    client_end.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        lambda: WebSocketProtocol(config, server_state, {}), sock=server_end
    )
    protocol.finish_handshake([])
    connection = await open_connection(protocol, **options)
    protocol.attach(connection)
    try:
        yield connection, client_end
    finally:
        transport.abort()
        client_end.close()


async def read_frames(client_end: stdlib_socket.socket, last_text: bytes | None = None) -> list[bytes]:
    """Read all texts up to this one, or up to a close frame, whose code and reason come last."""
    client = ClientProtocol(parse_uri("ws://here/"), state=State.OPEN, max_size=None)
    texts: list[bytes] = []
    async with asyncio.timeout(60):
        while client.state is State.OPEN and last_text not in texts:
            client.receive_data(await asyncio.get_running_loop().sock_recv(client_end, 1 << 20))
            texts += [bytes(event.data) for event in client.events_received() if isinstance(event, Frame)]
    return texts


async def test_stuck_client_is_closed_with_try_again_later() -> None:
    async with open_real_connection(timeout=0.2) as (connection, client_end):
        connection.send_state("1", 1, b"1:", PreparedText(LARGE))
        for version in range(3):
            send_version(connection, 2, version)
        while not connection._closed:
            await asyncio.sleep(0.01)
        texts = await read_frames(client_end)

    assert texts == [ACK, b"1:" + LARGE, Close(*SLOW_CLOSE).serialize()]  # the queue was dropped


async def test_client_that_reads_in_time_stays_connected() -> None:
    async with open_real_connection(timeout=5) as (connection, client_end):
        for version in range(3):
            connection.send_state("1", 1, b"1:%d:" % version, PreparedText(LARGE))
            send_version(connection, 2, version)
        texts = await read_frames(client_end, b"1:2:" + LARGE)
        send_version(connection, 2, 3)
        assert await read_frames(client_end, b"1:2:3") == [b"1:2:3"]

    assert texts == [ACK, b"1:0:" + LARGE, b"1:2:2", b"1:2:" + LARGE]
