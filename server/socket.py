"""GraphQL over one WebSocket, by the protocol graphql-transport-ws.

Whatever breaks the protocol closes the socket with its code and a reason; whatever is
wrong with one operation fails that operation alone. Each operation runs as a task of its
own and is asked for its next result only when the last one is on its way, so a client
that reads slowly skips states and piles nothing up here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, NoReturn

import orjson
from starlette.types import Receive, Send

from domain.failures import Throttled, Unauthenticated
from models.database import AWAY
from resolvers.caller import Caller
from server import logs, metrics
from server.answering import Answer, Answering, count_unread
from server.door import known, spoken
from server.strict import Malformed, Message, envelope, message
from subscriptions.hub import ended

PROTOCOL: Final = "graphql-transport-ws"
MALFORMED, UNAUTHORIZED, FORBIDDEN, NOT_SPOKEN, LATE, TAKEN, TWICE = 4400, 4401, 4403, 4406, 4408, 4409, 4429
RESTART, TRY_AGAIN = 1012, 1013

log = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed, with this code and reason; a code of 0: it is closed already."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Budget:
    """How much a client may say: `burst` messages at once, and so many a second for ever."""

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
    """

    def __init__(
        self,
        answering: Answering,
        caller: Caller,
        authorization: str | None,
        receive: Receive,
        send: Send,
        *,
        patience: float = 10,
        most: int = 100,
    ) -> None:
        self._answering, self._caller, self._authorization = answering, caller, authorization
        self._receive, self._raw_send = receive, send
        self._patience, self._most = patience, most
        self._budget = Budget(burst=300, rate=50)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._finishing: set[asyncio.Task[None]] = set()  # mutations whose client does not wait any more
        self._begun = False
        self._closing: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve until either side closes; what was running is stopped then, and mutations brought to their end."""
        reader = asyncio.create_task(self._read(), name="socket reader")
        metrics.SOCKETS.inc()
        try:
            waited: list[asyncio.Future[Any]] = [reader, self._closing]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            metrics.SOCKETS.dec()
            await ended(reader, *(task for task in self._running.values() if task not in self._finishing))
            self.close(RESTART, "The server stops")  # unless somebody had a reason before
            await self._close(self._closing.result())
            if self._finishing:
                await asyncio.wait(self._finishing)

    def close(self, code: int, reason: str) -> None:
        """Ask for the end; the first who does decides the code. A code of 0: it is closed already."""
        if not self._closing.done():
            self._closing.set_result(Closed(code, reason))

    async def _close(self, closed: Closed) -> None:
        if not closed.code:
            return
        if closed.code == MALFORMED:
            log.info("A socket was closed: %s.", closed.reason)
        try:
            async with asyncio.timeout(1):
                await self._raw_send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})
        except (TimeoutError, OSError, RuntimeError) as error:
            log.debug("The client did not hear the close: %r.", error)

    async def _read(self) -> None:
        try:
            await self._hear()
        except Closed as closed:
            self.close(closed.code, closed.reason)
        except Exception:  # ours: this client comes again, all others go on
            log.exception("A socket failed.")
            self.close(1011, "Something failed on our side")

    async def _hear(self) -> NoReturn:
        """Hear the client, until Closed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                async with asyncio.timeout_at(None if self._begun else until):
                    event = await self._receive()
            except TimeoutError:
                raise Closed(LATE, "Connection initialisation timeout") from None
            if event["type"] == "websocket.disconnect":
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
                await self._say({"type": "pong"})
            case "subscribe":
                self._subscribe(heard)
            case "complete":
                self._stop(heard.id)

    async def _begin(self, heard: Message) -> None:
        """Let the client in by the token of its first message, or by that of the handshake."""
        if self._begun:
            raise Closed(TWICE, "Too many initialisation requests")
        said = heard.payload or {}
        given = next((said[key] for key in ("Authorization", "authorization") if key in said), self._authorization)
        try:
            self._caller = known(spoken(self._caller, said), given)
            context = await self._answering.gate.admit(self._caller)
            self._caller = replace(self._caller, language=context.language)
        except Unauthenticated as error:
            raise Closed(FORBIDDEN, f"{error.code}: {error.message}"[:120]) from None
        except AWAY as error:
            log.warning("The database is away (%r): a client was sent away.", error)
            raise Closed(TRY_AGAIN, "The database cannot be reached at the moment") from None
        if context.who is None:
            raise Closed(FORBIDDEN, "UNAUTHENTICATED: send an access token as `Authorization` of connection_init")
        self._begun = True
        watching = asyncio.create_task(self._watch(context), name="socket rights")
        self._running[""] = watching  # no client's id is empty
        await self._say({"type": "connection_ack"})

    async def _watch(self, context: Any) -> None:
        await self._answering.gate.ended(context)
        self.close(FORBIDDEN, "UNAUTHENTICATED: this session has ended")

    def _subscribe(self, heard: Message) -> None:
        if not self._begun:
            raise Closed(UNAUTHORIZED, "Unauthorized")
        if heard.id in self._running:
            raise Closed(TAKEN, f"Subscriber for {heard.id} already exists"[:120])
        running = self._operate(heard)
        if len(self._running) > self._most:
            running.close()
            running = self._refuse(heard.id)
        task = asyncio.create_task(running, name="socket operation")
        self._running[heard.id] = task

    def _stop(self, id_: str) -> None:
        task = self._running.pop(id_, None) if id_ else None
        if task is not None and task not in self._finishing:
            task.cancel()

    async def _refuse(self, id_: str) -> None:
        error = Throttled(f"One socket runs at most {self._most} operations: complete one first, or open another.")
        with logs.request():
            await self._end(id_, self._answering.failed(error, self._caller))

    async def _operate(self, heard: Message) -> None:
        """Run one operation to its end; nothing it does harms the others."""
        with logs.request() as request:
            caller = replace(self._caller, request_id=request.id)
            try:
                operation = self._answering.read(envelope(heard.payload))
            except Exception as error:  # noqa: BLE001 - it becomes the operation's answer
                count_unread()
                await self._end(heard.id, self._answering.failed(error, caller))
                return
            if operation.kind == "subscription":
                await self._stream(heard.id, self._answering.stream(operation, caller))
                return
            me = asyncio.current_task()
            if operation.kind == "mutation" and me is not None:
                self._finishing.add(me)  # a client that goes away does not undo what it asked for
                me.add_done_callback(self._finishing.discard)
            await self._end(heard.id, await self._answering.execute(operation, caller))

    async def _stream(self, id_: str, answers: Any) -> None:
        metrics.SUBSCRIPTIONS.inc()
        try:
            async with aclosing(answers):
                async for answer in answers:
                    if "data" not in answer.payload:
                        await self._end(id_, answer)
                        return
                    await self._next(id_, answer)
                    metrics.PUSHES.inc()
        finally:
            metrics.SUBSCRIPTIONS.dec()
        await self._complete(id_)

    async def _next(self, id_: str, answer: Answer) -> None:
        await self._say({"id": id_, "type": "next", "payload": answer.payload})

    async def _end(self, id_: str, answer: Answer) -> None:
        """Send the only, or the last, answer of an operation."""
        if not self._wanted(id_):
            return
        if "data" in answer.payload:
            await self._next(id_, answer)
            await self._complete(id_)
        else:
            del self._running[id_]
            await self._say({"id": id_, "type": "error", "payload": answer.payload["errors"]})

    async def _complete(self, id_: str) -> None:
        """Say that an operation is over; from now on its id may be used again."""
        if self._wanted(id_):
            del self._running[id_]
            await self._say({"id": id_, "type": "complete"})

    def _wanted(self, id_: str) -> bool:
        """Return whether the client still waits for this operation, and has not begun another with the same id."""
        return self._running.get(id_) is asyncio.current_task()

    async def _say(self, what: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._raw_send({"type": "websocket.send", "text": orjson.dumps(what).decode()})
        except TimeoutError:
            self.close(TRY_AGAIN, "The client does not read")
        except (OSError, RuntimeError) as error:  # gone; the reader hears of it too
            log.debug("A client is gone: %r.", error)
