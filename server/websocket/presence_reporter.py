"""Who has a socket open in this process, told to the database a few times a minute and whenever that changes."""

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
_SETTLE = 0.2  # seconds in which arrivals close together are said as one

log = logging.getLogger(__name__)


class Attendance:
    """Counts the sockets of each employee; `ring` is called when it has been told that somebody came or went."""

    def __init__(self, clock: Callable[[], datetime], ring: Callable[[], None] = lambda: None) -> None:
        self.clock, self._ring = clock, ring
        self._process = uuid4().hex
        self._here: Counter[int] = Counter()
        self._changed = asyncio.Event()

    def come(self, employee: int | None) -> None:
        """Count one more socket of an employee; a device is nobody."""
        if employee is not None:
            self._here[employee] += 1
            self._changed.set()

    def go(self, employee: int | None) -> None:
        """Count one socket less."""
        if employee is not None:
            self._here[employee] -= 1
            if not self._here[employee]:
                del self._here[employee]
                self._changed.set()

    async def keep_saying(self) -> None:
        """Say who is here for as long as the process runs."""
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
                    log.warning("Who is online could not be written (%r); trying again.", error)
            try:
                await asyncio.wait_for(self._changed.wait(), _SAY_EVERY)
            except TimeoutError:
                continue
            await asyncio.sleep(_SETTLE)

    async def leave(self) -> None:
        """Say that nobody is here any more."""
        await people.attend(self._process, (), self.clock())
