"""The two kinds of streams behind every subscription: `state_stream` and `event_stream`.

A state stream reads again after each change and yields the current value; intermediate values may be skipped, the last
one always arrives. An event stream yields every row after the last one sent, in order, once. Both listen before their
first read, so that no change falls in between, and remove their listener when they are closed or cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Generic, TypeVar

from subscriptions.core.coalescing import CoalescingEvent, CoalescingWindow
from subscriptions.core.hub import Hub
from subscriptions.core.tasks import backoff_delays

log = logging.getLogger(__name__)

T = TypeVar("T")
RetryableErrors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class StateSnapshot(Generic[T]):
    """The result of one read of a state stream.

    topics      topics to listen to from now on; None for the same as before.
    date_range  first and last day whose news concerns the value; None for all.
    wake_at     when to read again without news, because time has passed; None for never.
    """

    value: T
    topics: Iterable[str] | None = None
    date_range: tuple[date, date] | None = None
    wake_at: datetime | None = None


async def state_stream(
    hub: Hub,
    topics: Iterable[str],
    read: Callable[[], Awaitable[StateSnapshot[T]]],
    *,
    key: Callable[[T], object],
    window: CoalescingWindow | None = None,
    retryable_errors: RetryableErrors = (),
) -> AsyncGenerator[T, None]:
    """Yield the value of `read` now, and again after news of the topics if it changed.

    key               identifies a value (a version, or the value itself); equal ones are not sent twice in a row.
    window            batching window between news and read, in which more news causes no more reads; by default the
                      hub's, so that streams read together.
    retryable_errors  temporary errors (the database is down): the read is retried, at the latest after some seconds.
    raises            any other error of `read`, which ends the stream.
    """
    sent_keys: list[object] = []  # empty or one key: a list, as None is a valid key
    with hub.listen(topics) as signal:
        while True:
            # `wait` has cleared the signal: news during the read sets it again.
            snapshot = await _retrying(read, signal, retryable_errors)
            if snapshot.topics is not None:
                signal.set_topics(snapshot.topics, snapshot.date_range)
            current_keys = [key(snapshot.value)]
            if current_keys != sent_keys:
                sent_keys = current_keys
                yield snapshot.value
            timer = hub.timers.call_at(snapshot.wake_at, signal.set) if snapshot.wake_at is not None else None
            try:
                await signal.wait(window=window or hub.window)
            finally:
                if timer is not None:
                    timer.cancel()


async def event_stream(
    hub: Hub,
    topics: Iterable[str],
    read_after: Callable[[int], Awaitable[Sequence[T]]],
    position: int,
    *,
    position_of: Callable[[T], int],
    retryable_errors: RetryableErrors = (),
    on_caught_up: Callable[[int], None] = lambda position: None,
    check: Callable[[], None] = lambda: None,
) -> AsyncGenerator[T, None]:
    """Yield every row after `position` once, in order, without end.

    Positions must be taken under a lock that is held until the commit, so that no row becomes visible after a later one.

    read_after        returns the rows after a position, in order, in batches of any size; empty at the end.
    position_of       returns the position of a row.
    retryable_errors  as in `state_stream`.
    on_caught_up      called with the last position whenever there are no more rows for now.
    check             called before each read; raises to end the stream, when positions have lost their meaning.
    """
    with hub.listen(topics) as signal:
        while True:
            check()
            while rows := await _retrying(partial(read_after, position), signal, retryable_errors):
                check()
                for row in rows:
                    position = position_of(row)
                    yield row
            on_caught_up(position)
            await signal.wait()


async def _retrying(read: Callable[[], Awaitable[T]], signal: CoalescingEvent, retryable_errors: RetryableErrors) -> T:
    """Read until it succeeds; after a temporary error retry when the signal is set, or after a growing pause."""
    delays, is_logged = backoff_delays(), False
    while True:
        try:
            return await read()
        except retryable_errors as error:
            if not is_logged:
                log.warning("A read of a live stream failed (%r) and is retried.", error)
            is_logged = True
        await signal.wait(next(delays))
