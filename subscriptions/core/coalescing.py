"""Coalescing wake-up event and batching window: a listener has one flag instead of a queue of news."""

from __future__ import annotations

import asyncio
import math


class CoalescingWindow:
    """Wakes waiting tasks in batches.

    A task that has been quiet for a window wakes after a quarter of one, so that a single change is seen at once and what
    follows it closely still causes one read. Within a burst the others wake one window after the batch before. A task that joins
    in the second half of that time goes into the next batch, so that it waits one and a half windows at most. The tasks
    of a batch wake together, so that their reads can share database queries.

    seconds  length of a window.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._woke_at = -seconds  # the last batch
        self._collects_until = 0.0
        self._quiet_batch: list[asyncio.Future[None]] = []
        self._current_batch: list[asyncio.Future[None]] = []
        self._next_batch: list[asyncio.Future[None]] = []

    def join(self, waiter: asyncio.Future[None], *, is_quiet: bool = True) -> None:
        """Resolve this future with a batch.

        is_quiet  whether its task has not been woken within the last window
        """
        if is_quiet:
            if not self._quiet_batch:
                loop = asyncio.get_running_loop()
                loop.call_at(loop.time() + self.seconds / 4, self._wake_quiet_batch)
            self._quiet_batch.append(waiter)
            return
        if not self._current_batch:
            self._schedule()
        is_late = asyncio.get_running_loop().time() > self._collects_until
        (self._next_batch if is_late else self._current_batch).append(waiter)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        wakes_at = max(now + self.seconds / 4, self._woke_at + self.seconds)
        self._collects_until = (now + wakes_at) / 2
        loop.call_at(wakes_at, self._wake_batch)

    def _wake_batch(self) -> None:
        waiters, self._current_batch, self._next_batch = self._current_batch, self._next_batch, []
        self._wake(waiters)
        if self._current_batch:
            self._schedule()

    def _wake_quiet_batch(self) -> None:
        waiters, self._quiet_batch = self._quiet_batch, []
        self._wake(waiters)

    def _wake(self, waiters: list[asyncio.Future[None]]) -> None:
        self._woke_at = asyncio.get_running_loop().time()
        for waiter in waiters:
            _wake(waiter)


class CoalescingEvent:
    """An event that is cleared by `wait`: setting it many times before then wakes the task once.

    Unlike `asyncio.Event` it has one waiting task at a time, and can delay the wake-up by a `CoalescingWindow`.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._window: CoalescingWindow | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._woke_at = -math.inf  # the last time with a window

    def set(self) -> None:
        """Set the event and wake the waiting task, now or with its window's batch."""
        if self._is_set:
            return
        self._is_set = True
        if self._waiter is not None:
            if self._window is not None:
                self._join(self._window, self._waiter)
            else:
                _wake(self._waiter)

    def clear(self) -> None:
        """Unset the event. Call it before a read, which covers all news so far."""
        self._is_set = False

    async def wait(self, timeout: float | None = None, *, window: CoalescingWindow | None = None) -> bool:
        """Wait until the event is set, unset it and return True; return False after `timeout` seconds.

        window  delays the return after the event was set; if it is set again until then, that is the same wake-up.
                The timeout bounds this delay too.
        """
        if not self._is_set or window is not None:
            loop = asyncio.get_running_loop()
            waiter, timer = loop.create_future(), None
            if self._is_set and window is not None:
                self._join(window, waiter)
            else:
                self._waiter, self._window = waiter, window
                timer = None if timeout is None else loop.call_later(timeout, _wake, waiter)
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        if window is not None:
            self._woke_at = asyncio.get_running_loop().time()
        was_set, self._is_set = self._is_set, False
        return was_set

    def _join(self, window: CoalescingWindow, waiter: asyncio.Future[None]) -> None:
        window.join(waiter, is_quiet=asyncio.get_running_loop().time() - self._woke_at >= window.seconds)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
