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

BREATH: Final = 100  # sends after which the event loop gets to other tasks
HELD: Final = 1_000  # events buffered for a subscriber that still replays

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
    """A subscription operation of one socket.

    prefix           start of each of its messages, up to the payload
    last_versions    after a move between shared subscriptions: version of each state that it has got already; older
                     ones are not sent, as the new stream may have read before the old one did
    buffered_events  while it replays missed events: new events by position; None otherwise
    last_position    position of the last event sent
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
        """Send a state, unless a newer version was sent before the subscriber moved here."""
        if self.behind is not None and version < self.behind.get(state, 0):
            return
        self.socket.push(self.id, state, self.start, text)

    def happened(self, position: int, text: Text) -> None:
        """Send an event, or buffer it during a replay."""
        if self.held is not None:
            self.held[position] = text
            if len(self.held) > HELD:
                self.socket.too_slow()
        else:
            self.hear(position, text)

    def hear(self, position: int, text: Text) -> None:
        """Send an event unless it was sent already: the replay and the shared stream may overlap."""
        if position > self.last:
            self.last = position
            self.socket.push(self.id, position, self.start, text)

    def release(self) -> None:
        """End the replay: send the buffered events in order; later events are sent directly."""
        held, self.held = self.held or {}, None
        for position in sorted(held):
            self.hear(position, held[position])


class Group:
    """One running subscription and its subscribers.

    latest_states  stream of states: version and text of each state
    position       stream of events: position of the last one; None until the stream has started
    started        set once the start position is known (or the stream has failed): from then on no event is missed
    """

    def __init__(self, groups: Groups, key: Hashable, first: Member) -> None:
        self._groups, self.key = groups, key
        self.members: dict[Member, None] = {}
        self.newest: dict[Hashable, tuple[int, Text]] = {}
        self.happening = first.operation.field in HAPPENINGS
        self.position: int | None = None
        self.begun = asyncio.Event()
        self._task = asyncio.create_task(self._run(first), name="shared subscription")

    def join(self, member: Member) -> None:
        """Add a subscriber and send it the states known so far."""
        member.group = self
        self.members[member] = None
        for state, (version, text) in self.newest.items():
            member.told(state, version, text)

    def leave(self, member: Member) -> None:
        """Remove a subscriber; the last one ends the stream."""
        self.members.pop(member, None)
        member.group = None
        if not self.members:
            self._groups.forget(self)
            self._task.cancel()

    async def _run(self, first: Member) -> None:
        """Execute the subscription and publish its results.

        The context is that of the first subscriber. All subscribers of a key have the same permissions, so the viewer
        of any of them may stand in later (`_refresh_viewer`).
        """
        with log_setup.request() as request:
            operation = first.operation
            log_setup.name_operation(operation.name or operation.field)
            context = self._groups.context(first.socket, request.id)
            del first  # it may leave before the stream ends: do not keep its socket in memory
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
            except Exception as error:  # a bug: the subscribers are told that the subscription ended
                log.exception("A shared subscription failed.")
                self._end(self._groups.answering.failed(error, context.caller))

    async def _settled(self, context: Context) -> None:
        """Before each read: wait for pending permission checks, then take the viewer of a current subscriber."""
        await self._groups.rights.settled()
        member = next(iter(self.members), None)
        if member is not None:
            context.who = member.socket.viewer

    def _caught_up(self, position: int) -> None:
        self.position = position
        self.begun.set()

    async def _tell(self, event: Any, answer: Answer, standing: set[int] | None) -> None:
        """Send a result to all subscribers; an unchanged state is not sent.

        active_state_ids  states that still belong to the subscription; None if it has no such list.
        """
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
        """Forget states that no longer belong to the subscription, so that later subscribers do not get them."""
        if standing is not None:
            self.newest = {state: found for state, found in self.newest.items() if state in standing}

    def _end(self, answer: Answer) -> None:
        """End the stream with an error for all subscribers."""
        self._groups.forget(self)
        self.begun.set()
        for member in list(self.members):
            self.members.pop(member)
            member.group = None
            member.socket.failed(member, answer)


class Groups:
    """The shared subscriptions of this process, by share key."""

    def __init__(self, answering: Answering, rights: Rights) -> None:
        self.answering, self.rights = answering, rights
        self._groups: dict[Hashable, Group] = {}
        self._catching_up: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._groups)

    def context(self, asker: Listener, request_id: str) -> Context:
        """Return the context of a stream for the viewer of a socket; it reads from the reference cache."""
        context = self.answering.gate.context(replace(asker.caller, token=None, request_id=request_id))
        context.who, context.known = asker.viewer, context.services.known
        return context

    def join(self, member: Member) -> None:
        """Add a subscriber to the shared subscription of its key, replaying events after its cursor if it has one."""
        prometheus.SUBSCRIPTIONS.inc()
        group = self._join(member)
        if group.happening and member.operation.argument("after") is not None:
            self._catch_up(member, group, None)

    def leave(self, member: Member) -> None:
        """Remove a subscriber."""
        prometheus.SUBSCRIPTIONS.dec()
        if member.group is not None:
            member.group.leave(member)

    def move(self, member: Member) -> None:
        """Move a subscriber to the shared subscription that fits its viewer's permissions now.

        States: versions sent by the old stream are remembered, so that the new one sends nothing older. Events: those
        after the old stream's position are replayed, so that none is lost in between.
        """
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
        """Remove a shared subscription; a new subscriber of its key starts another one."""
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
        task = asyncio.create_task(self._missed(member, group, start), name="event replay")
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _missed(self, member: Member, group: Group, start: int | None) -> None:
        """Replay the events after the subscriber's cursor, or after `start_position`, up to the shared stream.

        The replay begins after the shared stream has started. From then on the subscriber buffers the stream's events,
        so the replay may stop at any later position: overlaps are dropped by position when the buffer is flushed.
        """
        await group.begun.wait()
        with log_setup.request() as request:
            context = self.context(member.socket, request.id)
            context.start, context.settled = start, self.rights.settled
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            context.caught_up = lambda _: None if done.done() else done.set_result(None)
            reading = asyncio.create_task(self._read(member, context), name="event replay, reading")
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
