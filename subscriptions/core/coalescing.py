"""Coalescing wake-up event and batching window: a listener has one flag instead of a queue of news."""

from __future__ import annotations

import asyncio


class CoalescingWindow:
    """Wakes waiting tasks in batches, one batch per window.

    After a quiet time a batch wakes after a quarter of a window, so that a single change is seen at once and what follows
    it closely still causes one read. Within a burst a batch wakes one window after the one before. A task that joins
    in the second half of that time goes into the next batch, so that it waits one and a half windows at most. The tasks
    of a batch wake together, so that their reads can share database queries.

    window_seconds  length of a window.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._wakes_at = -window_seconds  # the next batch, or the last one
        self._collects_until = 0.0
        self._current_batch: list[asyncio.Future[None]] = []
        self._next_batch: list[asyncio.Future[None]] = []

    def join(self, waiter: asyncio.Future[None]) -> None:
        """Resolve this future with the next batch, or with the one after if that is less than half a window away."""
        if not self._current_batch:
            self._schedule()
        is_late = asyncio.get_running_loop().time() > self._collects_until
        (self._next_batch if is_late else self._current_batch).append(waiter)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._wakes_at = max(now + self._window_seconds / 4, self._wakes_at + self._window_seconds)
        self._collects_until = (now + self._wakes_at) / 2
        loop.call_at(self._wakes_at, self._wake_batch)

    def _wake_batch(self) -> None:
        waiters, self._current_batch, self._next_batch = self._current_batch, self._next_batch, []
        if self._current_batch:
            self._schedule()
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

    def set(self) -> None:
        """Set the event and wake the waiting task, now or with its window's batch."""
        if self._is_set:
            return
        self._is_set = True
        if self._waiter is not None:
            if self._window is not None:
                self._window.join(self._waiter)
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
                window.join(waiter)
            else:
                self._waiter, self._window = waiter, window
                timer = None if timeout is None else loop.call_later(timeout, _wake, waiter)
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        was_set, self._is_set = self._is_set, False
        return was_set


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
