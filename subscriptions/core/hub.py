"""News between processes, and from one process to its listeners.

News says that something moved, never what it became: whoever hears it reads again,
with their own rights. The truth about what moved is the change log, written in the
same transaction as the change. The broadcast is only a doorbell that says "look at the
log", and which row it rings for: where that is the very next one, there is no need to look.
Every process also looks by itself. So a broadcast that is away, frozen or emptied
costs a moment, and no news. A listener has one flag, never a queue.
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
EVERYBODY: Final = "*"  # as a topic of news: all listeners, whatever they listen to
RESYNC: Final = "resync"  # from the broadcast: connected, perhaps after a gap
LOST: Final = "lost"  # from the broadcast: the connection is gone, or could not be made
LONGEST: Final = 4_000  # characters of a message that says what has moved; of more it only says that something has
DEADLINE: Final = 5.0  # seconds for one read of the log, or one publication

log = logging.getLogger(__name__)

T = TypeVar("T")
ReadLog = Callable[[int], Awaitable[Sequence[tuple[int, Sequence[str]]]]]
Newest = Callable[[], Awaitable[int]]


def pauses(first: float = 0.1, longest: float = 5.0) -> Iterator[float]:
    """Yield for ever how many seconds to wait before the next attempt: doubling, jittered, at most `longest`."""
    while True:
        yield random.uniform(first / 2, first)  # noqa: S311 - jitter, not a secret
        first = min(longest, first * 2)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks until they are done: on Python 3.11 a client's `wait_for` may swallow a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1)


async def _soon(reading: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE):
        return await reading


class Ear:
    """Calls `hear` at once at news of any of its topics, in the order of the news; until `close`.

    days  first and last of the days whose news concerns it; news that names no day always does.
    """

    __slots__ = ("_index", "_topics", "days", "hear")

    def __init__(self, index: dict[str, set[Ear]], topics: Iterable[str], hear: Callable[[], None]) -> None:
        self._index, self.hear = index, hear
        self._topics: frozenset[str] = frozenset()
        self.days: tuple[date, date] | None = None
        self._move(frozenset(topics))

    def follow(self, topics: Iterable[str], days: tuple[date, date] | None = None) -> None:
        """Replace what is listened to; what is new is heard, as what moved there before was not."""
        wider = self.days is not None and (days is None or days[0] < self.days[0] or self.days[1] < days[1])
        self.days = days
        if (topics != self._topics and not self._move(frozenset(topics))) or wider:
            self.hear()

    def close(self) -> None:
        self._move(frozenset())

    def told(self, day: str) -> None:
        if not day or self.days is None or self.days[0] <= date.fromisoformat(day) <= self.days[1]:
            self.hear()

    def _move(self, topics: frozenset[str]) -> bool:
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
    """A listener's flag, rung by news of any of its topics."""

    def __init__(self, index: dict[str, set[Ear]], topics: Iterable[str]) -> None:
        super().__init__()
        self.ear = Ear(index, topics, self.ring)
        self.follow = self.ear.follow


@dataclass(frozen=True)
class Pulse:
    """How the hub is: for readiness and measurements."""

    listening: bool  # every task of the hub is at work
    doorbell: bool  # the broadcast is connected: without it news takes up to `look_every` seconds
    looked: float | None  # seconds since the log was last read with success
    connects: int  # how often the broadcast was connected: each after the first was a gap
    position: int  # the last of the log that was told
    deaths: int  # how often one of the tasks had to be started again
    listeners: int
    topics: int  # listened to by anybody


