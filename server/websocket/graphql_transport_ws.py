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
from models.db.connection import AWAY
from resolvers.request.client_info import Caller
from resolvers.request.viewer import Viewer
from server.observability import logging as log_setup
from server.observability import prometheus
from server.operation_runner import Answer, Answering, count_unread
from server.requests.client_info import known, spoken
from server.requests.request_parsing import Malformed, Message, envelope, message
from server.websocket.protocol import Text, Wire
from server.websocket.shared_subscriptions import Groups, Member
from subscriptions.core.hub import ended

PROTOCOL: Final = "graphql-transport-ws"
MALFORMED, UNAUTHORIZED, FORBIDDEN, NOT_SPOKEN, LATE, TAKEN, TWICE = 4400, 4401, 4403, 4406, 4408, 4409, 4429
RESTART, TRY_AGAIN = 1012, 1013
MOST_WAITING: Final = 2_000  # texts queued for a client that does not read; a newer state replaces an older one

log = logging.getLogger(__name__)


class Closed(Exception):
    """Raised to close the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Budget:
    """Rate limit of a client's frames: `burst` at once, refilled at `rate` per second."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, asyncio.get_running_loop().time()

    def spend(self) -> bool:
        """Take one token; return False if there was none."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return self._left >= 0


class Socket:
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
        "_answering", "_authorization", "_begun", "_budget", "_ended", "_finishing", "_groups", "_handling", "_members",
        "_most", "_over", "_patience", "_room", "_running", "_timer", "_waiting", "_wire", "caller", "viewer",
    )  # fmt: skip

    def __init__(
        self,
        answering: Answering,
        groups: Groups,
        caller: Caller,
        authorization: str | None,
        wire: Wire,
        over: Callable[[Socket, int], None],
        *,
        patience: float = 10,
        most: int = 256,
    ) -> None:
        self._answering, self._groups, self.caller, self._authorization = answering, groups, caller, authorization
        self._wire, self._over = wire, over
        self._patience, self._most = patience, most
        self._budget = Budget(burst=300, rate=50)
        self._members: dict[str, Member] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._finishing: set[asyncio.Task[None]] = set()  # mutations: never cancelled, whatever the client does
        self._waiting: dict[Hashable, tuple[bytes, Text]] = {}  # unsent texts by slot: a newer text takes the slot
        self._room: asyncio.Event | None = None
        self._handling: asyncio.Task[None] | None = None
        self._begun = self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self.viewer: Viewer
        prometheus.SOCKETS.inc()
        self._time(self._late)

    # Incoming messages

    def heard(self, text: str | None) -> None:
        if not self._budget.spend():
            self.close(MALFORMED, "Too many messages")
            return
        try:
            said = message(text)
        except Malformed as error:
            self.close(MALFORMED, error.reason)
            return
        match said.type:
            case "connection_init":
                self._handle(self._begin(said))
            case "ping":
                self._send(b'{"type":"pong"}')
            case "subscribe":
                self._handle(self._subscribe(said))
            case "complete":
                self._stop(said.id)

    def noise(self) -> None:
        if not self._budget.spend():
            self.close(MALFORMED, "Too many messages")

    def _handle(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the handler of a message as a task, with reading paused until it is done."""
        self._wire.hold()
        self._handling = asyncio.create_task(self._handled(work), name="socket message")

    async def _handled(self, work: Coroutine[Any, Any, None]) -> None:
        closed: Closed | None = None
        try:
            await work
        except Closed as error:
            closed = error
        except Exception:  # a bug closes this socket only; the client will reconnect
            log.exception("Handling a WebSocket message failed.")
            closed = Closed(1011, "Internal server error")
        self._handling = None
        if closed is not None:
            self.close(closed.code, closed.reason)
        else:
            self._wire.go_on()

    # Closing

    def close(self, code: int, reason: str) -> None:
        """Close the connection. Only the first call has an effect."""
        if self._ended:
            return
        if code == MALFORMED:
            log.info("A WebSocket was closed for an invalid message: %s.", reason)
        self._wire.close(code, reason)
        self.gone(code)

    def stop(self) -> None:
        self.close(RESTART, "The server restarts: connect again after a random pause")

    def gone(self, code: int) -> None:
        """End the client's subscriptions and queries; let its mutations finish."""
        if self._ended:
            return
        self._ended = True
        self._time(None)
        prometheus.SOCKETS.dec()
        self._groups.rights.leave(self)
        for member in self._members.values():
            self._groups.leave(member)
        self._members.clear()
        self._waiting.clear()
        self._make_room()
        running = [task for task in self._running.values() if task not in self._finishing]
        if self._handling is not None:
            running.append(self._handling)
        if running or self._finishing:
            self._handling = asyncio.create_task(self._wind_up(running, code), name="socket's end")
        else:
            self._over(self, code)

    async def _wind_up(self, running: Sequence[asyncio.Task[None]], code: int) -> None:
        await ended(*running)
        if self._finishing:
            await asyncio.wait(self._finishing)
        self._handling = None
        self._over(self, code)

    def _time(self, late: Callable[[], None] | None) -> None:
        """Call `callback` after the timeout, in place of the previous one; None only cancels that."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._patience, late) if late else None

    def _late(self) -> None:
        self.close(LATE, "Connection initialisation timeout")

    # connection_init

    async def _begin(self, heard: Message) -> None:
        """Authenticate the client by the token in `connection_init`, or else by that of the handshake."""
        if self._begun:
            raise Closed(TWICE, "Too many initialisation requests")
        said = heard.payload or {}
        given = next((said[key] for key in ("Authorization", "authorization") if key in said), self._authorization)
        try:
            self.caller = known(spoken(self.caller, said), given)
            context = await self._answering.gate.admit(self.caller)
            self.caller = replace(self.caller, language=context.language)
        except Unauthenticated as error:
            raise Closed(FORBIDDEN, f"{error.code}: {error.message}"[:120]) from None
        except AWAY as error:
            log.warning("A WebSocket was refused: the database is away (%r).", error)
            raise Closed(TRY_AGAIN, "The database cannot be reached at the moment") from None
        if context.who is None:
            raise Closed(FORBIDDEN, "UNAUTHENTICATED: send an access token as `Authorization` of connection_init")
        if self._ended:
            return
        self.viewer = context.who
        self._begun = True
        self._authorization = None
        self._time(None)
        self._groups.rights.enter(self)
        self._send(b'{"type":"connection_ack"}')

    # Permissions

    def changed(self, viewer: Viewer) -> None:
        """Take the viewer with their current permissions; subscriptions may then belong to another shared one."""
        self.viewer = viewer
        for member in tuple(self._members.values()):
            self._groups.move(member)

    def ended(self) -> None:
        """Close the connection: its session, device or token is no longer valid."""
        self.close(FORBIDDEN, "UNAUTHENTICATED: this session has ended")

    # Operations

    async def _subscribe(self, heard: Message) -> None:
        """Start an operation: a query or mutation as a task, a subscription as a subscriber of a shared one."""
        if not self._begun:
            raise Closed(UNAUTHORIZED, "Unauthorized")
        if heard.id in self._running or heard.id in self._members:
            raise Closed(TAKEN, f"Subscriber for {heard.id} already exists"[:120])
        with log_setup.request() as request:
            caller = replace(self.caller, request_id=request.id)
            try:
                if len(self._running) + len(self._members) >= self._most:
                    raise Throttled(
                        f"One socket runs at most {self._most} operations: complete one first, or open another."
                    )
                operation = self._answering.read(envelope(heard.payload))
            except Exception as error:  # noqa: BLE001 - it becomes the operation's result
                count_unread()
                self._fail(heard.id, self._answering.failed(error, caller))
                return
            if operation.kind != "subscription":
                self._running[heard.id] = asyncio.create_task(
                    self._execute(heard.id, operation, caller), name="socket operation"
                )
                return
        await self._groups.rights.settled()
        if self._ended:
            return
        member = self._members[heard.id] = Member(self, heard.id, operation)
        self._groups.join(member)

    def _stop(self, id_: str) -> None:
        """End an operation that the client completed; a mutation runs on, but its result is dropped."""
        member = self._members.pop(id_, None)
        if member is not None:
            self._groups.leave(member)
            for slot in [each for each in self._waiting if isinstance(each, tuple) and each[0] == id_]:
                del self._waiting[slot]
        task = self._running.pop(id_, None)
        if task is not None and task not in self._finishing:
            task.cancel()

    async def _execute(self, id_: str, operation: Operation, caller: Caller) -> None:
        """Run a query or mutation and send its result."""
        me = asyncio.current_task()
        if operation.kind == "mutation" and me is not None:
            self._finishing.add(me)  # a mutation must not stop halfway because the client disconnects
            me.add_done_callback(self._finishing.discard)
        answer = await self._answering.execute(operation, caller)
        if self._running.get(id_) is not me:
            return  # completed by the client meanwhile; the id may already belong to another operation
        del self._running[id_]
        if "data" in answer.payload:
            self._say({"id": id_, "type": "next", "payload": answer.payload})
            self._say({"id": id_, "type": "complete"})
        else:
            self._fail(id_, answer)

    def failed(self, member: Member, answer: Answer) -> None:
        """Send the error that ended a subscription."""
        if self._members.get(member.id) is member:
            del self._members[member.id]
            prometheus.SUBSCRIPTIONS.dec()
            self._fail(member.id, answer)

    def _fail(self, id_: str, answer: Answer) -> None:
        self._say({"id": id_, "type": "error", "payload": answer.payload["errors"]})

    def _say(self, what: dict[str, Any]) -> None:
        self._send(orjson.dumps(what))

    # Sending

    def push(self, id_: str, state: Hashable, start: bytes, text: Text) -> None:
        """Send a text of a subscription, or queue it while the client does not read.

        state_key  a queued text of the same operation and key is replaced. An event has its position as the key.
        """
        if self._ended:
            return
        if self._wire.paused:
            self._wait((id_, state), start, text)
        else:
            self._wire.tell(start, text)

    def _send(self, text: bytes) -> None:
        """Send or queue a text that is never replaced."""
        if self._ended:
            return
        if self._wire.paused:
            self._wait(object(), b"", Text(text))
        else:
            self._wire.say(text)

    def _wait(self, slot: Hashable, start: bytes, text: Text) -> None:
        self._waiting[slot] = start, text
        if len(self._waiting) > MOST_WAITING:
            self.too_slow()

    def paused(self) -> None:
        """Start the timeout of a slow client, unless one is running."""
        if self._timer is None:
            self._time(self.too_slow)

    def drained(self) -> None:
        """Send queued texts until the client stops reading again."""
        if self._begun:
            self._time(None)
        while self._waiting and not self._wire.paused:
            start, text = self._waiting.pop(next(iter(self._waiting)))
            self._wire.tell(start, text)
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    async def room(self) -> None:
        """Wait until at most half of the queue is full; back-pressure for replaying missed events."""
        while len(self._waiting) > MOST_WAITING // 2:
            self._room = self._room or asyncio.Event()
            await self._room.wait()

    def keep(self) -> None:
        """Ping the client; close the connection if nothing arrived since the last call."""
        if not self._ended and not self._wire.ping():
            self.close(1011, "No answer to a ping")

    def too_slow(self) -> None:
        """Disconnect a client that does not read."""
        self._waiting.clear()
        self.close(TRY_AGAIN, "The client does not read")
