"""Reports the employees with an open socket in this process to the database: on changes, and as a heartbeat.

The rows expire unless they are renewed, so employees of a process that died go offline by themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn
from uuid import uuid4

from models.live import presence
from resolvers.organization import people

_REPORT_INTERVAL_SECONDS = presence.PRESENCE_TTL.total_seconds() / 3
_DEBOUNCE_SECONDS = 0.2  # pause after a report, so that many connections at once become one


class PresenceReporter:
    """Counts the sockets of each employee; calls `notify` after a report that changed the online employees."""

    def __init__(self, clock: Callable[[], datetime], notify: Callable[[], None] = lambda: None) -> None:
        self.clock, self._notify = clock, notify
        self._process_id = uuid4().hex
        self._socket_counts: Counter[int] = Counter()
        self._changed = asyncio.Event()
        self._reported: set[int] = set()  # employees in the last report that was stored

    def connect(self, employee_id: int | None) -> None:
        """Count a new socket of an employee; None, for a device, is not counted."""
        if employee_id is not None:
            if employee_id not in self._socket_counts:
                self._changed.set()
            self._socket_counts[employee_id] += 1

    def disconnect(self, employee_id: int | None) -> None:
        """Count a closed socket of an employee."""
        if employee_id is not None:
            self._socket_counts[employee_id] -= 1
            if not self._socket_counts[employee_id]:
                del self._socket_counts[employee_id]
                self._changed.set()

    async def run(self) -> NoReturn:
        """Report the employees online, for as long as the process runs; restarted, it reports at once."""
        while True:
            self._changed.clear()
            online = set(self._socket_counts)
            if online or self._reported:
                if await people.report_presence(self._process_id, online, self.clock()):
                    self._notify()
                self._reported = online
            try:
                await asyncio.wait_for(self._changed.wait(), _REPORT_INTERVAL_SECONDS)
            except TimeoutError:
                continue
            await asyncio.sleep(_DEBOUNCE_SECONDS)
