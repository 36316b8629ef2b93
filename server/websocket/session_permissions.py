"""Keeps the permissions of open sockets current.

News that may change what a viewer sees, or end their session, device or token, marks the socket unverified at once.
One task re-checks all unverified sockets in one batch, with few queries however many they are. Shared subscriptions
call `wait_until_verified` before they send, so nothing is sent on permissions that are known to be outdated.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, NoReturn, Protocol

from models.db.connection import AWAY
from resolvers.auth import sessions
from resolvers.request.viewer import Viewer
from server.websocket.presence_reporter import Attendance
from subscriptions.core.hub import Ear, Hub

_REST: Final = 1.0  # pause after a check failed because the database was down

log = logging.getLogger(__name__)


class Guest(Protocol):
    """An open socket, as the permission checks see it."""

    viewer: Viewer

    def changed(self, viewer: Viewer) -> None:
        """Continue with this viewer, whose permissions may have changed."""

    def ended(self) -> None:
        """Close: the session, device or token is no longer valid."""


class Rights:
    """Permissions of all open sockets of the process."""

    def __init__(self, hub: Hub, clock: Callable[[], datetime], attendance: Attendance) -> None:
        self._hub, self._clock, self._attendance = hub, clock, attendance
        self._ears: dict[Guest, Ear] = {}
        self._doubtful: set[Guest] = set()
        self._ends: list[tuple[datetime, int, Guest]] = []
        self._due = asyncio.Event()
        self._looked = asyncio.Event()

    def enter(self, guest: Guest) -> None:
        """Check the permissions of a socket from now on, until `unregister`."""
        doubt = partial(self._doubt, guest)
        self._ears[guest] = self._hub.watch(sessions.topics(guest.viewer), doubt)
        self._attendance.come(guest.viewer.id)
        if guest.viewer.expires_at is not None:
            heapq.heappush(self._ends, (guest.viewer.expires_at + sessions.LEEWAY, id(guest), guest))
            self._due.set()

    def leave(self, guest: Guest) -> None:
        ear = self._ears.pop(guest, None)
        if ear is not None:
            self._hub.unwatch(ear)
            self._attendance.go(guest.viewer.id)
        self._doubtful.discard(guest)

    async def settled(self) -> None:
        """Wait until no socket is unverified."""
        while self._doubtful:
            self._looked.clear()
            await self._looked.wait()

    def _doubt(self, guest: Guest) -> None:
        self._doubtful.add(guest)
        self._due.set()

    async def keep(self) -> NoReturn:
        """Re-check unverified sockets, and those whose token has expired, for as long as the process runs."""
        while True:
            wait = (self._ends[0][0] - self._clock()).total_seconds() if self._ends else None
            if wait is None or wait > 0:
                try:
                    async with asyncio.timeout(wait):
                        await self._due.wait()
                except TimeoutError:
                    pass
            self._due.clear()
            now = self._clock()
            while self._ends and self._ends[0][0] <= now:
                guest = heapq.heappop(self._ends)[2]
                if guest in self._ears:
                    self._doubtful.add(guest)
            if not await self._look(now):
                await asyncio.sleep(_REST)
                self._due.set()

    async def _look(self, now: datetime) -> bool:
        looked_at = list(self._doubtful)
        if not looked_at:
            return True
        self._doubtful.clear()  # before the query: news that arrives during it marks a socket again
        try:
            found: list[Any] = list(await sessions.as_they_are([guest.viewer for guest in looked_at], now))
        except AWAY as error:
            log.warning("The permissions of open sockets could not be checked (%r); trying again.", error)
            self._doubtful.update(guest for guest in looked_at if guest in self._ears)
            return False
        for guest, viewer in zip(looked_at, found, strict=True):
            if guest not in self._ears:
                continue
            if viewer is None:
                guest.ended()
            else:
                guest.changed(viewer)
        self._looked.set()
        return True
