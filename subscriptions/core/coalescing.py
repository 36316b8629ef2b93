"""Coalescing wake-up event and batching window: a listener has one flag instead of a queue of news."""

from __future__ import annotations

import asyncio


class Pace:
    """Wakes waiting tasks in batches, one batch per window.

    A task waits at least half a window, so that changes close together cause one read, and at most one and a half: a
    task that joins late in a window goes into the next batch. A task that joins alone waits one window. The tasks of a
    batch wake together, so that their reads can share database queries.

    window_seconds  length of a window.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._at = 0.0
        self._next: list[asyncio.Future[None]] = []
        self._after: list[asyncio.Future[None]] = []

    def join(self, waiting: asyncio.Future[None]) -> None:
        """Resolve this future with the next batch, or with the one after if that is less than half a window away."""
        if not self._next:
            self._set()
        late = self._at - asyncio.get_running_loop().time() < self._window / 2
        (self._after if late else self._next).append(waiting)

    def _set(self) -> None:
        loop = asyncio.get_running_loop()
        self._at = loop.time() + self._window
        loop.call_at(self._at, self._go)

    def _go(self) -> None:
        going, self._next, self._after = self._next, self._after, []
        if self._next:
            self._set()
        for waiting in going:
            _awake(waiting)


class Flag:
    """An event that is cleared by `wait`: setting it many times before then wakes the task once.

    Unlike `asyncio.Event` it has one waiting task at a time, and can delay the wake-up by a `CoalescingWindow`.
    """

    def __init__(self) -> None:
        self._raised = False
        self._pace: Pace | None = None
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Set the event and wake the waiting task, now or with its window's batch."""
        if self._raised:
            return
        self._raised = True
        if self._waiting is not None:
            if self._pace is not None:
                self._pace.join(self._waiting)
            else:
                _awake(self._waiting)

    def clear(self) -> None:
        """Unset the event. Call it before a read, which covers all news so far."""
        self._raised = False

    async def wait(self, timeout: float | None = None, *, pace: Pace | None = None) -> bool:
        """Wait until the event is set, unset it and return True; return False after `timeout` seconds.

        window  delays the return after the event was set; if it is set again until then, that is the same wake-up.
                The timeout bounds this delay too.
        """
        if not self._raised or pace is not None:
            loop = asyncio.get_running_loop()
            waiting, timer = loop.create_future(), None
            if self._raised and pace is not None:
                pace.join(waiting)
            else:
                self._waiting, self._pace = waiting, pace
                timer = None if timeout is None else loop.call_later(timeout, _awake, waiting)
            try:
                await waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        rung, self._raised = self._raised, False
        return rung


def _awake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
