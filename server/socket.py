"""GraphQL over one WebSocket, by the protocol graphql-transport-ws.

Whatever breaks the protocol closes the socket with its code and a reason; whatever is
wrong with one operation fails that operation alone. Queries and mutations run as tasks of
their own; subscriptions listen to streams that all who ask the same share (server/groups.py).
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Generator, Hashable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson
from starlette.types import Receive, Send

from domain.failures import Throttled, Unauthenticated
from graph.operations import Operation
from models.database import AWAY
from resolvers.caller import Caller
from resolvers.viewer import Viewer
from server import logs, metrics
from server.answering import Answer, Answering, count_unread
from server.door import known, spoken
from server.groups import Groups, Member
from server.strict import Malformed, Message, envelope, message
from subscriptions.hub import ended

PROTOCOL: Final = "graphql-transport-ws"
MALFORMED, UNAUTHORIZED, FORBIDDEN, NOT_SPOKEN, LATE, TAKEN, TWICE = 4400, 4401, 4403, 4406, 4408, 4409, 4429
RESTART, TRY_AGAIN = 1012, 1013
MOST_WAITING: Final = 2_000  # texts that wait for a client who is not reading: each the newest of its state

log = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed, with this code and reason; a code of 0: it is closed already."""

    def __init__(self, code: int, reason: str = "") -> None:
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
    patience       seconds in which it must introduce itself, and in which it must take what is sent.
    most           operations that it may have running.

    What it listens to is pushed by the streams that it shares with others. As long as it reads, that
    is sent at once; when it does not, the newest of each state waits, and one that stays stuck is sent away.
    """

    __slots__ = (
        "_answering", "_authorization", "_begun", "_budget", "_closed", "_code", "_finishing", "_groups", "_me", "_members",
        "_most", "_patience", "_receive", "_running", "_send", "_sending", "_waiting", "caller", "viewer",
    )  # fmt: skip

    def __init__(
        self,
        answering: Answering,
        groups: Groups,
        caller: Caller,
        authorization: str | None,
        receive: Receive,
        send: Send,
        *,
        patience: float = 10,
        most: int = 256,
    ) -> None:
        self._answering, self._groups, self.caller, self._authorization = answering, groups, caller, authorization
        self._receive, self._send = receive, send
        self._patience, self._most = patience, most
        self._budget = Budget(burst=300, rate=50)
        self._members: dict[str, Member] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._finishing: set[asyncio.Task[None]] = set()  # mutations whose client does not wait any more
        self._waiting: dict[Hashable, str] = {}  # what could not be sent yet, by what it replaces
        self._sending: asyncio.Task[None] | None = None
        self._begun = False
        self._code = 1006
        self._closed: Closed | None = None
        self._me: asyncio.Task[Any] | None = None
        self.viewer: Viewer

    async def run(self) -> int:
        """Serve until either side closes, and return the close code.

        What was running is stopped then, and mutations brought to their end.
        """
        self._me = asyncio.current_task()
        metrics.SOCKETS.inc()
        try:
            await self._hear()
        except Closed as closed:
            self.close(closed.code, closed.reason)
        except asyncio.CancelledError:
            if self._closed is None:
                raise
            assert self._me is not None
            self._me.uncancel()
        except Exception:  # ours: this client comes again, all others go on
            log.exception("A socket failed.")
            self.close(1011, "Something failed on our side")
        finally:
            self._me = None
            metrics.SOCKETS.dec()
            self._groups.rights.leave(self)
            for member in self._members.values():
                self._groups.leave(member)
            self._members.clear()
            sending = [self._sending] if self._sending else []
            await ended(*sending, *(task for task in self._running.values() if task not in self._finishing))
            self.close(RESTART, "The server stops")  # unless somebody had a reason before
            await self._say_goodbye()
            if self._finishing:
                await asyncio.wait(self._finishing)
        return self._code

    def close(self, code: int, reason: str) -> None:
        """Ask for the end; the first who does decides the code. A code of 0: it is closed already."""
        if self._closed is None:
            self._closed = Closed(code, reason)
            if self._me is not None and self._me is not asyncio.current_task():
                self._me.cancel()

    async def _say_goodbye(self) -> None:
        closed = self._closed
        if closed is None or not closed.code:
            return
        self._code = closed.code
        if closed.code == MALFORMED:
            log.info("A socket was closed: %s.", closed.reason)
        try:
            async with asyncio.timeout(1):
                await self._send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})
        except (TimeoutError, OSError, RuntimeError) as error:
            log.debug("The client did not hear the close: %r.", error)

    async def _hear(self) -> None:
        """Hear the client, until one of us closes."""
        until = asyncio.get_running_loop().time() + self._patience
        while self._closed is None:
            if self._begun:
                event = await self._receive()
            else:
                try:
                    async with asyncio.timeout_at(until):
                        event = await self._receive()
                except TimeoutError:
                    raise Closed(LATE, "Connection initialisation timeout") from None
            if event["type"] == "websocket.disconnect":
                self._code = event.get("code", 1005)
                raise Closed(0)
            if not self._budget.spend():
                raise Closed(MALFORMED, "Too many messages")
            try:
                heard = message(event.get("text"))
            except Malformed as error:
                raise Closed(MALFORMED, error.reason) from None
            await self._heed(heard)

    async def _heed(self, heard: Message) -> None:
        match heard.type:
            case "connection_init":
                await self._begin(heard)
            case "ping":
                self.push("pong", '{"type":"pong"}')
            case "subscribe":
                await self._subscribe(heard)
            case "complete":
                self._stop(heard.id)

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
        self.viewer = context.who
        self._begun = True
        self._groups.rights.enter(self)
        self.push("ack", '{"type":"connection_ack"}')

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
        with logs.request() as request:
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
            metrics.SUBSCRIPTIONS.dec()
            self._fail(member.id, answer)

    def _fail(self, id_: str, answer: Answer) -> None:
        self._say({"id": id_, "type": "error", "payload": answer.payload["errors"]})

    def _say(self, what: dict[str, Any]) -> None:
        self.push(object(), orjson.dumps(what).decode())

    # What is sent

    def push(self, slot: Hashable, text: str) -> None:
        """Send a text now; if the client is not reading, as soon as it does, unless another took its slot."""
        if self._closed is not None:
            return
        if self._sending is not None:
            self._waiting[slot] = text
            if len(self._waiting) > MOST_WAITING:
                self.too_slow()
            return
        sending = self._send({"type": "websocket.send", "text": text})
        try:
            waiting = sending.send(None)  # type: ignore[attr-defined]  # done at once, unless the client is slow
        except StopIteration:
            return
        except (OSError, RuntimeError) as error:  # gone; the reader hears of it too
            log.debug("A client is gone: %r.", error)
            return
        self._sending = asyncio.create_task(self._send_on(_resumed(sending, waiting)), name="slow socket")

    async def _send_on(self, first: Any) -> None:
        """Send what could not be sent at once, and then all that waits."""
        try:
            async with asyncio.timeout(self._patience):
                await first
            while self._waiting:
                text = self._waiting.pop(next(iter(self._waiting)))
                async with asyncio.timeout(self._patience):
                    await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            self.too_slow()
        except (OSError, RuntimeError) as error:
            log.debug("A client is gone: %r.", error)
        finally:
            self._sending = None

    async def room(self) -> None:
        """Return once the client has read enough to be sent more."""
        while self._sending is not None and len(self._waiting) > MOST_WAITING // 2:
            await asyncio.wait([self._sending], timeout=0.05)

    def too_slow(self) -> None:
        self._waiting.clear()
        self.close(TRY_AGAIN, "The client does not read")


@types.coroutine
def _resumed(begun: Any, waiting: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun by hand and waits."""
    while True:
        try:
            sent = yield waiting
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, sent)
        try:
            waiting = step()
        except StopIteration:
            return
