"""GraphQL over one WebSocket, by the protocol graphql-transport-ws.

Whatever breaks the protocol closes the socket with its code and a reason; whatever is
wrong with one operation fails that operation alone. Queries and mutations run as tasks of
their own; subscriptions listen to streams that all who ask the same share (server/groups.py).
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
MOST_WAITING: Final = 2_000  # texts that wait for a client who is not reading: each the newest of its state

log = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Budget:
    """How much a client may say: `burst` messages at once, and so many a second for ever."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, asyncio.get_running_loop().time()

    def spend(self) -> bool:
        """Return whether one more message is within the budget."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return self._left >= 0


class Socket:
    """One client that is connected.

    authorization  of the handshake, for clients that can set its headers.
    over           called with the close code when the client is gone and all that ran for it has ended.
    patience       seconds in which it must introduce itself, and in which it must take what is sent.
    most           operations that it may have running.

    What it listens to is pushed by the streams that it shares with others. As long as it reads, that
    is sent at once; when it does not, the newest of each state waits, and one that stays stuck is sent away.
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
        self._finishing: set[asyncio.Task[None]] = set()  # mutations whose client does not wait any more
        self._waiting: dict[Hashable, tuple[bytes, Text]] = {}  # what could not be sent yet, by what it replaces
        self._room: asyncio.Event | None = None
        self._handling: asyncio.Task[None] | None = None
        self._begun = self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self.viewer: Viewer
        prometheus.SOCKETS.inc()
        self._time(self._late)

    # What comes

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
        """Do what a message asks for; the next one waits as long."""
        self._wire.hold()
        self._handling = asyncio.create_task(self._handled(work), name="socket message")

    async def _handled(self, work: Coroutine[Any, Any, None]) -> None:
        closed: Closed | None = None
        try:
            await work
        except Closed as error:
            closed = error
        except Exception:  # ours: this client comes again, all others go on
            log.exception("A socket failed.")
            closed = Closed(1011, "Something failed on our side")
        self._handling = None
        if closed is not None:
            self.close(closed.code, closed.reason)
        else:
            self._wire.go_on()

    # Its end

    def close(self, code: int, reason: str) -> None:
        """Send the client away; the first who does decides the code."""
        if self._ended:
            return
        if code == MALFORMED:
            log.info("A socket was closed: %s.", reason)
        self._wire.close(code, reason)
        self.gone(code)

    def stop(self) -> None:
        self.close(RESTART, "The server restarts: connect again after a random pause")

    def gone(self, code: int) -> None:
        """Stop what runs for the client, and bring its mutations to their end."""
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
        """Have this called when the client's patience is over, in place of what was to be called before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._patience, late) if late else None

    def _late(self) -> None:
        self.close(LATE, "Connection initialisation timeout")

    # What it asks for

    async def _begin(self, heard: Message) -> None:
        """Let the client in by the token of its first message, or by that of the handshake."""
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
            log.warning("The database is away (%r): a client was sent away.", error)
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

    # Its rights, as they change

    def changed(self, viewer: Viewer) -> None:
        self.viewer = viewer
        for member in tuple(self._members.values()):
            self._groups.move(member)

    def ended(self) -> None:
        self.close(FORBIDDEN, "UNAUTHENTICATED: this session has ended")

    # Its operations

    async def _subscribe(self, heard: Message) -> None:
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
            except Exception as error:  # noqa: BLE001 - it becomes the operation's answer
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
        member = self._members.pop(id_, None)
        if member is not None:
            self._groups.leave(member)
            for slot in [each for each in self._waiting if isinstance(each, tuple) and each[0] == id_]:
                del self._waiting[slot]
        task = self._running.pop(id_, None)
        if task is not None and task not in self._finishing:
            task.cancel()

    async def _execute(self, id_: str, operation: Operation, caller: Caller) -> None:
        """Run a query or mutation to its end; nothing it does harms the others."""
        me = asyncio.current_task()
        if operation.kind == "mutation" and me is not None:
            self._finishing.add(me)  # a client that goes away does not undo what it asked for
            me.add_done_callback(self._finishing.discard)
        answer = await self._answering.execute(operation, caller)
        if self._running.get(id_) is not me:
            return  # the client does not wait for it any more
        del self._running[id_]
        if "data" in answer.payload:
            self._say({"id": id_, "type": "next", "payload": answer.payload})
            self._say({"id": id_, "type": "complete"})
        else:
            self._fail(id_, answer)

    def failed(self, member: Member, answer: Answer) -> None:
        """Tell the client that what it listened to has ended, and why."""
        if self._members.get(member.id) is member:
            del self._members[member.id]
            prometheus.SUBSCRIPTIONS.dec()
            self._fail(member.id, answer)

    def _fail(self, id_: str, answer: Answer) -> None:
        self._say({"id": id_, "type": "error", "payload": answer.payload["errors"]})

    def _say(self, what: dict[str, Any]) -> None:
        self._send(orjson.dumps(what))

    # What is sent

    def push(self, id_: str, state: Hashable, start: bytes, text: Text) -> None:
        """Send a text now; if the client is not reading, as soon as it does, unless a newer one of its state took its place."""
        if self._ended:
            return
        if self._wire.paused:
            self._wait((id_, state), start, text)
        else:
            self._wire.tell(start, text)

    def _send(self, text: bytes) -> None:
        """Send a text that none takes the place of."""
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
        if self._timer is None:
            self._time(self.too_slow)

    def drained(self) -> None:
        """Send what waits, until the client is behind again."""
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
        """Return once the client has read enough to be sent more."""
        while len(self._waiting) > MOST_WAITING // 2:
            self._room = self._room or asyncio.Event()
            await self._room.wait()

    def keep(self) -> None:
        """Look whether the client still lives: it has answered since this was last called."""
        if not self._ended and not self._wire.ping():
            self.close(1011, "No sign of life")

    def too_slow(self) -> None:
        self._waiting.clear()
        self.close(TRY_AGAIN, "The client does not read")
