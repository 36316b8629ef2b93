"""Reports the employees with an open socket in this process to the database: on changes, and as a heartbeat.

The rows expire unless they are renewed, so employees of a process that died go offline by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from models.db.connection import AWAY
from models.live import presence
from resolvers.organization import people

_SAY_EVERY = presence.HOLDS.total_seconds() / 3
_SETTLE = 0.2  # pause after a report, so that many connections at once become one

log = logging.getLogger(__name__)


class Attendance:
    """Counts the sockets of each employee; calls `notify` after a report that changed who is online."""

    def __init__(self, clock: Callable[[], datetime], ring: Callable[[], None] = lambda: None) -> None:
        self.clock, self._ring = clock, ring
        self._process = uuid4().hex
        self._here: Counter[int] = Counter()
        self._changed = asyncio.Event()

    def come(self, employee: int | None) -> None:
        """Count a new socket of an employee; None, for a device, is not counted."""
        if employee is not None:
            self._here[employee] += 1
            self._changed.set()

    def go(self, employee: int | None) -> None:
        """Count a closed socket of an employee."""
        if employee is not None:
            self._here[employee] -= 1
            if not self._here[employee]:
                del self._here[employee]
                self._changed.set()

    async def keep_saying(self) -> None:
        """Report the employees online, for as long as the process runs."""
        said: set[int] = set()
        while True:
            self._changed.clear()
            here = set(self._here)
            if here or said:
                try:
                    if await people.attend(self._process, here, self.clock()):
                        self._ring()
                    said = here
                except AWAY as error:
                    log.warning("Presence could not be written (%r); trying again.", error)
            try:
                await asyncio.wait_for(self._changed.wait(), _SAY_EVERY)
            except TimeoutError:
                continue
            await asyncio.sleep(_SETTLE)

    async def leave(self) -> None:
        """Report that no employee is online in this process any more."""
        await people.attend(self._process, (), self.clock())
