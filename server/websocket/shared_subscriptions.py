"""Shares one execution of equal subscriptions between many sockets.

Subscriptions are equal if document, variables, language and those permissions of the viewer that the fields depend on
are equal (the share key). Per key a process runs one stream: one read, one execution and one encoding for each change,
however many sockets subscribe. Each subscriber gets the same text behind its own prefix with the operation's id. The
cost of a change therefore grows with the distinct subscriptions it affects, not with the sockets.

A stream of states keeps the last text of each state for subscribers that join later. A stream of events keeps nothing:
a subscriber with a cursor first replays the events it missed in an execution of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

import orjson

from domain.errors.operation_errors import QueryTooComplex
from domain.messages import gettext_noop
from graph.execution.operations import Operation
from resolvers.request.client_info import ClientInfo
from resolvers.request.viewer import Viewer
from server.context_factory import StreamContextFactory
from server.observability import logging as log_setup
from server.observability import prometheus
from server.operation_runner import OperationResult, OperationRunner
from server.websocket.protocol import PreparedText
from server.websocket.send_queue import MemoryBudget, size_of_text
from server.websocket.session_permissions import SessionPermissions
from subscriptions.core.stream_context import FROM_NOW, StreamContext
from subscriptions.core.tasks import cancel_and_wait

YIELD_EVERY: Final = 100  # sends after which the event loop gets to other tasks
TOO_LARGE_MESSAGE: Final = gettext_noop(
    "The results of this subscription take too much memory: select fewer fields, or a smaller scope."
)

log = logging.getLogger(__name__)


class SubscriberConnection(Protocol):
    """What a shared subscription needs of a connection."""

    client: ClientInfo
    viewer: Viewer

    def send_state(
        self, operation_id: str, state_key: Hashable, prefix: bytes, text: PreparedText, *, is_stored: bool = False
    ) -> None:
        """Send a result; while the client does not read, keep only the newest result of each `state_key`."""

    def fail_subscription(self, subscriber: Subscriber, result: OperationResult) -> None:
        """End one subscription with an error."""

    def reserve_bytes(self, difference: int) -> None:
        """Count bytes that wait for the client outside its queue; close the connection if they are too many."""

    async def wait_writable(self) -> None:
        """Wait until the client reads."""


class Subscriber:
    """A subscription operation of one socket.

    prefix           start of each of its messages, up to the payload
    last_versions    after a move between shared subscriptions: version of each state that it has got already; older
                     ones are not sent, as the new stream may have read before the old one did
    buffered_events  while it replays missed events: new events by position; None otherwise
    last_position    position of the last event sent
    """

    __slots__ = (
        "buffered_events",
        "connection",
        "id",
        "last_position",
        "last_versions",
        "operation",
        "prefix",
        "subscription",
    )

    def __init__(self, connection: SubscriberConnection, operation_id: str, operation: Operation) -> None:
        self.connection, self.id, self.operation = connection, operation_id, operation
        self.prefix = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation_id)
        self.subscription: SharedSubscription | None = None
        self.last_versions: dict[Hashable, int] | None = None
        self.buffered_events: dict[int, PreparedText] | None = None
        self.last_position = 0

    def on_state(self, state: Hashable, version: int, text: PreparedText) -> None:
        """Send a state, unless a newer version was sent before the subscriber moved here."""
        if self.last_versions is not None and version < self.last_versions.get(state, 0):
            return
        self.connection.send_state(self.id, state, self.prefix, text, is_stored=True)

    def on_event(self, position: int, text: PreparedText) -> None:
        """Send an event, or buffer it during a replay."""
        if self.buffered_events is not None:
            self.buffered_events[position] = text
            self.connection.reserve_bytes(size_of_text(text))
        else:
            self.send_event(position, text)

    def send_event(self, position: int, text: PreparedText) -> None:
        """Send an event unless it was sent already: the replay and the shared stream may overlap."""
        if position > self.last_position:
            self.last_position = position
            self.connection.send_state(self.id, position, self.prefix, text)

    def flush_buffer(self) -> None:
        """End the replay: send the buffered events in order; later events are sent directly."""
        buffered_events = self.take_buffer()
        for position in sorted(buffered_events):
            self.send_event(position, buffered_events[position])

    def take_buffer(self) -> dict[int, PreparedText]:
        """Stop buffering and return the buffered events, by position."""
        buffered_events, self.buffered_events = self.buffered_events or {}, None
        if buffered_events:
            self.connection.reserve_bytes(-sum(map(size_of_text, buffered_events.values())))
        return buffered_events


class SharedSubscription:
    """One running subscription and its subscribers.

    latest_states  stream of states: version and text of each state, counted in the process's memory budget
    position       stream of events: position of the last one; None until the stream has started
    started        set once the start position is known (or the stream has failed): from then on no event is missed
    """

    def __init__(self, registry: SubscriptionRegistry, key: Hashable, first_subscriber: Subscriber) -> None:
        self._registry, self.key = registry, key
        self.subscribers: dict[Subscriber, None] = {}
        self.latest_states: dict[Hashable, tuple[int, PreparedText]] = {}
        self._state_bytes = 0
        self.is_event_stream = first_subscriber.operation.sends_events
        self.position: int | None = None
        self.started = asyncio.Event()
        self._task = asyncio.create_task(self._run(first_subscriber), name="shared subscription")

    def add(self, subscriber: Subscriber) -> None:
        """Add a subscriber and send it the states known so far."""
        subscriber.subscription = self
        self.subscribers[subscriber] = None
        for state, (version, text) in self.latest_states.items():
            subscriber.on_state(state, version, text)

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; the last one ends the stream."""
        self.subscribers.pop(subscriber, None)
        subscriber.subscription = None
        if not self.subscribers:
            self._registry.remove(self)
            self._drop_states()
            self._task.cancel()

    async def _run(self, first_subscriber: Subscriber) -> None:
        """Execute the subscription and publish its results.

        The context is that of the first subscriber. All subscribers of a key have the same permissions, so the viewer
        of any of them may stand in later (`_refresh_viewer`).
        """
        with log_setup.start_request() as request:
            operation = first_subscriber.operation
            log_setup.set_operation_name(operation.name or operation.field_name)
            context = self._registry.create_context(first_subscriber.connection, request.id)
            del first_subscriber  # it may leave before the stream ends: do not keep its socket in memory
            context.refresh_viewer = partial(self._refresh_viewer, context)
            if self.is_event_stream:
                context.start_position, context.on_caught_up = FROM_NOW, self._on_caught_up
            try:
                async with aclosing(self._registry.operation_runner.run_subscription(operation, context)) as results:
                    async for event, result in results:
                        if "data" not in result.payload:
                            self._fail(result)
                            return
                        await self._registry.session_permissions.wait_until_verified()
                        await self._publish(event, result, context.active_state_ids)
            except Exception as error:  # a bug: the subscribers are told that the subscription ended
                log.exception("A shared subscription failed.")
                self._fail(self._registry.operation_runner.make_error_result(error, context.client))

    async def _refresh_viewer(self, context: StreamContext) -> None:
        """Before each read: wait for pending permission checks, then take the viewer of a current subscriber."""
        await self._registry.session_permissions.wait_until_verified()
        subscriber = next(iter(self.subscribers), None)
        if subscriber is not None:
            context.current_viewer = subscriber.connection.viewer

    def _on_caught_up(self, position: int) -> None:
        self.position = position
        self.started.set()

    async def _publish(self, event: object, result: OperationResult, active_state_ids: set[int] | None) -> None:
        """Send a result to all subscribers; an unchanged state is not sent.

        A state with a lower version than before was read after the database had gone back in time and before that was
        discovered. It is not sent either: the new epoch gives it a higher version.

        active_state_ids  states that still belong to the subscription; None if it has no such list.
        """
        text = _prepare_text(result)
        key, version = getattr(event, "id", 0), getattr(event, "version", 0)
        if self.is_event_stream:
            self.position = key
        else:
            is_older = key in self.latest_states and version < self.latest_states[key][0]
            if is_older or self._store_state(key, version, text):
                self._drop_inactive_states(active_state_ids)
                return
        for sent_count, subscriber in enumerate(list(self.subscribers), 1):
            if subscriber.subscription is not self:
                continue
            if self.is_event_stream:
                subscriber.on_event(key, text)
            else:
                subscriber.on_state(key, version, text)
            if sent_count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        text.drop_frame()
        prometheus.PUSHES.inc(len(self.subscribers))
        self._drop_inactive_states(active_state_ids)

    def _store_state(self, key: Hashable, version: int, text: PreparedText) -> bool:
        """Store the latest text of a state and return whether it is the same as before."""
        _, previous_text = self.latest_states.get(key, (0, None))
        self.latest_states[key] = version, text
        self._count_states(size_of_text(text) - (size_of_text(previous_text) if previous_text else 0))
        return previous_text is not None and previous_text.body == text.body

    def _drop_inactive_states(self, active_state_ids: set[int] | None) -> None:
        """Forget states that no longer belong to the subscription, so that later subscribers do not get them."""
        if active_state_ids is not None:
            for state in [state for state in self.latest_states if state not in active_state_ids]:
                self._count_states(-size_of_text(self.latest_states.pop(state)[1]))

    def _drop_states(self) -> None:
        self.latest_states.clear()
        self._count_states(-self._state_bytes)

    def _count_states(self, difference: int) -> None:
        self._state_bytes += difference
        self._registry.memory_budget.resize(self, difference)

    def release_memory(self) -> None:
        """End the stream with an error: its states take too much of the process's memory."""
        client = next(iter(self.subscribers)).connection.client
        self._fail(self._registry.operation_runner.make_error_result(QueryTooComplex(TOO_LARGE_MESSAGE), client))
        self._task.cancel()

    def _fail(self, result: OperationResult) -> None:
        """End the stream with an error for all subscribers."""
        self._registry.remove(self)
        self._drop_states()
        self.started.set()
        for subscriber in list(self.subscribers):
            self.subscribers.pop(subscriber)
            subscriber.subscription = None
            subscriber.take_buffer()
            subscriber.connection.fail_subscription(subscriber, result)


