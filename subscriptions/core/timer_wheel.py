"""Timer wheel: calls callbacks at instants of the wall clock, with one task and one sleep for the whole process.

Thousands of streams wait for the same few instants: midnight, the next quarter of an hour of the working day. Timers of
one second share a bucket, and the task sleeps until the first bucket is due. It looks at the clock at least once a
second, as the event loop's own clock stands still while a machine is suspended and knows nothing of a clock that is set.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, NoReturn

MAX_SLEEP_SECONDS: Final = 1.0
_MIN_SLEEP_SECONDS: Final = 0.001


class Timer:
    """A callback that is due at an instant; `cancel` takes it back."""

    __slots__ = ("_bucket", "callback", "instant")

    def __init__(self, bucket: set[Timer], instant: datetime, callback: Callable[[], None]) -> None:
        self._bucket, self.instant, self.callback = bucket, instant, callback
        bucket.add(self)

    def cancel(self) -> None:
        self._bucket.discard(self)


class TimerWheel:
    """The timers of a process.

    clock       the current time, with a time zone
    resolution  seconds between two looks at the clock, at most
    """

    def __init__(self, clock: Callable[[], datetime], *, resolution: float = MAX_SLEEP_SECONDS) -> None:
        self._clock, self._resolution = clock, resolution
        self._buckets: dict[int, set[Timer]] = {}  # by whole second since 1970
        self._seconds: list[int] = []  # a heap of the keys of the buckets
        self._first_bucket_changed = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._buckets.values())

    def call_at(self, instant: datetime, callback: Callable[[], None]) -> Timer:
        """Call the callback once, as soon as the clock has reached the instant. It must not block or raise."""
        second = int(instant.timestamp())
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = set()
            heapq.heappush(self._seconds, second)
        timer = Timer(bucket, instant, callback)
        if second == self._seconds[0]:
            self._first_bucket_changed.set()
        return timer

    async def run(self) -> NoReturn:
        """Call what is due; runs as long as the process."""
        while True:
            self._first_bucket_changed.clear()
            seconds_left = self._call_due()
            timeout = None if seconds_left is None else min(self._resolution, max(_MIN_SLEEP_SECONDS, seconds_left))
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._first_bucket_changed.wait()

    def _call_due(self) -> float | None:
        """Call and remove the timers that are due; return the seconds until the next may be, None without timers."""
        while self._seconds:
            second, now = self._seconds[0], self._clock()
            if second > now.timestamp():
                return second - now.timestamp()
            bucket = self._buckets[second]
            due = [timer for timer in bucket if timer.instant <= now]
            if not due and bucket:
                return min((timer.instant - now).total_seconds() for timer in bucket)
            bucket.difference_update(due)
            if not bucket:
                heapq.heappop(self._seconds)
                del self._buckets[second]
            for timer in due:  # last, since a callback may add an earlier timer
                timer.callback()
        return None
