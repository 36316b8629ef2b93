"""The time limit for `connection_init`, and tokens that cannot be checked while the database is away."""

from __future__ import annotations

import asyncio
import socket as stdlib_socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
import uvloop
from websockets.frames import Close, Frame, Opcode

from models.db.errors import DatabaseUnavailable
from resolvers.request.client_info import ClientInfo
from server.clock import utc_now
from server.websocket.graphql_transport_ws import GraphQLTransportConnection
from server.websocket.presence_reporter import PresenceReporter
from server.websocket.protocol import WebSocketProtocol
from server.websocket.send_queue import MemoryBudget
from server.websocket.session_permissions import SessionPermissions
from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import create_broadcast
from tests.server.websocket.test_slow_consumers import ACK, read_frames

INIT = b'{"type":"connection_init"}'
VIEWER = SimpleNamespace(key="device:1", id=None, employee=None, device=None, expires_at=None)


class FakePermissions:
    position = 0
    recent_viewers = SimpleNamespace(find=lambda token: None, add=lambda token, viewer, position: None)

    def register(self, handler: Any, position: int | None) -> None: ...

    def renew(self, handler: Any, position: int | None) -> None: ...

    def unregister(self, handler: Any) -> None: ...


async def open_socket(
    authenticate: Callable[[], Awaitable[None]], timeout: float
) -> tuple[asyncio.Transport, stdlib_socket.socket]:
    """Open a connection over a socket pair; return its transport and the client's end.

    authenticate  called when a token is checked
    """

    async def create_for_request(client: ClientInfo, *, is_query: bool) -> Any:
        await authenticate()
        return SimpleNamespace(client=client, current_viewer=VIEWER, language="en")

    operation_runner: Any = SimpleNamespace(context_factory=SimpleNamespace(create_for_request=create_for_request))
    registry: Any = SimpleNamespace(session_permissions=FakePermissions(), memory_budget=MemoryBudget(1_000_000))
    config: Any = SimpleNamespace(ws_max_size=65_536, ws_per_message_deflate=False)
    server_state: Any = SimpleNamespace(connections=set(), tasks=set(), default_headers=[])
    server_end, client_end = stdlib_socket.socketpair()
    client_end.setblocking(False)
    transport, protocol = await asyncio.get_running_loop().create_connection(
        lambda: WebSocketProtocol(config, server_state, {}), sock=server_end
    )
    protocol.finish_handshake([])
    protocol.attach(
        GraphQLTransportConnection(
            operation_runner, registry, ClientInfo(), None, protocol, lambda connection, code: None, timeout=timeout
        )
    )
    return transport, client_end


def frame(text: bytes) -> bytes:
    return Frame(Opcode.TEXT, text).serialize(mask=True)


async def test_client_without_connection_init_is_closed_with_4408() -> None:
    transport, client_end = await open_socket(lambda: asyncio.sleep(0), timeout=0.3)
    texts = await read_frames(client_end)

    assert texts == [Close(4408, "Connection initialisation timeout").serialize()]
    transport.abort()
    client_end.close()


async def test_client_is_acknowledged_however_long_the_database_takes_after_connection_init() -> None:
    transport, client_end = await open_socket(lambda: asyncio.sleep(1), timeout=0.3)
    client_end.send(frame(INIT))
    texts = await read_frames(client_end, ACK)

    assert texts == [ACK]
    transport.abort()
    client_end.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_connection_init_that_arrived_while_the_process_was_frozen_is_read_before_the_timeout(
    run: Callable[..., list[bytes]],
) -> None:
    async def receive_after_freeze() -> list[bytes]:
        transport, client_end = await open_socket(lambda: asyncio.sleep(0), timeout=0.3)
        await asyncio.sleep(0.05)
        client_end.send(frame(INIT))
        time.sleep(1)  # noqa: ASYNC251 - the event loop stands still
        texts = await read_frames(client_end, ACK)
        transport.abort()
        client_end.close()
        return texts

    assert run(receive_after_freeze()) == [ACK]


async def test_token_stays_in_use_when_the_database_is_away_as_a_new_one_arrives() -> None:
    is_away = False

    async def authenticate() -> None:
        if is_away:
            raise DatabaseUnavailable("ConnectionRefusedError")

    transport, client_end = await open_socket(authenticate, timeout=5)
    client_end.send(frame(INIT))
    await read_frames(client_end, ACK)
    is_away = True
    client_end.send(frame(b'{"type":"ping","payload":{"Authorization":"Bearer x"}}'))
    pong = b'{"type":"pong","payload":{"expiresAt":null}}'
    texts = await read_frames(client_end, pong)

    assert texts == [pong]
    transport.abort()
    client_end.close()


async def test_internal_error_closes_with_a_code_after_which_client_libraries_connect_again() -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    transport, client_end = await open_socket(fail, timeout=5)
    client_end.send(frame(INIT))
    texts = await read_frames(client_end)

    assert texts == [Close(1013, "Internal error: connect again after a pause").serialize()]
    transport.abort()
    client_end.close()


async def test_viewer_is_checked_again_when_news_arrived_while_the_token_was_checked() -> None:
    hub = Hub(create_broadcast(None), AsyncMock(return_value=[]), AsyncMock(return_value=0))
    permissions = SessionPermissions(hub, utc_now, PresenceReporter(utc_now))
    handlers = [Mock(viewer=VIEWER), Mock(viewer=VIEWER)]
    permissions.register(handlers[0], permissions.position)
    verified_without_news = not permissions._unverified
    position = permissions.position
    hub._position = 7
    permissions.register(handlers[1], position)

    assert verified_without_news
    assert list(permissions._unverified) == [handlers[1]]
