"""GraphQL over a WebSocket: the server side of graphql-transport-ws, one object per connection.

A violation of the protocol closes the socket with a code and a reason; an error of one operation fails that operation
alone. Queries and mutations run as tasks of their own. Subscriptions join a shared subscription, which runs once for
all sockets with an equal one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Final

import orjson

from domain.errors.operation_errors import Throttled
from domain.messages import gettext_noop
from graph.execution.operations import Operation
from models.db.errors import DatabaseUnavailable
from resolvers.request.client_info import ClientInfo
from resolvers.request.viewer import Viewer
from server.observability import logging as log_setup
from server.observability import prometheus
from server.operation_runner import OperationResult, OperationRunner, count_unparsed_operation
from server.requests.client_info import with_language
from server.requests.request_parsing import ClientMessage, MalformedMessage, parse_message
from server.websocket import close_codes
from server.websocket.authentication import authenticate, authenticate_again
from server.websocket.close_codes import CloseConnection
from server.websocket.protocol import WebSocketProtocol
from server.websocket.running_operations import RunningOperations
from server.websocket.shared_subscriptions import Subscriber, SubscriptionRegistry
from server.websocket.text_sender import TextSender
from server.websocket.token_bucket import TokenBucket
from subscriptions.core.tasks import cancel_and_wait

SUBPROTOCOL: Final = "graphql-transport-ws"
_TOO_MANY: Final = gettext_noop("One socket runs at most {most} operations: complete one first, or open another.")
_FRAME_LIMIT: Final = TokenBucket(burst=300, rate=50)

log = logging.getLogger(__name__)


class GraphQLTransportConnection(TextSender):
    """One client connection.

    authorization   `Authorization` header of the handshake, used if `connection_init` contains no token.
    on_closed       called with the close code once the connection is closed and its tasks have ended.
    timeout         seconds for `connection_init` to arrive, and for a slow client to read what was sent.
    max_operations  operations that may run at the same time.
    max_queued_bytes  of texts that wait until the client reads.

    Messages are handled one at a time: reading is paused while one of them needs to wait (`_start_handling`), so
    that a `subscribe` right behind `connection_init` finds the connection initialized.
    """

    __slots__ = (
        "_authorization", "_current_task", "_frames_full_at", "_init_received", "_initialized", "_max_operations",
        "_on_closed", "_operation_runner", "_registry", "_running_operations", "_subscribers", "_timeout", "_timer",
        "client", "viewer",
    )  # fmt: skip

    def __init__(
        self,
        operation_runner: OperationRunner,
        registry: SubscriptionRegistry,
        client: ClientInfo,
        authorization: str | None,
        protocol: WebSocketProtocol,
        on_closed: Callable[[GraphQLTransportConnection, int], None],
        *,
        timeout: float = 10,
        max_operations: int = 256,
        max_queued_bytes: int = 4_000_000,
    ) -> None:
        self._operation_runner, self._registry = operation_runner, registry
        super().__init__(protocol, registry.memory_budget, max_queued_bytes)
        self.client, self._authorization, self._on_closed = client, authorization, on_closed
        self._timeout, self._max_operations = timeout, max_operations
        self._frames_full_at = 0.0
        self._subscribers: dict[str, Subscriber] = {}
        self._running_operations: RunningOperations | None = None  # created with the first query or mutation
        self._current_task: asyncio.Task[None] | None = None
        self._init_received = self._initialized = False
        self._timer: asyncio.TimerHandle | None = None
        self.viewer: Viewer
        prometheus.OPEN_SOCKETS.inc()
        self._set_timer(self._on_init_timeout)

    # Incoming messages

    def on_message(self, text: str | None) -> None:
        if not self._count_frame():
            return
        try:
            client_message = parse_message(text)
        except MalformedMessage as error:
            self.close(close_codes.INVALID_MESSAGE, error.reason)
            return
        try:
            self._handle_message(client_message)
        except Exception as error:  # noqa: BLE001 - it closes this socket only
            self._close_after(error)

    def _handle_message(self, message: ClientMessage) -> None:
        match message.type:
            case "connection_init":
                self._init_received = True
                self._set_timer(None)  # however long authentication takes: that is not the client's fault
                if not self._initialize_again(message):
                    self._start_handling(self._initialize(message))
            case "ping" if self._initialized and message.authorization is not None:
                self._start_handling(self._renew_token(message.authorization))
            case "ping":
                self._send_text(b'{"type":"pong"}')
            case "subscribe":
                self._subscribe(message)
            case "complete":
                self._complete(message.id)

    def on_control_frame(self) -> None:
        self._count_frame()

    def _count_frame(self) -> bool:
        """Count a frame for the rate limit; close the connection and return False if there are too many."""
        full_at = _FRAME_LIMIT.consume(self._frames_full_at)
        if full_at is None:
            self.close(close_codes.INVALID_MESSAGE, "Too many messages")
            return False
        self._frames_full_at = full_at
        return True

    def _start_handling(self, handler: Coroutine[object, None, None]) -> None:
        """Run the handler of a message as a task, with reading paused until it is done."""
        self._protocol.pause_reading()
        self._current_task = asyncio.create_task(self._run_handler(handler), name="socket message")

    async def _run_handler(self, handler: Coroutine[object, None, None]) -> None:
        failure: Exception | None = None
        try:
            await handler
        except Exception as error:  # noqa: BLE001 - it closes this socket only
            failure = error
        self._current_task = None
        if failure is not None:
            self._close_after(failure)
        else:
            self._protocol.resume_reading()

    def _close_after(self, error: Exception) -> None:
        """Close the connection because of an error in handling a message."""
        if isinstance(error, CloseConnection):
            self.close(error.code, error.reason)
        else:  # a bug closes this socket only; the client will reconnect
            log.error("Handling a WebSocket message failed.", exc_info=error)
            self.close(close_codes.TRY_AGAIN_LATER, "Internal error: connect again after a pause")

    # Closing

    def close(self, code: int, reason: str) -> None:
        """Close the connection. Only the first call has an effect."""
        if self._closed:
            return
        if code == close_codes.INVALID_MESSAGE:
            log.info("A WebSocket was closed for an invalid message: %s.", reason)
        self._protocol.close(code, reason)
        self.on_disconnect(code)

    def close_for_restart(self) -> None:
        self.close(close_codes.SERVICE_RESTART, "The server restarts: connect again after a random pause")

    def on_disconnect(self, code: int) -> None:
        """End the client's subscriptions and queries; let its mutations finish."""
        if self._closed:
            return
        self._closed = True
        self._set_timer(None)
        prometheus.OPEN_SOCKETS.dec()
        self._registry.session_permissions.unregister(self)
        for subscriber in self._subscribers.values():
            self._registry.unsubscribe(subscriber)
        self._subscribers.clear()
        self._clear_queue()
        if self._current_task is not None or self._running_operations is not None:
            self._current_task = asyncio.create_task(self._finish_tasks(self._current_task, code), name="socket's end")
        else:
            self._on_closed(self, code)

    async def _finish_tasks(self, current_task: asyncio.Task[None] | None, code: int) -> None:
        if current_task is not None:
            await cancel_and_wait(current_task)
        if self._running_operations is not None:
            await self._running_operations.stop()
        self._current_task = None
        self._on_closed(self, code)

    def _set_timer(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` after the timeout, in place of the previous one; None only cancels that."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._timeout, callback) if callback else None

    def _on_init_timeout(self) -> None:
        self.close(close_codes.INIT_TIMEOUT, "Connection initialisation timeout")

    # connection_init

    async def _initialize(self, message: ClientMessage) -> None:
        """Authenticate the client by the token in `connection_init`, or else by that of the handshake."""
        if self._initialized:
            raise CloseConnection(close_codes.TOO_MANY_INITS, "Too many initialisation requests")
        client = with_language(self.client, message.payload or {})
        position = self._registry.session_permissions.position
        try:
            authorization = self._authorization if message.authorization is None else message.authorization
            client, viewer = await authenticate(self._operation_runner.context_factory, client, authorization)
        except DatabaseUnavailable as error:
            log.warning("A WebSocket was refused: the database is away (%r).", error)
            raise CloseConnection(close_codes.TRY_AGAIN_LATER, "The database cannot be reached at the moment") from None
        if self._closed:
            return
        if client.token is not None:
            self._registry.session_permissions.recent_viewers.add(client.token, viewer, position)
        self._finish_initialization(client, viewer, position)

    def _initialize_again(self, message: ClientMessage) -> bool:
        """Accept a client whose token was checked lately, at once; return whether it was."""
        if self._initialized:
            return False
        permissions = self._registry.session_permissions
        client = with_language(self.client, message.payload or {})
        authorization = self._authorization if message.authorization is None else message.authorization
        authenticated = authenticate_again(permissions.recent_viewers, client, authorization)
        if authenticated is None:
            return False
        self._finish_initialization(*authenticated, permissions.position)
        return True

    def _finish_initialization(self, client: ClientInfo, viewer: Viewer, position: int | None) -> None:
        """Go on with this viewer; `position` as for `SessionPermissions.register`."""
        self.client, self.viewer = client, viewer
        self._registry.session_permissions.register(self, position)
        self._initialized = True
        self._authorization = None
        self._send_text(b'{"type":"connection_ack"}')

    async def _renew_token(self, authorization: object) -> None:
        """Go on with the new token of a `ping`, and answer with the time at which the token in use expires.

        While the database is away, the old token stays in use, and the client may try again.
        """
        position = self._registry.session_permissions.position
        try:
            client, viewer = await authenticate(self._operation_runner.context_factory, self.client, authorization)
        except DatabaseUnavailable as error:
            log.warning("A token of a WebSocket was not renewed: the database is away (%r).", error)
        else:
            if viewer.key != self.viewer.key:
                raise CloseConnection(close_codes.FORBIDDEN, "FORBIDDEN: this token belongs to another viewer")
            if self._closed:
                return
            self.client = client
            self.on_viewer_changed(viewer)
            self._registry.session_permissions.renew(self, position)
        self._send_message({"type": "pong", "payload": {"expiresAt": self.viewer.expires_at}})

    # Permissions

    def on_viewer_changed(self, viewer: Viewer) -> None:
        """Take the viewer with their current permissions; subscriptions may then belong to another shared one."""
        self.viewer = viewer
        for subscriber in tuple(self._subscribers.values()):
            self._registry.reassign(subscriber)

    def on_token_expired(self) -> None:
        """Close the connection: the client has handed over no newer token in time."""
        self.close(close_codes.FORBIDDEN, "TOKEN_EXPIRED: the access token has expired: refresh the session")

    def on_session_ended(self) -> None:
        """Close the connection: its session or device is no longer valid."""
        self.close(close_codes.FORBIDDEN, "UNAUTHENTICATED: this session has ended")

    # Operations

    def _subscribe(self, message: ClientMessage) -> None:
        """Start an operation: a query or mutation as a task, a subscription as a subscriber of a shared one."""
        assert message.request is not None, "it was parsed"
        if not self._initialized:
            raise CloseConnection(close_codes.UNAUTHORIZED, "Unauthorized")
        running = self._running_operations or ()
        if message.id in running or message.id in self._subscribers:
            raise CloseConnection(close_codes.SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        try:
            if len(running) + len(self._subscribers) >= self._max_operations:
                raise Throttled(_TOO_MANY, most=self._max_operations)
            operation = self._operation_runner.parse_socket_operation(message.request)
        except Exception as error:  # noqa: BLE001 - it becomes the operation's result
            count_unparsed_operation()
            with log_setup.start_request() as request:
                client = replace(self.client, request_id=request.id)
                self._send_error(message.id, self._operation_runner.make_error_result(error, client))
            return
        if operation.kind != "subscription":
            self._start_operation(message.id, operation)
        elif self._registry.session_permissions.all_verified:
            self._add_subscriber(message.id, operation)
        else:
            self._start_handling(self._add_subscriber_when_verified(message.id, operation))

    async def _add_subscriber_when_verified(self, operation_id: str, operation: Operation) -> None:
        await self._registry.session_permissions.wait_until_verified()
        if not self._closed:
            self._add_subscriber(operation_id, operation)

    def _add_subscriber(self, operation_id: str, operation: Operation) -> None:
        subscriber = self._subscribers[operation_id] = Subscriber(self, operation_id, operation)
        self._registry.subscribe(subscriber)

    def _complete(self, operation_id: str) -> None:
        """End an operation that the client completed."""
        subscriber = self._subscribers.pop(operation_id, None)
        if subscriber is not None:
            self._registry.unsubscribe(subscriber)
            if self._send_queue is not None:
                self._send_queue.discard(operation_id)
        if self._running_operations is not None:
            self._running_operations.complete(operation_id)

    def _start_operation(self, operation_id: str, operation: Operation) -> None:
        """Run a query or mutation as a task, and send its result."""
        if self._running_operations is None:
            self._running_operations = RunningOperations()
        with log_setup.start_request() as request:
            log_setup.set_operation_name(operation.name or operation.field_name)
            client = replace(self.client, request_id=request.id)
            execution = self._execute(operation_id, operation, client, self._running_operations)
            self._running_operations.start(operation_id, execution, is_mutation=operation.kind == "mutation")

    async def _execute(
        self, operation_id: str, operation: Operation, client: ClientInfo, running: RunningOperations
    ) -> None:
        result = await self._operation_runner.execute(operation, client)
        await self.wait_writable()
        if not running.finish_current(operation_id):
            return
        if "data" in result.payload:
            self._send_message({"id": operation_id, "type": "next", "payload": orjson.Fragment(result.body)})
            self._send_message({"id": operation_id, "type": "complete"})
        else:
            self._send_error(operation_id, result)

    def fail_subscription(self, subscriber: Subscriber, result: OperationResult) -> None:
        """Send the error that ended a subscription."""
        if self._subscribers.get(subscriber.id) is subscriber:
            del self._subscribers[subscriber.id]
            prometheus.OPEN_SUBSCRIPTIONS.dec()
            self._send_error(subscriber.id, result)

    def _send_error(self, operation_id: str, result: OperationResult) -> None:
        self._send_message({"id": operation_id, "type": "error", "payload": result.payload["errors"]})

    def _send_message(self, message: Mapping[str, object]) -> None:
        self._send_text(orjson.dumps(message))

    # Clients that read slowly, or no longer

    def on_write_paused(self) -> None:
        """Start the timeout of a slow client, unless one is running."""
        if self._timer is None:
            self._set_timer(self.close_slow_consumer)

    def on_writable(self) -> None:
        """Send queued texts until the client stops reading again."""
        if self._init_received:
            self._set_timer(None)
        self._send_queued()

    def check_alive(self) -> None:
        """Ping the client; close the connection if nothing arrived since the last call."""
        if not self._closed and not self._protocol.ping():
            self.close(close_codes.GOING_AWAY, "No answer to a ping: connect again")

    def close_slow_consumer(self) -> None:
        """Disconnect a client that does not read."""
        self.close(close_codes.TRY_AGAIN_LATER, "The client does not read")
