"""One question, one answer, many readers.

For each distinct question (the document, its variables, the language, and what of the asker the
answer depends on) a process keeps one running stream: one read, one execution and one encoding
for each change, however many listen. Each listener gets the same text with only his operation's
id in front. A change costs as much as there are different questions that it moves.

A stream of states remembers the newest text of each state, for who comes late. A stream of
happenings remembers nothing: who comes with a cursor first hears by himself what he missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol

import orjson

from graph.execution.operations import Operation
from graph.subscriptions import HAPPENINGS
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.viewer import Viewer
from server.observability import logging as log_setup
from server.observability import prometheus
from server.operation_runner import Answer, Answering
from server.websocket.protocol import Text
from server.websocket.session_permissions import Rights
from subscriptions.core.hub import ended
from subscriptions.core.stream_context import NOW

BREATH: Final = 100  # sends after which everybody else gets a turn
HELD: Final = 1_000  # happenings that wait for who is still catching up

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a shared subscription needs of a socket."""

    caller: Caller
    viewer: Viewer

    def push(self, id_: str, key: Hashable, start: bytes, text: Text) -> None:
        """Send a result, or keep the newest by `key` while the client does not read."""

    def failed(self, member: Member, answer: Answer) -> None:
        """End the subscription with an error."""

    def too_slow(self) -> None:
        """Close the socket: its client does not keep up."""

    async def room(self) -> None:
        """Wait until the client reads."""


class Member:
    """One operation of one socket that listens.

    start   of each of its messages, up to the payload
    behind  the version it has seen of each state; what is older is not sent
    held    happenings that came while it was catching up, by position; None once it has
    last    the position of the last happening it heard
    """

    __slots__ = ("behind", "group", "held", "id", "last", "operation", "socket", "start")

    def __init__(self, socket: Listener, id_: str, operation: Operation) -> None:
        self.socket, self.id, self.operation = socket, id_, operation
        self.start = b'{"id":%b,"type":"next","payload":' % orjson.dumps(id_)
        self.group: Group | None = None
        self.behind: dict[Hashable, int] | None = None
        self.held: dict[int, Text] | None = None
        self.last = 0

    def told(self, state: Hashable, version: int, text: Text) -> None:
        if self.behind is not None and version < self.behind.get(state, 0):
            return
        self.socket.push(self.id, state, self.start, text)

    def happened(self, position: int, text: Text) -> None:
        if self.held is not None:
            self.held[position] = text
            if len(self.held) > HELD:
                self.socket.too_slow()
        else:
            self.hear(position, text)

    def hear(self, position: int, text: Text) -> None:
        if position > self.last:
            self.last = position
            self.socket.push(self.id, position, self.start, text)

    def release(self) -> None:
        """Hear what came while it was catching up, and from now on what comes."""
        held, self.held = self.held or {}, None
        for position in sorted(held):
            self.hear(position, held[position])


class Group:
    """The listeners of one question, and the stream that answers it.

    newest    of a stream of states: version and text of each
    position  of a stream of happenings: the last one known; None until it has begun
    """

    def __init__(self, groups: Groups, key: Hashable, first: Member) -> None:
        self._groups, self.key = groups, key
        self.members: dict[Member, None] = {}
        self.newest: dict[Hashable, tuple[int, Text]] = {}
        self.happening = first.operation.field in HAPPENINGS
        self.position: int | None = None
        self.begun = asyncio.Event()
        self._task = asyncio.create_task(self._run(first), name="question")

    def join(self, member: Member) -> None:
        member.group = self
        self.members[member] = None
        for state, (version, text) in self.newest.items():
            member.told(state, version, text)

    def leave(self, member: Member) -> None:
        self.members.pop(member, None)
        member.group = None
        if not self.members:
            self._groups.forget(self)
            self._task.cancel()

    async def _run(self, first: Member) -> None:
        with log_setup.request() as request:
            operation = first.operation
            log_setup.name_operation(operation.name or operation.field)
            context = self._groups.context(first.socket, request.id)
            del first  # it may leave before the stream ends
            context.settled = partial(self._settled, context)
            if self.happening:
                context.start, context.caught_up = NOW, self._caught_up
            try:
                async with aclosing(self._groups.answering.events(operation, context)) as answers:
                    async for event, answer in answers:
                        if "data" not in answer.payload:
                            self._end(answer)
                            return
                        await self._groups.rights.settled()
                        await self._tell(event, answer, context.standing)
            except Exception as error:  # ours: whoever listens hears that it ended
                log.exception("A question failed.")
                self._end(self._groups.answering.failed(error, context.caller))

    async def _settled(self, context: Context) -> None:
        await self._groups.rights.settled()
        member = next(iter(self.members), None)
        if member is not None:
            context.who = member.socket.viewer

    def _caught_up(self, position: int) -> None:
        self.position = position
        self.begun.set()

    async def _tell(self, event: Any, answer: Answer, standing: set[int] | None) -> None:
        text = _text(answer)
        key, version = getattr(event, "id", 0), getattr(event, "version", 0)
        if self.happening:
            self.position = key
        else:
            same = key in self.newest and self.newest[key][1].rest == text.rest
            self.newest[key] = version, text
            if same:
                self._keep(standing)
                return
        for number, member in enumerate(list(self.members), 1):
            if member.group is not self:
                continue
            if self.happening:
                member.happened(key, text)
            else:
                member.told(key, version, text)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        prometheus.PUSHES.inc(len(self.members))
        self._keep(standing)

    def _keep(self, standing: set[int] | None) -> None:
        """Let go of the states that are no longer any of the question's."""
        if standing is not None:
            self.newest = {state: found for state, found in self.newest.items() if state in standing}

    def _end(self, answer: Answer) -> None:
        self._groups.forget(self)
        self.begun.set()
        for member in list(self.members):
            self.members.pop(member)
            member.group = None
            member.socket.failed(member, answer)