class SubscriptionRegistry:
    """The shared subscriptions of this process, by share key, and the memory that sockets may take."""

    def __init__(
        self,
        operation_runner: OperationRunner,
        context_factory: StreamContextFactory,
        session_permissions: SessionPermissions,
        memory_budget: MemoryBudget,
    ) -> None:
        self.operation_runner, self._context_factory = operation_runner, context_factory
        self.session_permissions, self.memory_budget = session_permissions, memory_budget
        self._subscriptions: dict[Hashable, SharedSubscription] = {}
        self._replay_tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def create_context(self, connection: SubscriberConnection, request_id: str) -> StreamContext:
        """Return the context of a stream for the viewer of a socket."""
        client = replace(connection.client, token=None, request_id=request_id)
        return self._context_factory.create_context(client, connection.viewer)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add a subscriber to the shared subscription of its key, replaying events after its cursor if it has one."""
        prometheus.OPEN_SUBSCRIPTIONS.inc()
        subscription = self._add_to_shared(subscriber)
        if subscription.is_event_stream and subscriber.operation.get_argument("after") is not None:
            self._start_replay(subscriber, subscription, None)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        prometheus.OPEN_SUBSCRIPTIONS.dec()
        subscriber.take_buffer()
        if subscriber.subscription is not None:
            subscriber.subscription.remove(subscriber)

    def reassign(self, subscriber: Subscriber) -> None:
        """Move a subscriber to the shared subscription that fits its viewer's permissions now.

        States: versions sent by the old stream are remembered, so that the new one sends nothing older. Events: those
        after the old stream's position are replayed, so that none is lost in between.
        """
        old = subscriber.subscription
        if old is None or self._share_key(subscriber) == old.key:
            return
        if not old.is_event_stream:
            subscriber.last_versions = {state: version for state, (version, _) in old.latest_states.items()}
        old.remove(subscriber)
        new = self._add_to_shared(subscriber)
        if new.is_event_stream and old.position is not None and subscriber.buffered_events is None:
            self._start_replay(subscriber, new, max(subscriber.last_position, old.position))

    def remove(self, subscription: SharedSubscription) -> None:
        """Remove a shared subscription; a new subscriber of its key starts another one."""
        if self._subscriptions.get(subscription.key) is subscription:
            del self._subscriptions[subscription.key]

    def _share_key(self, subscriber: Subscriber) -> Hashable:
        operation, connection = subscriber.operation, subscriber.connection
        return self.operation_runner.operations.share_key(operation, connection.viewer, connection.client.language)

    def _add_to_shared(self, subscriber: Subscriber) -> SharedSubscription:
        key = self._share_key(subscriber)
        subscription = self._subscriptions.get(key)
        if subscription is None:
            subscription = self._subscriptions[key] = SharedSubscription(self, key, subscriber)
        subscription.add(subscriber)
        return subscription

    def _start_replay(
        self, subscriber: Subscriber, subscription: SharedSubscription, start_position: int | None
    ) -> None:
        subscriber.buffered_events = {}
        task = asyncio.create_task(self._replay_missed(subscriber, subscription, start_position), name="event replay")
        self._replay_tasks.add(task)
        task.add_done_callback(self._replay_tasks.discard)

    async def _replay_missed(
        self, subscriber: Subscriber, subscription: SharedSubscription, start_position: int | None
    ) -> None:
        """Replay the events after the subscriber's cursor, or after `start_position`, up to the shared stream.

        The replay begins after the shared stream has started. From then on the subscriber buffers the stream's events,
        so the replay may stop at any later position: overlaps are dropped by position when the buffer is flushed.
        """
        await subscription.started.wait()
        with log_setup.start_request() as request:
            context = self.create_context(subscriber.connection, request.id)
            context.start_position, context.refresh_viewer = (
                start_position,
                self.session_permissions.wait_until_verified,
            )
            caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            context.on_caught_up = lambda _: None if caught_up.done() else caught_up.set_result(None)
            read_task = asyncio.create_task(self._send_missed(subscriber, context), name="event replay, reading")
            await asyncio.wait({read_task, caught_up}, return_when=asyncio.FIRST_COMPLETED)
            await cancel_and_wait(read_task)
            if subscriber.subscription is not None:
                subscriber.flush_buffer()

    async def _send_missed(self, subscriber: Subscriber, context: StreamContext) -> None:
        async with aclosing(self.operation_runner.run_subscription(subscriber.operation, context)) as results:
            async for event, result in results:
                await subscriber.connection.wait_writable()
                if subscriber.subscription is None:
                    return
                if "data" not in result.payload:
                    subscriber.take_buffer()
                    subscriber.subscription.remove(subscriber)
                    subscriber.connection.fail_subscription(subscriber, result)
                    return
                subscriber.send_event(getattr(event, "id", 0), _prepare_text(result))


def _prepare_text(result: OperationResult) -> PreparedText:
    return PreparedText(result.body + b"}")
