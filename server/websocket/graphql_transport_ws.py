"""GraphQL over a WebSocket: the server side of graphql-transport-ws, one object per connection.

A violation of the protocol closes the socket with a code and a reason; an error of one operation fails that operation
alone. Queries and mutations run as tasks of their own. Subscriptions join a shared subscription, which runs once for
all sockets with an equal one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from domain.errors.operation_errors import Throttled, Unauthenticated
from graph.execution.operations import Operation
from models.db.connection import DATABASE_DOWN_ERRORS
from resolvers.request.client_info import ClientInfo
from resolvers.request.viewer import Viewer
from server.observability import logging as log_setup
from server.observability import prometheus
from server.operation_runner import OperationResult, OperationRunner, count_unparsed_operation
from server.requests.client_info import with_language, with_token
from server.requests.request_parsing import ClientMessage, MalformedMessage, parse_message, parse_request
from server.websocket.protocol import PreparedText, WebSocketProtocol
from server.websocket.shared_subscriptions import Subscriber, SubscriptionRegistry
from server.websocket.token_bucket import TokenBucket
from subscriptions.core.tasks import cancel_and_wait

SUBPROTOCOL: Final = "graphql-transport-ws"
(
    INVALID_MESSAGE,
    UNAUTHORIZED,
    FORBIDDEN,
    SUBPROTOCOL_NOT_ACCEPTABLE,
    INIT_TIMEOUT,
    SUBSCRIBER_EXISTS,
    TOO_MANY_INITS,
) = 4400, 4401, 4403, 4406, 4408, 4409, 4429
SERVICE_RESTART, TRY_AGAIN_LATER = 1012, 1013
MAX_QUEUED_TEXTS: Final = 2_000  # texts queued for a client that does not read; a newer state replaces an older one

log = logging.getLogger(__name__)


class CloseConnection(Exception):
    """Raised to close the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class GraphQLTransportConnection:
    """One client connection.

    authorization   `Authorization` header of the handshake, used if `connection_init` contains no token.
    on_closed       called with the close code once the connection is closed and its tasks have ended.
    timeout         seconds for `connection_init` to arrive, and for a slow client to read what was sent.
    max_operations  operations that may run at the same time.

    Shared subscriptions push states and events. While the client reads, they are written at once. While it does not,
    they are queued, a newer state replacing the queued one, so that a slow client costs bounded memory and still gets
    the last state; a client that stays slow is disconnected.

    Messages are handled one at a time: reading is paused while one of them needs to wait (`_start_handling`), so
    that a `subscribe` right behind `connection_init` finds the connection initialized.
    """

    __slots__ = (
        "_authorization", "_closed", "_current_task", "_initialized", "_max_operations", "_mutation_tasks",
        "_on_closed", "_operation_runner", "_operation_tasks", "_protocol", "_queue_drained", "_registry",
        "_send_queue", "_subscribers", "_timeout", "_timer", "_token_bucket", "client", "viewer",
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
    ) -> None:
        self._operation_runner, self._registry, self.client, self._authorization = (
            operation_runner,
            registry,
            client,
            authorization,
        )
        self._protocol, self._on_closed = protocol, on_closed
        self._timeout, self._max_operations = timeout, max_operations
        self._token_bucket = TokenBucket(burst=300, rate=50)
        self._subscribers: dict[str, Subscriber] = {}
        self._operation_tasks: dict[str, asyncio.Task[None]] = {}
        self._mutation_tasks: set[asyncio.Task[None]] = set()  # mutations: never cancelled, whatever the client does
        self._send_queue: dict[
            Hashable, tuple[bytes, PreparedText]
        ] = {}  # unsent texts by slot: a newer text takes the slot
        self._queue_drained: asyncio.Event | None = None
        self._current_task: asyncio.Task[None] | None = None
        self._initialized = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self.viewer: Viewer
        prometheus.OPEN_SOCKETS.inc()
        self._set_timer(self._on_init_timeout)

    # Incoming messages

    def on_message(self, text: str | None) -> None:
        if not self._token_bucket.consume():
            self.close(INVALID_MESSAGE, "Too many messages")
            return
        try:
            client_message = parse_message(text)
        except MalformedMessage as error:
            self.close(INVALID_MESSAGE, error.reason)
            return
        match client_message.type:
            case "connection_init":
                self._start_handling(self._initialize(client_message))
            case "ping":
                self._send_text(b'{"type":"pong"}')
            case "subscribe":
                self._start_handling(self._subscribe(client_message))
            case "complete":
                self._complete(client_message.id)

    def on_control_frame(self) -> None:
        if not self._token_bucket.consume():
            self.close(INVALID_MESSAGE, "Too many messages")

    def _start_handling(self, handler: Coroutine[Any, Any, None]) -> None:
        """Run the handler of a message as a task, with reading paused until it is done."""
        self._protocol.pause_reading()
        self._current_task = asyncio.create_task(self._run_handler(handler), name="socket message")

    async def _run_handler(self, handler: Coroutine[Any, Any, None]) -> None:
        close_request: CloseConnection | None = None
        try:
            await handler
        except CloseConnection as error:
            close_request = error
        except Exception:  # a bug closes this socket only; the client will reconnect
            log.exception("Handling a WebSocket message failed.")
            close_request = CloseConnection(1011, "Internal server error")
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
        if code == INVALID_MESSAGE:
            log.info("A WebSocket was closed for an invalid message: %s.", reason)
        self._protocol.close(code, reason)
        self.on_disconnect(code)

    def close_for_restart(self) -> None:
        self.close(SERVICE_RESTART, "The server restarts: connect again after a random pause")

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
        self.close(INIT_TIMEOUT, "Connection initialisation timeout")

    # connection_init

    async def _initialize(self, message: ClientMessage) -> None:
        """Authenticate the client by the token in `connection_init`, or else by that of the handshake."""
        if self._initialized:
            raise CloseConnection(TOO_MANY_INITS, "Too many initialisation requests")
        payload = message.payload or {}
        authorization = next(
            (payload[key] for key in ("Authorization", "authorization") if key in payload), self._authorization
        )
        try:
            self.client = with_token(with_language(self.client, payload), authorization)
            context = await self._operation_runner.context_factory.create_for_request(self.client)
            self.client = replace(self.client, language=context.language)
        except Unauthenticated as error:
            raise CloseConnection(FORBIDDEN, f"{error.code}: {error.message}") from None
        except DATABASE_DOWN_ERRORS as error:
            log.warning("A WebSocket was refused: the database is away (%r).", error)
            raise CloseConnection(TRY_AGAIN_LATER, "The database cannot be reached at the moment") from None
        if context.current_viewer is None:
            raise CloseConnection(
                FORBIDDEN, "UNAUTHENTICATED: send an access token as `Authorization` of connection_init"
            )
        if self._closed:
            return
        self.viewer = context.current_viewer
        self._initialized = True
        self._authorization = None
        self._set_timer(None)
        self._registry.session_permissions.register(self)
        self._send_text(b'{"type":"connection_ack"}')

    # Permissions

    def on_viewer_changed(self, viewer: Viewer) -> None:
        """Take the viewer with their current permissions; subscriptions may then belong to another shared one."""
        self.viewer = viewer
        for subscriber in tuple(self._subscribers.values()):
            self._registry.reassign(subscriber)

    def on_session_ended(self) -> None:
        """Close the connection: its session, device or token is no longer valid."""
        self.close(FORBIDDEN, "UNAUTHENTICATED: this session has ended")

    # Operations

    async def _subscribe(self, message: ClientMessage) -> None:
        """Start an operation: a query or mutation as a task, a subscription as a subscriber of a shared one."""
        if not self._initialized:
            raise CloseConnection(UNAUTHORIZED, "Unauthorized")
        if message.id in self._operation_tasks or message.id in self._subscribers:
            raise CloseConnection(SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        with log_setup.start_request() as request:
            client = replace(self.client, request_id=request.id)
            try:
                if len(self._operation_tasks) + len(self._subscribers) >= self._max_operations:
                    raise Throttled(
                        f"One socket runs at most {self._max_operations} operations: complete one first, or open another."
                    )
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
            for slot in [
                queued_slot
                for queued_slot in self._send_queue
                if isinstance(queued_slot, tuple) and queued_slot[0] == operation_id
            ]:
                del self._send_queue[slot]
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
        if self._operation_tasks.get(operation_id) is not this_task:
            return  # completed by the client meanwhile; the id may already belong to another operation
        del self._operation_tasks[operation_id]
        if "data" in result.payload:
            self._send_message({"id": operation_id, "type": "next", "payload": result.payload})
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

    def _send_message(self, message: dict[str, Any]) -> None:
        self._send_text(orjson.dumps(message))

    # Sending

    def send_state(self, operation_id: str, state_key: Hashable, prefix: bytes, text: PreparedText) -> None:
        """Send a text of a subscription, or queue it while the client does not read.

        state_key  a queued text of the same operation and key is replaced. An event has its position as the key.
        """
        if self._closed:
            return
        if self._protocol.write_paused:
            self._enqueue((operation_id, state_key), prefix, text)
        else:
            self._protocol.send_prepared(prefix, text)

    def _send_text(self, text: bytes) -> None:
        """Send or queue a text that is never replaced."""
        if self._closed:
            return
        if self._protocol.write_paused:
            self._enqueue(object(), b"", PreparedText(text))
        else:
            self._protocol.send_text(text)

    def _enqueue(self, slot: Hashable, prefix: bytes, text: PreparedText) -> None:
        self._send_queue[slot] = prefix, text
        if len(self._send_queue) > MAX_QUEUED_TEXTS:
            self.close_slow_consumer()

    def on_write_paused(self) -> None:
        """Start the timeout of a slow client, unless one is running."""
        if self._timer is None:
            self._set_timer(self.close_slow_consumer)

    def on_writable(self) -> None:
        """Send queued texts until the client stops reading again."""
        if self._initialized:
            self._set_timer(None)
        while self._send_queue and not self._protocol.write_paused:
            prefix, text = self._send_queue.pop(next(iter(self._send_queue)))
            self._protocol.send_prepared(prefix, text)
        self._notify_writable()

    def _notify_writable(self) -> None:
        if self._queue_drained is not None:
            self._queue_drained.set()
            self._queue_drained = None

    async def wait_writable(self) -> None:
        """Wait until at most half of the queue is full; back-pressure for replaying missed events."""
        while len(self._send_queue) > MAX_QUEUED_TEXTS // 2:
            self._queue_drained = self._queue_drained or asyncio.Event()
            await self._queue_drained.wait()

    def check_alive(self) -> None:
        """Ping the client; close the connection if nothing arrived since the last call."""
        if not self._closed and not self._protocol.ping():
            self.close(1011, "No answer to a ping")

    def close_slow_consumer(self) -> None:
        """Disconnect a client that does not read."""
        self._send_queue.clear()
        self.close(TRY_AGAIN_LATER, "The client does not read")