class Groups:
    """All questions that are being asked in this process."""

    def __init__(self, answering: Answering, rights: Rights) -> None:
        self.answering, self.rights = answering, rights
        self._groups: dict[Hashable, Group] = {}
        self._catching_up: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._groups)

    def context(self, asker: Listener, request_id: str) -> Context:
        """Return what a stream works with on behalf of a socket."""
        context = self.answering.gate.context(replace(asker.caller, token=None, request_id=request_id))
        context.who, context.known = asker.viewer, context.services.known
        return context

    def join(self, member: Member) -> None:
        """Let a member hear the answers to its operation, from now on or from where its cursor says."""
        prometheus.SUBSCRIPTIONS.inc()
        group = self._join(member)
        if group.happening and member.operation.argument("after") is not None:
            self._catch_up(member, group, None)

    def leave(self, member: Member) -> None:
        prometheus.SUBSCRIPTIONS.dec()
        if member.group is not None:
            member.group.leave(member)

    def move(self, member: Member) -> None:
        """Let a member hear what belongs to its viewer's rights as they are now."""
        old = member.group
        if old is None or self._key(member) == old.key:
            return
        if not old.happening:
            member.behind = {state: version for state, (version, _) in old.newest.items()}
        old.leave(member)
        new = self._join(member)
        if new.happening and old.position is not None and member.held is None:
            self._catch_up(member, new, max(member.last, old.position))

    def forget(self, group: Group) -> None:
        if self._groups.get(group.key) is group:
            del self._groups[group.key]

    def _key(self, member: Member) -> Hashable:
        operation, socket = member.operation, member.socket
        ignored = ("after",) if operation.field in HAPPENINGS else ()
        return self.answering.operations.key(operation, socket.viewer, socket.caller.language, ignored)

    def _join(self, member: Member) -> Group:
        key = self._key(member)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self, key, member)
        group.join(member)
        return group

    def _catch_up(self, member: Member, group: Group, start: int | None) -> None:
        member.held = {}
        task = asyncio.create_task(self._missed(member, group, start), name="catching up")
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _missed(self, member: Member, group: Group, start: int | None) -> None:
        """Let a member hear what happened after its cursor, or after `start`, until it is where its group is."""
        await group.begun.wait()  # from where it begins on, the group holds everything for the member
        with log_setup.request() as request:
            context = self.context(member.socket, request.id)
            context.start, context.settled = start, self.rights.settled
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            context.caught_up = lambda _: None if done.done() else done.set_result(None)
            reading = asyncio.create_task(self._read(member, context), name="catching up, reading")
            await asyncio.wait({reading, done}, return_when=asyncio.FIRST_COMPLETED)
            await ended(reading)
            if member.group is not None:
                member.release()

    async def _read(self, member: Member, context: Context) -> None:
        async with aclosing(self.answering.events(member.operation, context)) as answers:
            async for event, answer in answers:
                await member.socket.room()
                if member.group is None:
                    return
                if "data" not in answer.payload:
                    self.leave(member)
                    member.socket.failed(member, answer)
                    return
                member.hear(event.id, _text(answer))


def _text(answer: Answer) -> Text:
    return Text(orjson.dumps(answer.payload) + b"}")
