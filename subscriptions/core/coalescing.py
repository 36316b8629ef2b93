"""The one thing a listener has, a flag and never a queue; and the pace at which those who were rung go on."""

from __future__ import annotations

import asyncio


class Pace:
    """Lets those who were rung go on together, at most every `window` seconds.

    Each rests for half a window at least, so that changes close together become one, and for one and a half at most;
    for one where nobody else was rung. Those who go on together read together.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._at = 0.0
        self._next: list[asyncio.Future[None]] = []
        self._after: list[asyncio.Future[None]] = []

    def join(self, waiting: asyncio.Future[None]) -> None:
        """Wake who waits with the others."""
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
    """Raised or not: raising it often before anyone looks is raising it once. One task waits for it at a time."""

    def __init__(self) -> None:
        self._raised = False
        self._pace: Pace | None = None
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self._raised:
            return
        self._raised = True
        if self._waiting is not None:
            if self._pace is not None:
                self._pace.join(self._waiting)
            else:
                _awake(self._waiting)

    def clear(self) -> None:
        """Forget what was rung so far: for one who is about to read."""
        self._raised = False

    async def wait(self, timeout: float | None = None, *, pace: Pace | None = None) -> bool:
        """Return True once rung since the last wait, and lower the flag; False after `timeout` seconds.

        pace  by which to go on after it was rung; what is rung until then is the same. Who waits is woken but once
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