class Hub:
    """One per process: it hears the doorbell, reads the log, and wakes whom the news concerns.

    read_log    the rows (position, topics) after a position, in order, in batches of any size.
    newest      the position of the last row, 0 when there is none.
    look_every  seconds between looks that nobody rang for.
    overlap     how many positions back each look goes, for rows that committed late.
    window      seconds in which changes of a state that come close together become one.
    full        rows of a batch after which more may follow; a shorter one is the last. 0: only an empty one is.
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
        self._saying: str | None = None  # what is to be said next
        self._position: int | None = None
        self._seen: set[int] = set()  # positions told, no further back than the overlap
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._down: set[str] = set()
        self._deaths, self._connects = 0, 0
        self._looked: float | None = None
        self._blind, self._mute, self._doorbell = False, False, True

    async def start(self) -> None:
        """Begin to listen; succeeds with the broadcast and the database away."""
        await self._broadcast.connect()
        jobs = {"ear": self._hear, "look-out": self._look_out, "voice": self._speak}
        self._tasks = [asyncio.create_task(self._keep(name, job), name=f"hub {name}") for name, job in jobs.items()]

    async def stop(self) -> None:
        await ended(*self._tasks)
        await self._broadcast.disconnect()

    def ring(self) -> None:
        """Say that something was committed: wakes the local look and, in the background, the other processes."""
        self._due.ring()
        self._saying = self._me
        self._unsaid.ring()

    def tell(self, position: int, topics: Collection[str]) -> None:
        """Say what was committed, and as which row of the log: the same, but nobody has to look who knows all before it."""
        self._news(position, topics)
        said = orjson.dumps([self._me, position, list(topics)]).decode()
        waits = self._saying is not None
        self._saying = self._me if waits or len(said) > LONGEST else said
        self._unsaid.ring()

    def tell_here(self, topics: Iterable[str]) -> None:
        """Tell what nobody else needs to hear: the listeners of this process alone."""
        self._tell(topics)

    def is_heard(self, topic: str) -> bool:
        return topic in self._index

    @contextmanager
    def listen(self, topics: Iterable[str]) -> Iterator[Bell]:
        """Give a bell rung by news of any of the topics, until the block is left."""
        bell = Bell(self._index, topics)
        self._ears.add(bell.ear)
        try:
            yield bell
        finally:
            self.unwatch(bell.ear)

    def watch(self, topics: Iterable[str], hear: Callable[[], None]) -> Ear:
        """Have `hear` called at news of any of the topics, until `unwatch`; it must be quick and not raise."""
        ear = Ear(self._index, topics, hear)
        self._ears.add(ear)
        return ear

    def unwatch(self, ear: Ear) -> None:
        self._ears.discard(ear)
        ear.close()

    def wake_everybody(self) -> None:
        for ear in tuple(self._ears):
            ear.hear()

    @property
    def position(self) -> int | None:
        """The last position of the log that was told; None before it was first read."""
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
        """Whether news arrives: every task is at work, and the log was read lately (the doorbell may be away)."""
        pulse = self.pulse
        recent = pulse.looked is not None and pulse.looked < self._look_every + 2 * DEADLINE
        return pulse.listening and recent and not self._blind

    async def _keep(self, name: str, job: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        waits = pauses()
        while True:
            try:
                await job()
            except Exception:  # whatever it was, nobody else would start it again
                log.exception("The hub's %s died and begins again.", name)
            self._deaths += 1
            self._down.add(name)
            await asyncio.sleep(next(waits))
            self._down.discard(name)
            self._due.ring()

    async def _hear(self) -> NoReturn:
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
        while True:
            await self._unsaid.wait()
            said, self._saying = self._saying or self._me, None
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._broadcast.publish(CHANNEL, said)
            except Exception as error:  # noqa: BLE001 - of whatever broadcast; the others look by themselves
                if not self._mute:
                    log.warning("News cannot be published (%r); other processes find it by themselves.", error)
                self._mute = True
            else:
                self._mute = False

    async def _look_out(self) -> NoReturn:
        while True:
            try:
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 - of whatever database; it may come back
                if not self._blind:
                    log.warning("The change log cannot be read (%r); trying on.", error)
                self._blind = True
            else:
                self._looked = asyncio.get_running_loop().time()
                if self._blind:
                    log.info("The change log can be read again; everybody is woken.")
                    self.wake_everybody()
                self._blind = False
            await self._due.wait(self._look_every)

    async def _catch_up(self) -> None:
        """Tell every row not told yet, from a little before the last position on."""
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
            log.warning("The change log ends at %d, before %d: it was cut. Everybody is woken.", at, known)
            await self._begin()

    def _news(self, position: int, topics: Iterable[str]) -> None:
        """Tell of a row that is the next of the log; for any other, look what was before it."""
        if self._position is None or position != self._position + 1:
            self._due.ring()
        elif position not in self._seen:
            self._seen.add(position)
            self._position = position
            self._tell(topics)

    async def _begin(self) -> None:
        self._position = await _soon(self._newest())
        self._seen.clear()
        self.wake_everybody()

    def _tell(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic == EVERYBODY:
                self.wake_everybody()
            name, _, day = topic.partition("@")
            for ear in tuple(self._index.get(name, ())):
                ear.told(day)
