"""Timer that lets the event loop read from sockets before it calls back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

READ_SECONDS: Final = 0.1


class ReadFirstTimer:
    """Calls `callback` after some seconds, unless cancelled.

    The event loop runs timers that are due before it reads from sockets. If the process was frozen or busy, a client
    would be disconnected for a message that has arrived in time. So the last part of the time is a wait of its own,
    which begins after the first and ends after what has arrived was read.
    """

    __slots__ = ("_callback", "_handle")

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._handle = asyncio.get_running_loop().call_later(max(0.0, seconds - READ_SECONDS), self._read_first)

    def _read_first(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(READ_SECONDS, self._callback)

    def cancel(self) -> None:
        self._handle.cancel()
