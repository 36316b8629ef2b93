"""The two shapes that carry every subscription.

`states` is the question asked again: what is so now, then after each change, the last
always arriving. `happenings` is every row after the last one sent, in order, once. Both
listen before they first read, so that nothing falls in between, and forget their listener
when they are closed or cancelled.
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
    """What a read of `states` found.

    topics   what to listen to from now on; None for the same as before.
    days     first and last of the days whose news concerns it; None for all.
    wake_in  seconds after which to read again though nothing moved (the next local midnight); None for never.
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
    """Yield what `read` finds now, and again after news of the topics, the newest always arriving.

    key        what tells one value from the next (a version, or the value itself); an equal one is not sent twice.
    pace       how long after the news it is read, with which others; until then more news asks for no more reads.
               The hub's unless given.
    transient  errors that pass (the database is away): they are retried, at the latest after some seconds.
    raises     whatever else `read` raises; the stream has ended then.
    """
    sent: list[object] = []  # at most one key: a list, so that no key equals having sent nothing
    with hub.listen(topics) as bell:
        while True:
            bell.clear()
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
    """Yield every row after `position`, in order, once, for ever.

    read_after  the rows after a position, in order, in batches of any size; empty at the end.
    at          the position of a row.
    overlap     how many positions to look back for rows that committed late; they come after those that overtook
                them. 0 suffices where positions are taken under a lock that is held until the commit.
    transient   as for `states`.
    caught_up   called with the last position whenever there are no more rows for now.
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
    """Read until it succeeds: after a passing error again when the bell rings, or after a pause."""
    waits, told = pauses(), False
    while True:
        try:
            return await read()
        except transient as error:
            if not told:
                log.warning("A live read failed (%r) and is tried again.", error)
            told = True
        await bell.wait(next(waits))
