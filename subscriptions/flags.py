"""The one thing a listener has: a flag, never a queue."""

from __future__ import annotations

import asyncio


class Flag:
    """Raised or not: raising it often before anyone looks is raising it once. One task waits for it at a time."""

    def __init__(self) -> None:
        self._raised = False
        self._pause = 0.0
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self._raised:
            return
        self._raised = True
        if self._waiting is not None:
            if self._pause:
                asyncio.get_running_loop().call_later(self._pause, _awake, self._waiting)
            else:
                _awake(self._waiting)

    def clear(self) -> None:
        """Forget what was rung so far: for one who is about to read."""
        self._raised = False

    async def wait(self, timeout: float | None = None, *, pause: float = 0.0) -> bool:
        """Return True once rung since the last wait, and lower the flag; False after `timeout` seconds.

        pause  seconds to rest after it was rung; what is rung within them is the same.
        """
        if self._raised:
            if pause:
                await asyncio.sleep(pause)
        else:
            loop = asyncio.get_running_loop()
            self._waiting, self._pause = loop.create_future(), pause
            timer = None if timeout is None else loop.call_later(timeout, _awake, self._waiting)
            try:
                await (
                    self._waiting
                )  # whoever waits is woken once, also where he rests: a wake-up is most of a push's cost
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        rung, self._raised = self._raised, False
        return rung


def _awake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
