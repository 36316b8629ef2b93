"""The two kinds of streams behind every subscription: `state_stream` and `event_stream`.

A state stream reads again after each change and yields the current value; intermediate values may be skipped, the last
one always arrives. An event stream yields every row after the last one sent, in order, once. Both listen before their
first read, so that no change falls in between, and remove their listener when they are closed or cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from subscriptions.core.coalescing import Flag, Pace
from subscriptions.core.hub import Hub, pauses

log = logging.getLogger(__name__)

T = TypeVar("T")
Transient = tuple[type[Exception], ...]


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The result of one read of a state stream.

    topics      topics to listen to from now on; None for the same as before.
    date_range  first and last day whose news concerns the value; None for all.
    wake_in     seconds after which to read again without news (at the next local midnight); None for never.
    """

    value: T
    topics: Iterable[str] | None = None
    days: tuple[date, date] | None = None
    wake_in: float | None = None


async def states(
    hub: Hub,
    topics: Iterable[str],
    read: Callable[[], Awaitable[Reading[T]]],
    *,
    key: Callable[[T], object],
    pace: Pace | None = None,
    transient: Transient = (),
) -> AsyncGenerator[T, None]:
    """Yield the value of `read` now, and again after news of the topics if it changed.

    key               identifies a value (a version, or the value itself); equal ones are not sent twice in a row.
    window            batching window between news and read, in which more news causes no more reads; by default the
                      hub's, so that streams read together.
    retryable_errors  temporary errors (the database is down): the read is retried, at the latest after some seconds.
    raises            any other error of `read`, which ends the stream.
    """
    sent: list[object] = []  # empty or one key: a list, as None is a valid key
    with hub.listen(topics) as bell:
        while True:
            bell.clear()  # before the read: news during it sets the signal again
            reading = await _patiently(read, bell, transient)
            if reading.topics is not None:
                bell.follow(reading.topics, reading.days)
            found = [key(reading.value)]
            if found != sent:
                sent = found
                yield reading.value
            await bell.wait(reading.wake_in, pace=pace or hub.pace)


async def happenings(
    hub: Hub,
    topics: Iterable[str],
    read_after: Callable[[int], Awaitable[Sequence[T]]],
    position: int,
    *,
    at: Callable[[T], int],
    overlap: int = 0,
    transient: Transient = (),
    caught_up: Callable[[int], None] = lambda position: None,
) -> AsyncGenerator[T, None]:
    """Yield every row after `position` once, in order, without end.

    read_after        returns the rows after a position, in order, in batches of any size; empty at the end.
    position_of       returns the position of a row.
    overlap           number of positions to look back for rows that were committed late; they come after the rows that
                      overtook them. 0 is enough if positions are taken under a lock that is held until the commit.
    retryable_errors  as in `state_stream`.
    on_caught_up      called with the last position whenever there are no more rows for now.
    """
    last, sent = position, set[int]()
    with hub.listen(topics) as bell:
        while True:
            bell.clear()
            after = max(position, last - overlap)
            while rows := await _patiently(lambda: read_after(after), bell, transient):  # noqa: B023 - called at once
                after = at(rows[-1])
                for row in rows:
                    if at(row) not in sent:
                        sent.add(at(row))
                        last = max(last, at(row))
                        yield row
                sent = {each for each in sent if each > last - overlap}
            caught_up(max(position, last))
            await bell.wait()


async def _patiently(read: Callable[[], Awaitable[T]], bell: Flag, transient: Transient) -> T:
    """Read until it succeeds; after a temporary error retry when the signal is set, or after a growing pause."""
    waits, told = pauses(), False
    while True:
        try:
            return await read()
        except transient as error:
            if not told:
                log.warning("A read of a live stream failed (%r) and is retried.", error)
            told = True
        await bell.wait(next(waits))
