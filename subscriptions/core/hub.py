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
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar
from uuid import uuid4

import orjson
from broadcaster import Broadcast

from models.live.epoch import EPOCH_TOPIC
from subscriptions.core.coalescing import CoalescingEvent, CoalescingWindow
from subscriptions.core.tasks import TaskSupervisor
from subscriptions.core.timer_wheel import MAX_SLEEP_SECONDS, TimerWheel
from subscriptions.core.topic_listeners import TopicListener, TopicSignal

BROADCAST_CHANNEL: Final = "scoreline:news"
ALL_LISTENERS: Final = "*"  # topic that reaches all listeners, whatever their topics
RESYNC: Final = "resync"  # message of the broadcast backend: connected, perhaps after a gap
CONNECTION_LOST: Final = "lost"  # message of the broadcast backend: the connection was lost or could not be made
MAX_MESSAGE_CHARACTERS: Final = (
    4_000  # a longer announcement is replaced by one without topics, after which others read the log
)
IO_TIMEOUT_SECONDS: Final = 5.0  # for one read of the log, or one publication

log = logging.getLogger(__name__)

T = TypeVar("T")
ReadChangeLog = Callable[[int], Awaitable[Sequence[tuple[int, Sequence[str]]]]]
ReadLastPosition = Callable[[], Awaitable[int]]
CheckHistory = Callable[[int | None], Awaitable[str]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def _with_timeout(operation: Awaitable[T]) -> T:
    async with asyncio.timeout(IO_TIMEOUT_SECONDS):
        return await operation


@dataclass(frozen=True)
class HubStatus:
    """State of the hub, for readiness checks and metrics."""

    tasks_running: bool  # all tasks of the hub are running
    broadcast_connected: bool  # the broadcast is connected: without it news takes up to `poll_interval` seconds
    last_read_age: float | None  # seconds since the log was last read successfully
    connect_count: int  # connections made to the broadcast: each after the first followed a gap
    position: int  # last position of the log that was delivered
    restarts: int  # restarts of the hub's tasks
    listeners: int
    topics: int  # with at least one listener


class Hub:
    """Receives announcements, reads the change log, and wakes the listeners of its topics. One per process.

    read_log            returns the rows (position, topics) after a position, in order, in batches of any size.
    read_last_position  returns the position of the last row, 0 if there is none.
    check_history       takes the last position that was read, and returns the epoch of the log after beginning a new
                        one if the log ends before that position or belongs to another copy of the database.
    on_epoch            called with the epoch whenever it is read, before listeners are woken.
    poll_interval       seconds between reads of the log without an announcement.
    overlap             number of positions that each read goes back, for rows that were committed late.
    window_seconds      length of the batching window in which changes of a state become one read.
    clock, clock_resolution  the clock of the timers, and the seconds after which they look at it at the latest.
    full_batch_size     a batch of fewer rows is the last one; 0: only an empty batch is.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        read_log: ReadChangeLog,
        read_last_position: ReadLastPosition,
        *,
        poll_interval: float = 1.0,
        overlap: int = 100,
        window_seconds: float = 0.03,
        full_batch_size: int = 0,
        clock: Callable[[], datetime] = _utc_now,
        clock_resolution: float = MAX_SLEEP_SECONDS,
        check_history: CheckHistory | None = None,
        on_epoch: Callable[[str], None] = lambda epoch: None,
    ) -> None:
        self.timers = TimerWheel(clock, resolution=clock_resolution)
        self.window, self._full_batch_size = CoalescingWindow(window_seconds), full_batch_size
        self._broadcast, self._read_log, self._read_last_position = broadcast, read_log, read_last_position
        self._check_history, self.on_epoch = check_history, on_epoch
        self._poll_interval, self._overlap = poll_interval, overlap
        self._process_id = uuid4().hex
        self._listeners: set[TopicListener] = set()
        self._listeners_by_topic: dict[str, set[TopicListener]] = {}
        self._read_due, self._publish_due = CoalescingEvent(), CoalescingEvent()
        self._pending_message: str | None = (
            None  # the next message to publish; a second one before that becomes a plain "read"
        )
        self._position: int | None = None
        self._committed_position: int | None = (
            None  # as read from the log; announcements may come from another database
        )
        self._history_checked = False
        self._delivered_positions: set[int] = set()  # positions delivered, no further back than the overlap
        self._supervisor = TaskSupervisor("hub", on_restart=self._read_due.set)
        self._connect_count = 0
        self._last_read_at: float | None = None
        self._log_unreadable, self._publish_failing, self._broadcast_connected = False, False, True
        self._requested_reads = self._completed_reads = 0  # the log was read since it was last asked for: equal

    async def start(self) -> None:
        """Start the tasks. Succeeds also while the broadcast and the database are down."""
        await self._broadcast.connect()
        self._supervisor.start(
            {
                "receiver": self._receive_loop,
                "poller": self._poll_loop,
                "publisher": self._publish_loop,
                "timers": self.timers.run,
            }
        )

    async def stop(self) -> None:
        await self._supervisor.stop()
        await self._broadcast.disconnect()

    def notify(self) -> None:
        """Announce that something was committed: read the log here and, in the background, in other processes."""
        self._request_read()
        self._pending_message = self._process_id
        self._publish_due.set()

    def publish(self, position: int, topics: Collection[str]) -> None:
        """Announce a committed row of the log by position and topics.

        Like `notify`, but a process that has delivered all earlier rows needs no read.
        """
        self._committed_position = max(position, self._committed_position or 0)
        self._deliver_announced(position, topics)
        message = orjson.dumps([self._process_id, position, list(topics)]).decode()
        is_pending = self._pending_message is not None
        self._pending_message = self._process_id if is_pending or len(message) > MAX_MESSAGE_CHARACTERS else message
        self._publish_due.set()

    def _request_read(self) -> None:
        self._requested_reads += 1
        self._read_due.set()

    def publish_local(self, topics: Iterable[str]) -> None:
        """Deliver news to the listeners of this process only."""
        self._deliver(topics)

    def has_listeners(self, topic: str) -> bool:
        """Return whether any listener has this topic."""
        return topic in self._listeners_by_topic

    @contextmanager
    def listen(self, topics: Iterable[str]) -> Iterator[TopicSignal]:
        """Yield a signal that is set by news of any of the topics, until the block is left."""
        signal = TopicSignal(self._listeners_by_topic, topics)
        self._listeners.add(signal.listener)
        try:
            yield signal
        finally:
            self.unwatch(signal.listener)

    def watch(self, topics: Iterable[str], callback: Callable[[], None]) -> TopicListener:
        """Call `callback` on news of any topic until `unwatch`. It must not block or raise."""
        listener = TopicListener(self._listeners_by_topic, topics, callback)
        self._listeners.add(listener)
        return listener

    def unwatch(self, listener: TopicListener) -> None:
        self._listeners.discard(listener)
        listener.close()

    def wake_all(self) -> None:
        """Wake all listeners: after a gap any of them may have missed news."""
        for listener in tuple(self._listeners):
            listener.callback()

    @property
    def position(self) -> int | None:
        """Last position of the log that was delivered; None before the first read."""
        return self._position

    @property
    def committed_position(self) -> int:
        """Last position that is known to be committed: the database has gone back in time if it assigns it again."""
        return self._committed_position or 0

    @property
    def status(self) -> HubStatus:
        last_read_age = None if self._last_read_at is None else asyncio.get_running_loop().time() - self._last_read_at
        return HubStatus(
            tasks_running=self._supervisor.all_running,
            broadcast_connected=self._broadcast_connected,
            last_read_age=last_read_age,
            connect_count=self._connect_count,
            position=self._position or 0,
            restarts=self._supervisor.restarts,
            listeners=len(self._listeners),
            topics=len(self._listeners_by_topic),
        )

    @property
    def is_up_to_date(self) -> bool:
        """Whether all news was delivered: as far as this process knows, and else up to about a poll interval ago."""
        if self._last_read_at is None or self._completed_reads != self._requested_reads:
            return False
        age = asyncio.get_running_loop().time() - self._last_read_at
        has_all_news = (self._position or 0) >= self.committed_position
        return has_all_news and self._broadcast_connected and age < 2 * self._poll_interval

    @property
    def healthy(self) -> bool:
        """Whether news arrives: all tasks run and the log was read recently (the broadcast may be down)."""
        status = self.status
        is_recent = (
            status.last_read_age is not None and status.last_read_age < self._poll_interval + 2 * IO_TIMEOUT_SECONDS
        )
        return status.tasks_running and is_recent and not self._log_unreadable

    async def _receive_loop(self) -> NoReturn:
        """Receive announcements: `["sender", position, [topics]]`, or only a sender, which asks to read the log."""
        async with self._broadcast.subscribe(BROADCAST_CHANNEL) as subscription:
            while True:
                message = (await subscription.get()).message
                if message == CONNECTION_LOST:
                    self._broadcast_connected = False
                elif not message.startswith("["):
                    if message != self._process_id:
                        self._request_read()
                else:
                    sender, position, topics = orjson.loads(message)
                    if sender != self._process_id:
                        self._deliver_announced(position, topics)
                if message == RESYNC:
                    self._broadcast_connected = True
                    self._connect_count += 1
                    self.wake_all()

    async def _publish_loop(self) -> NoReturn:
        """Publish announcements, one at a time: those that arrive during a publication become one."""
        while True:
            await self._publish_due.wait()
            message, self._pending_message = self._pending_message or self._process_id, None
            try:
                async with asyncio.timeout(IO_TIMEOUT_SECONDS):
                    await self._broadcast.publish(BROADCAST_CHANNEL, message)
            except Exception as error:  # noqa: BLE001 - any broadcast error: the other processes poll the log
                if not self._publish_failing:
                    log.warning("News cannot be published (%r); other processes find it by polling.", error)
                self._publish_failing = True
            else:
                self._publish_failing = False

    async def _poll_loop(self) -> NoReturn:
        """Read the log when an announcement asks for it, and at least every `poll_interval` seconds."""
        while True:
            requested_reads = self._requested_reads
            try:
                await self._read_new_rows()
            except Exception as error:  # noqa: BLE001 - any database error may be temporary
                if not self._log_unreadable:
                    log.warning("The change log cannot be read (%r); trying again.", error)
                self._log_unreadable, self._history_checked = True, False
            else:
                self._last_read_at = asyncio.get_running_loop().time()
                self._completed_reads = requested_reads
                if self._log_unreadable:
                    log.info("The change log can be read again; all listeners are woken.")
                    self.wake_all()
                self._log_unreadable = False
            await self._read_due.wait(self._poll_interval)

    async def _read_new_rows(self) -> None:
        """Deliver all rows that were not delivered yet, from `overlap` positions before the last one.

        The overlap is for rows that become visible after rows with later positions. If the log ends before the last
        position that was delivered, it was truncated or restored, and delivery starts over at its end.
        """
        if not self._history_checked:  # at the start, and after a time in which the database may have been replaced
            await self._read_epoch()
            self._history_checked = True
        if self._position is None:
            await self._reset_position()
        last_position = self._position or 0
        read_from = max(0, last_position - self._overlap)
        while rows := await _with_timeout(self._read_log(read_from)):
            for position, topics in rows:
                if position not in self._delivered_positions:
                    self._delivered_positions.add(position)
                    self._deliver(topics)
            read_from = rows[-1][0]
            self._position = max(last_position, read_from, self._position or 0)
            self._committed_position = max(read_from, self._committed_position or 0)
            self._delivered_positions = {
                position for position in self._delivered_positions if position > self._position - self._overlap
            }
            if len(rows) < self._full_batch_size:
                break
        if read_from < last_position:
            log.warning(
                "The change log ends at %d, before %d: it was truncated. All listeners are woken.",
                read_from,
                last_position,
            )
            if read_from < self.committed_position:
                await self._read_epoch()
            await self._reset_position()

    async def _read_epoch(self) -> None:
        """Read the epoch of the log; a new one begins if the database has gone back in time."""
        if self._check_history is not None:
            self.on_epoch(await _with_timeout(self._check_history(self._committed_position)))

    def _deliver_announced(self, position: int, topics: Iterable[str]) -> None:
        """Deliver an announced row if it is the next one; otherwise have the log read, as earlier rows are missing."""
        if self._position is None or position != self._position + 1:
            self._request_read()
        elif position not in self._delivered_positions:
            self._delivered_positions.add(position)
            self._position = position
            self._deliver(topics)

    async def _reset_position(self) -> None:
        """Start at the end of the log. Earlier news is unknown, so all listeners are woken."""
        self._position = self._committed_position = await _with_timeout(self._read_last_position())
        self._delivered_positions.clear()
        self.wake_all()

    def _deliver(self, topics: Iterable[str]) -> None:
        """Wake the listeners of these topics; `topic@2026-11-28` is news of `topic` on that day."""
        for topic in topics:
            if topic.startswith(EPOCH_TOPIC):
                self.on_epoch(topic.removeprefix(EPOCH_TOPIC))
            if topic == ALL_LISTENERS:
                self.wake_all()
            name, _, day = topic.partition("@")
            for listener in tuple(self._listeners_by_topic.get(name, ())):
                listener.on_news(day)
