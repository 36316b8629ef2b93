"""Accepts WebSockets at `/graphql`, keeps the list of open ones, and closes those whose client is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import NoReturn

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from resolvers.auth import audit
from server.operation_runner import OperationRunner
from server.requests.client_info import anonymous_client, is_origin_allowed
from server.websocket import close_codes
from server.websocket.graphql_transport_ws import SUBPROTOCOL, GraphQLTransportConnection
from server.websocket.handshake import PROTOCOL_EXTENSION
from server.websocket.protocol import WebSocketProtocol
from server.websocket.shared_subscriptions import SubscriptionRegistry
from server.websocket.socket_limit import SocketLimit

log = logging.getLogger(__name__)


class SocketEndpoint:
    """The WebSockets of one process.

    origins                  allowed values of `Origin`, besides the server's own host.
    ping_seconds             time in which each socket is pinged once.
    max_queued_bytes         of texts that wait for one client.
    max_sockets_per_address  open sockets of one client network.
    """

    def __init__(
        self,
        operation_runner: OperationRunner,
        registry: SubscriptionRegistry,
        *,
        origins: Collection[str],
        ping_seconds: int,
        max_queued_bytes: int,
        max_sockets_per_address: int,
    ) -> None:
        # called with method, path, close code and seconds of each socket that was closed
        self.on_socket_closed: Callable[[str, str, int, float], None] = lambda method, path, status, seconds: None
        self._operation_runner, self._registry, self._origins = operation_runner, registry, origins
        self._ping_seconds, self._max_queued_bytes = ping_seconds, max_queued_bytes
        self._max_sockets_per_address = max_sockets_per_address
        self._socket_limit = SocketLimit(max_sockets_per_address)
        # open sockets, with the `perf_counter` value at which each was opened
        self._connections: dict[GraphQLTransportConnection, float] = {}
        self._all_closed = asyncio.Event()
        self._on_connection_closed = self._remove_connection  # one bound method for all of them

    async def handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept or refuse a WebSocket.

        An accepted one is handed to a `GraphQLTransportConnection` and this coroutine returns: from then on the
        protocol object calls the connection directly, without a task per socket.
        """
        await receive()  # websocket.connect
        headers = Headers(scope=scope)
        client = anonymous_client(scope, headers)
        if not is_origin_allowed(headers, self._origins):
            origin = headers.get("origin", "")[:200]
            audit.log.warning("socket of another origin refused", origin=origin, address=client.address)
            await send({"type": "websocket.close"})  # closing before accepting answers HTTP 403
            return
        if SUBPROTOCOL not in scope["subprotocols"]:
            await _accept_and_close(
                send, None, close_codes.SUBPROTOCOL_NOT_ACCEPTABLE, f"Use the subprotocol {SUBPROTOCOL}"
            )
            return
        if not self._socket_limit.acquire(client.host):
            audit.log.warning("socket over the limit refused", address=client.address)
            reason = f"{self._max_sockets_per_address} connections from this address: close one, or connect again later"
            await _accept_and_close(send, SUBPROTOCOL, close_codes.TRY_AGAIN_LATER, reason)
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        protocol: WebSocketProtocol = scope["extensions"][PROTOCOL_EXTENSION]
        connection = GraphQLTransportConnection(
            self._operation_runner,
            self._registry,
            client,
            headers.get("authorization"),
            protocol,
            self._on_connection_closed,
            max_queued_bytes=self._max_queued_bytes,
        )
        self._connections[connection] = time.perf_counter()
        protocol.attach(connection)

    def _remove_connection(self, connection: GraphQLTransportConnection, code: int) -> None:
        self._socket_limit.release(connection.client.host)
        self.on_socket_closed("WS", "/graphql", code, time.perf_counter() - self._connections.pop(connection))
        if not self._connections:
            self._all_closed.set()

    async def run_keepalive(self) -> NoReturn:
        """Ping every socket once per round and close those that sent nothing since the last ping.

        Each round is spread over its seconds, so that thousands of pings do not delay other work.
        """
        while True:
            connections = list(self._connections)
            batch_size = -(-len(connections) // self._ping_seconds) or 1
            for second in range(self._ping_seconds):
                for connection in connections[second * batch_size : (second + 1) * batch_size]:
                    try:
                        connection.check_alive()
                    except Exception:  # a bug in one socket: the others must be pinged
                        log.exception("A WebSocket could not be pinged.")
                await asyncio.sleep(1)

    async def close_all(self) -> None:
        """Close all sockets with 1012 (Service Restart) and wait until their operations have ended."""
        for connection in list(self._connections):
            connection.close_for_restart()
        while self._connections:
            self._all_closed.clear()
            await self._all_closed.wait()


async def _accept_and_close(send: Send, subprotocol: str | None, code: int, reason: str) -> None:
    """Refuse a WebSocket with a close code: a client sees no reason if the handshake is refused."""
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    await send({"type": "websocket.close", "code": code, "reason": reason})
