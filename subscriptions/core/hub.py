"""Delivers change-log news to listeners by topic, in this process and between processes.

News says that something changed, never what it became: a listener reads again, with its own permissions. The source of
truth is the change log, written in the same transaction as the change. The broadcast (Redis) only announces a new row
with its position and topics. If that is the row right after the last one delivered, it is delivered without a read;
otherwise the log is read. Every process also polls the log. So a broadcast that is down, frozen or flushed delays news
up to one poll interval and loses none. A listener has one flag instead of a queue, so memory stays bounded.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NoReturn, TypeVar
from uuid import uuid4

import orjson
from broadcaster import Broadcast

from subscriptions.core.coalescing import Flag, Pace

CHANNEL: Final = "scoreline:news"
EVERYBODY: Final = "*"  # topic that reaches all listeners, whatever their topics
RESYNC: Final = "resync"  # message of the broadcast backend: connected, perhaps after a gap
LOST: Final = "lost"  # message of the broadcast backend: the connection was lost or could not be made
LONGEST: Final = 4_000  # a longer announcement is replaced by one without topics, after which others read the log
DEADLINE: Final = 5.0  # for one read of the log, or one publication

log = logging.getLogger(__name__)

T = TypeVar("T")
ReadLog = Callable[[int], Awaitable[Sequence[tuple[int, Sequence[str]]]]]
Newest = Callable[[], Awaitable[int]]


def pauses(first: float = 0.1, longest: float = 5.0) -> Iterator[float]:
    """Yield the seconds to wait before each retry, without end: doubling from `initial` to `maximum`, with jitter."""
    while True:
        yield random.uniform(first / 2, first)  # noqa: S311 - jitter, not a secret
        first = min(longest, first * 2)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they are done.

    Cancels repeatedly: on Python 3.11 `asyncio.wait_for` inside a client library may swallow a cancellation.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1)


async def _soon(reading: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE):
        return await reading


class Ear:
    """Calls `callback` at once on news of any of its topics, in the order of the news, until `close`.

    date_range  first and last day of interest; None for all. News of a topic with another day is skipped; news
                without a day is always delivered.
    """

    __slots__ = ("_index", "_topics", "days", "hear")

    def __init__(self, index: dict[str, set[Ear]], topics: Iterable[str], hear: Callable[[], None]) -> None:
        self._index, self.hear = index, hear
        self._topics: frozenset[str] = frozenset()
        self.days: tuple[date, date] | None = None
        self._move(frozenset(topics))

    def follow(self, topics: Iterable[str], days: tuple[date, date] | None = None) -> None:
        """Replace topics and date range.

        Calls the callback if either was extended, since earlier news of the added part was not seen.
        """
        wider = self.days is not None and (days is None or days[0] < self.days[0] or self.days[1] < days[1])
        self.days = days
        if (topics != self._topics and not self._move(frozenset(topics))) or wider:
            self.hear()

    def close(self) -> None:
        """Remove the listener from the index."""
        self._move(frozenset())

    def told(self, day: str) -> None:
        """Call the callback for news of this ISO date (empty: none), unless the date is out of range."""
        if not day or self.days is None or self.days[0] <= date.fromisoformat(day) <= self.days[1]:
            self.hear()

    def _move(self, topics: frozenset[str]) -> bool:
        """Move the listener in the index to these topics; return whether no topic was added."""
        for topic in self._topics - topics:
            self._index[topic].discard(self)
            if not self._index[topic]:
                del self._index[topic]
        for topic in topics - self._topics:
            self._index.setdefault(topic, set()).add(self)
        narrower = topics <= self._topics
        self._topics = topics
        return narrower


class Bell(Flag):
    """A coalescing event that is set by news of any of its topics."""

    def __init__(self, index: dict[str, set[Ear]], topics: Iterable[str]) -> None:
        super().__init__()
        self.ear = Ear(index, topics, self.ring)
        self.follow = self.ear.follow


@dataclass(frozen=True)
class Pulse:
    """State of the hub, for readiness checks and metrics."""

    listening: bool  # all tasks of the hub are running
    doorbell: bool  # the broadcast is connected: without it news takes up to `poll_interval` seconds
    looked: float | None  # seconds since the log was last read successfully
    connects: int  # connections made to the broadcast: each after the first followed a gap
    position: int  # last position of the log that was delivered
    deaths: int  # restarts of the hub's tasks
    listeners: int
    topics: int  # with at least one listener


class Hub:
    """Receives announcements, reads the change log, and wakes the listeners of its topics. One per process.

    read_log            returns the rows (position, topics) after a position, in order, in batches of any size.
    read_last_position  returns the position of the last row, 0 if there is none.
    poll_interval       seconds between reads of the log without an announcement.
    overlap             number of positions that each read goes back, for rows that were committed late.
    window_seconds      length of the batching window in which changes of a state become one read.
    full_batch_size     a batch of fewer rows is the last one; 0: only an empty batch is.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        read_log: ReadLog,
        newest: Newest,
        *,
        look_every: float = 1.0,
        overlap: int = 100,
        window: float = 0.03,
        full: int = 0,
    ) -> None:
        self.pace, self._full = Pace(window), full
        self._broadcast, self._read_log, self._newest = broadcast, read_log, newest
        self._look_every, self._overlap = look_every, overlap
        self._me = uuid4().hex
        self._ears: set[Ear] = set()
        self._index: dict[str, set[Ear]] = {}
        self._due, self._unsaid = Flag(), Flag()
        self._saying: str | None = None  # the next message to publish; a second one before that becomes a plain "read"
        self._position: int | None = None
        self._seen: set[int] = set()  # positions delivered, no further back than the overlap
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._down: set[str] = set()
        self._deaths, self._connects = 0, 0
        self._looked: float | None = None
        self._blind, self._mute, self._doorbell = False, False, True

    async def start(self) -> None:
        """Start the tasks. Succeeds also while the broadcast and the database are down."""
        await self._broadcast.connect()
        jobs = {"receiver": self._hear, "poller": self._look_out, "publisher": self._speak}
        self._tasks = [asyncio.create_task(self._keep(name, job), name=f"hub {name}") for name, job in jobs.items()]

    async def stop(self) -> None:
        await ended(*self._tasks)
        await self._broadcast.disconnect()

    def ring(self) -> None:
        """Announce that something was committed: read the log here and, in the background, in other processes."""
        self._due.ring()
        self._saying = self._me
        self._unsaid.ring()

    def tell(self, position: int, topics: Collection[str]) -> None:
        """Announce a committed row of the log by position and topics.

        Like `notify`, but a process that has delivered all earlier rows needs no read.
        """
        self._news(position, topics)
        said = orjson.dumps([self._me, position, list(topics)]).decode()
        waits = self._saying is not None
        self._saying = self._me if waits or len(said) > LONGEST else said
        self._unsaid.ring()

    def tell_here(self, topics: Iterable[str]) -> None:
        """Deliver news to the listeners of this process only."""
        self._tell(topics)

    def is_heard(self, topic: str) -> bool:
        """Return whether any listener has this topic."""
        return topic in self._index

    @contextmanager
    def listen(self, topics: Iterable[str]) -> Iterator[Bell]:
        """Yield a signal that is set by news of any of the topics, until the block is left."""
        bell = Bell(self._index, topics)
        self._ears.add(bell.ear)
        try:
            yield bell
        finally:
            self.unwatch(bell.ear)

    def watch(self, topics: Iterable[str], hear: Callable[[], None]) -> Ear:
        """Call `callback` on news of any topic until `unwatch`. It must not block or raise."""
        ear = Ear(self._index, topics, hear)
        self._ears.add(ear)
        return ear

    def unwatch(self, ear: Ear) -> None:
        self._ears.discard(ear)
        ear.close()

    def wake_everybody(self) -> None:
        """Wake all listeners: after a gap any of them may have missed news."""
        for ear in tuple(self._ears):
            ear.hear()

    @property
    def position(self) -> int | None:
        """Last position of the log that was delivered; None before the first read."""
        return self._position

    @property
    def pulse(self) -> Pulse:
        listening = bool(self._tasks) and not self._down and not any(task.done() for task in self._tasks)
        looked = None if self._looked is None else asyncio.get_running_loop().time() - self._looked
        return Pulse(
            listening=listening,
            doorbell=self._doorbell,
            looked=looked,
            connects=self._connects,
            position=self._position or 0,
            deaths=self._deaths,
            listeners=len(self._ears),
            topics=len(self._index),
        )

    @property
    def healthy(self) -> bool:
        """Whether news arrives: all tasks run and the log was read recently (the broadcast may be down)."""
        pulse = self.pulse
        recent = pulse.looked is not None and pulse.looked < self._look_every + 2 * DEADLINE
        return pulse.listening and recent and not self._blind

    async def _keep(self, name: str, job: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        """Run a task's loop and restart it, with growing pauses, whenever it fails."""
        waits = pauses()
        while True:
            try:
                await job()
            except Exception:  # nothing else would restart it
                log.exception("The hub's %s failed and is restarted.", name)
            self._deaths += 1
            self._down.add(name)
            await asyncio.sleep(next(waits))
            self._down.discard(name)
            self._due.ring()

    async def _hear(self) -> NoReturn:
        """Receive announcements: `["sender", position, [topics]]`, or only a sender, which asks to read the log."""
        async with self._broadcast.subscribe(CHANNEL) as news:
            while True:
                said = (await news.get()).message
                if said == LOST:
                    self._doorbell = False
                elif not said.startswith("["):
                    if said != self._me:
                        self._due.ring()
                else:
                    sender, position, topics = orjson.loads(said)
                    if sender != self._me:
                        self._news(position, topics)
                if said == RESYNC:
                    self._doorbell = True
                    self._connects += 1
                    self.wake_everybody()

    async def _speak(self) -> NoReturn:
        """Publish announcements, one at a time: those that arrive during a publication become one."""
        while True:
            await self._unsaid.wait()
            said, self._saying = self._saying or self._me, None
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._broadcast.publish(CHANNEL, said)
            except Exception as error:  # noqa: BLE001 - any broadcast error: the other processes poll the log
                if not self._mute:
                    log.warning("News cannot be published (%r); other processes find it by polling.", error)
                self._mute = True
            else:
                self._mute = False

    async def _look_out(self) -> NoReturn:
        """Read the log when an announcement asks for it, and at least every `poll_interval` seconds."""
        while True:
            try:
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 - any database error may be temporary
                if not self._blind:
                    log.warning("The change log cannot be read (%r); trying again.", error)
                self._blind = True
            else:
                self._looked = asyncio.get_running_loop().time()
                if self._blind:
                    log.info("The change log can be read again; all listeners are woken.")
                    self.wake_everybody()
                self._blind = False
            await self._due.wait(self._look_every)

    async def _catch_up(self) -> None:
        """Deliver all rows that were not delivered yet, from `overlap` positions before the last one.

        The overlap is for rows that become visible after rows with later positions. If the log ends before the last
        position that was delivered, it was truncated or restored, and delivery starts over at its end.
        """
        if self._position is None:
            await self._begin()
        known = self._position or 0
        at = max(0, known - self._overlap)
        while rows := await _soon(self._read_log(at)):
            for position, topics in rows:
                if position not in self._seen:
                    self._seen.add(position)
                    self._tell(topics)
            at = rows[-1][0]
            self._position = max(known, at, self._position or 0)
            self._seen = {position for position in self._seen if position > self._position - self._overlap}
            if len(rows) < self._full:
                break
        if at < known:
            log.warning("The change log ends at %d, before %d: it was truncated. All listeners are woken.", at, known)
            await self._begin()

    def _news(self, position: int, topics: Iterable[str]) -> None:
        """Deliver an announced row if it is the next one; otherwise have the log read, as earlier rows are missing."""
        if self._position is None or position != self._position + 1:
            self._due.ring()
        elif position not in self._seen:
            self._seen.add(position)
            self._position = position
            self._tell(topics)

    async def _begin(self) -> None:
        """Start at the end of the log. Earlier news is unknown, so all listeners are woken."""
        self._position = await _soon(self._newest())
        self._seen.clear()
        self.wake_everybody()

    def _tell(self, topics: Iterable[str]) -> None:
        """Wake the listeners of these topics; `topic@2026-11-28` is news of `topic` on that day."""
        for topic in topics:
            if topic == EVERYBODY:
                self.wake_everybody()
            name, _, day = topic.partition("@")
            for ear in tuple(self._index.get(name, ())):
                ear.told(day)
