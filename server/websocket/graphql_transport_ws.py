"""GraphQL over a WebSocket: the server side of graphql-transport-ws, one object per connection.

A violation of the protocol closes the socket with a code and a reason; an error of one operation fails that operation
alone. Queries and mutations run as tasks of their own. Subscriptions join a shared subscription, which runs once for
all sockets with an equal one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
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
from server.requests.request_parsing import ClientMessage, MalformedMessage, parse_message, parse_request
from server.websocket import close_codes
from server.websocket.authentication import authenticate
from server.websocket.close_codes import CloseConnection
from server.websocket.protocol import PreparedText, WebSocketProtocol
from server.websocket.send_queue import TEXT_OVERHEAD_BYTES, SendQueue, size_of_text
from server.websocket.shared_subscriptions import Subscriber, SubscriptionRegistry
from server.websocket.token_bucket import TokenBucket
from subscriptions.core.tasks import cancel_and_wait

SUBPROTOCOL: Final = "graphql-transport-ws"
_TOO_MANY: Final = gettext_noop("One socket runs at most {most} operations: complete one first, or open another.")

log = logging.getLogger(__name__)


class GraphQLTransportConnection:
    """One client connection.

    authorization   `Authorization` header of the handshake, used if `connection_init` contains no token.
    on_closed       called with the close code once the connection is closed and its tasks have ended.
    timeout         seconds for `connection_init` to arrive, and for a slow client to read what was sent.
    max_operations  operations that may run at the same time.
    max_queued_bytes  of texts that wait until the client reads.

    Shared subscriptions push states and events. While the client reads, they are written at once. While it does not,
    they are queued, a newer state replacing the queued one, so that a slow client costs bounded memory and still gets
    the last state; a client that stays slow is disconnected. Results of queries and mutations wait for the client
    before they are encoded.

    Messages are handled one at a time: reading is paused while one of them needs to wait (`_start_handling`), so
    that a `subscribe` right behind `connection_init` finds the connection initialized.
    """

    __slots__ = (
        "_authorization", "_closed", "_current_task", "_init_received", "_initialized", "_max_operations",
        "_max_queued_bytes", "_mutation_tasks", "_on_closed", "_operation_runner", "_operation_tasks", "_protocol",
        "_queue_drained", "_registry", "_send_queue", "_subscribers", "_timeout", "_timer", "_token_bucket", "client",
        "viewer",
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
        self.client, self._authorization = client, authorization
        self._protocol, self._on_closed = protocol, on_closed
        self._timeout, self._max_operations, self._max_queued_bytes = timeout, max_operations, max_queued_bytes
        self._token_bucket = TokenBucket(burst=300, rate=50)
        self._subscribers: dict[str, Subscriber] = {}
        self._operation_tasks: dict[str, asyncio.Task[None]] = {}
        self._mutation_tasks: set[asyncio.Task[None]] = set()  # mutations: never cancelled, whatever the client does
        self._send_queue: SendQueue | None = None  # created when the client is slow for the first time
        self._queue_drained: asyncio.Event | None = None
        self._current_task: asyncio.Task[None] | None = None
        self._init_received = self._initialized = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self.viewer: Viewer
        prometheus.OPEN_SOCKETS.inc()
        self._set_timer(self._on_init_timeout)

    # Incoming messages

    def on_message(self, text: str | None) -> None:
        if not self._token_bucket.consume():
            self.close(close_codes.INVALID_MESSAGE, "Too many messages")
            return
        try:
            client_message = parse_message(text)
        except MalformedMessage as error:
            self.close(close_codes.INVALID_MESSAGE, error.reason)
            return
        match client_message.type:
            case "connection_init":
                self._init_received = True
                self._set_timer(None)  # however long authentication takes: that is not the client's fault
                self._start_handling(self._initialize(client_message))
            case "ping" if self._initialized and client_message.authorization is not None:
                self._start_handling(self._renew_token(client_message.authorization))
            case "ping":
                self._send_text(b'{"type":"pong"}')
            case "subscribe":
                self._start_handling(self._subscribe(client_message))
            case "complete":
                self._complete(client_message.id)

    def on_control_frame(self) -> None:
        if not self._token_bucket.consume():
            self.close(close_codes.INVALID_MESSAGE, "Too many messages")

    def _start_handling(self, handler: Coroutine[object, None, None]) -> None:
        """Run the handler of a message as a task, with reading paused until it is done."""
        self._protocol.pause_reading()
        self._current_task = asyncio.create_task(self._run_handler(handler), name="socket message")

    async def _run_handler(self, handler: Coroutine[object, None, None]) -> None:
        close_request: CloseConnection | None = None
        try:
            await handler
        except CloseConnection as error:
            close_request = error
        except Exception:  # a bug closes this socket only; the client will reconnect
            log.exception("Handling a WebSocket message failed.")
            close_request = CloseConnection(close_codes.TRY_AGAIN_LATER, "Internal error: connect again after a pause")
        self._current_task = None
        if close_request is not None:
            self.close(close_request.code, close_request.reason)
        else:
            self._protocol.resume_reading()

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
        if self._send_queue is not None:
            self._send_queue.clear()
        self._notify_writable()
        tasks = [task for task in self._operation_tasks.values() if task not in self._mutation_tasks]
        if self._current_task is not None:
            tasks.append(self._current_task)
        if tasks or self._mutation_tasks:
            self._current_task = asyncio.create_task(self._finish_tasks(tasks, code), name="socket's end")
        else:
            self._on_closed(self, code)

    async def _finish_tasks(self, tasks: Sequence[asyncio.Task[None]], code: int) -> None:
        await cancel_and_wait(*tasks)
        if self._mutation_tasks:
            await asyncio.wait(self._mutation_tasks)
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

    async def _subscribe(self, message: ClientMessage) -> None:
        """Start an operation: a query or mutation as a task, a subscription as a subscriber of a shared one."""
        if not self._initialized:
            raise CloseConnection(close_codes.UNAUTHORIZED, "Unauthorized")
        if message.id in self._operation_tasks or message.id in self._subscribers:
            raise CloseConnection(close_codes.SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        with log_setup.start_request() as request:
            client = replace(self.client, request_id=request.id)
            try:
                if len(self._operation_tasks) + len(self._subscribers) >= self._max_operations:
                    raise Throttled(_TOO_MANY, most=self._max_operations)
                operation = self._operation_runner.parse_operation(parse_request(message.payload))
            except Exception as error:  # noqa: BLE001 - it becomes the operation's result
                count_unparsed_operation()
                self._send_error(message.id, self._operation_runner.make_error_result(error, client))
                return
            if operation.kind != "subscription":
                self._operation_tasks[message.id] = asyncio.create_task(
                    self._execute(message.id, operation, client), name="socket operation"
                )
                return
        await self._registry.session_permissions.wait_until_verified()
        if self._closed:
            return
        subscriber = self._subscribers[message.id] = Subscriber(self, message.id, operation)
        self._registry.subscribe(subscriber)

    def _complete(self, operation_id: str) -> None:
        """End an operation that the client completed; a mutation runs on, but its result is dropped."""
        subscriber = self._subscribers.pop(operation_id, None)
        if subscriber is not None:
            self._registry.unsubscribe(subscriber)
            if self._send_queue is not None:
                self._send_queue.discard(operation_id)
        task = self._operation_tasks.pop(operation_id, None)
        if task is not None and task not in self._mutation_tasks:
            task.cancel()

    async def _execute(self, operation_id: str, operation: Operation, client: ClientInfo) -> None:
        """Run a query or mutation and send its result."""
        this_task = asyncio.current_task()
        if operation.kind == "mutation" and this_task is not None:
            self._mutation_tasks.add(this_task)  # a mutation must not stop halfway because the client disconnects
            this_task.add_done_callback(self._mutation_tasks.discard)
        result = await self._operation_runner.execute(operation, client)
        await self.wait_writable()
        if self._operation_tasks.get(operation_id) is not this_task:
            return  # completed by the client meanwhile; the id may already belong to another operation
        del self._operation_tasks[operation_id]
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

    # Sending

    def send_state(
        self, operation_id: str, state_key: Hashable, prefix: bytes, text: PreparedText, *, is_stored: bool = False
    ) -> None:
        """Send a text of a subscription, or queue it while the client does not read.

        state_key  a queued text of the same operation and key is replaced. An event has its position as the key.
        is_stored  whether the text is the last one of a state, which the shared subscription keeps in any case
        """
        if self._closed:
            return
        if self._protocol.write_paused:
            size = TEXT_OVERHEAD_BYTES if is_stored else size_of_text(text)
            self._enqueue((operation_id, state_key), prefix, text, size)
        else:
            self._protocol.send_prepared(prefix, text)

    def _send_text(self, text: bytes) -> None:
        """Send or queue a text that is never replaced."""
        if self._closed:
            return
        if self._protocol.write_paused:
            self._enqueue(object(), b"", PreparedText(text), len(text) + TEXT_OVERHEAD_BYTES)
        else:
            self._protocol.send_text(text)

    def _enqueue(self, slot: Hashable, prefix: bytes, text: PreparedText, size: int) -> None:
        if not self._get_send_queue().put(slot, prefix, text, size):
            self.close_slow_consumer()

    def _get_send_queue(self) -> SendQueue:
        if self._send_queue is None:
            self._send_queue = SendQueue(self._registry.memory_budget, self._max_queued_bytes, self.close_slow_consumer)
        return self._send_queue

    def reserve_bytes(self, difference: int) -> None:
        """Count bytes that wait for this client outside its queue, or no longer (negative)."""
        if not self._closed and not self._get_send_queue().reserve(difference):
            self.close_slow_consumer()

    def on_write_paused(self) -> None:
        """Start the timeout of a slow client, unless one is running."""
        if self._timer is None:
            self._set_timer(self.close_slow_consumer)

    def on_writable(self) -> None:
        """Send queued texts until the client stops reading again."""
        if self._init_received:
            self._set_timer(None)
        while self._send_queue and not self._protocol.write_paused:
            self._protocol.send_prepared(*self._send_queue.pop())
        self._notify_writable()

    def _notify_writable(self) -> None:
        if self._queue_drained is not None:
            self._queue_drained.set()
            self._queue_drained = None

    async def wait_writable(self) -> None:
        """Wait until at most half of the queue is full; back-pressure for results and for missed events."""
        while self._send_queue is not None and self._send_queue.size > self._max_queued_bytes // 2:
            self._queue_drained = self._queue_drained or asyncio.Event()
            await self._queue_drained.wait()

    def check_alive(self) -> None:
        """Ping the client; close the connection if nothing arrived since the last call."""
        if not self._closed and not self._protocol.ping():
            self.close(close_codes.GOING_AWAY, "No answer to a ping: connect again")

    def close_slow_consumer(self) -> None:
        """Disconnect a client that does not read."""
        self.close(close_codes.TRY_AGAIN_LATER, "The client does not read")
