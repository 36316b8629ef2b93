"""Permissions of open sockets: after a change, sockets are marked unverified and re-authorized in one batch.

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

from models.db.connection import DATABASE_DOWN_ERRORS
from resolvers.auth import sessions
from resolvers.request.viewer import Viewer
from server.websocket.presence_reporter import PresenceReporter
from subscriptions.core.hub import Hub, TopicListener

_RETRY_SECONDS: Final = 1.0  # pause after a check failed because the database was down

log = logging.getLogger(__name__)


class SessionHandler(Protocol):
    """An open socket, as the permission checks see it."""

    viewer: Viewer

    def on_viewer_changed(self, viewer: Viewer) -> None:
        """Continue with this viewer; their permissions may have changed."""

    def on_session_ended(self) -> None:
        """Close: the session, device or token is no longer valid."""


class SessionPermissions:
    """Permissions of all open sockets of the process."""

    def __init__(self, hub: Hub, clock: Callable[[], datetime], presence_reporter: PresenceReporter) -> None:
        self._hub, self._clock, self._presence_reporter = hub, clock, presence_reporter
        self._listeners: dict[SessionHandler, TopicListener] = {}
        self._unverified: set[SessionHandler] = set()
        self._expirations: list[tuple[datetime, int, SessionHandler]] = []
        self._check_due = asyncio.Event()
        self._checked = asyncio.Event()

    def register(self, handler: SessionHandler) -> None:
        """Check the permissions of a socket from now on, until `unregister`."""
        on_news = partial(self._mark_unverified, handler)
        self._listeners[handler] = self._hub.watch(sessions.revocation_topics(handler.viewer), on_news)
        self._presence_reporter.connect(handler.viewer.id)
        if handler.viewer.expires_at is not None:
            heapq.heappush(self._expirations, (handler.viewer.expires_at + sessions.CLOCK_LEEWAY, id(handler), handler))
            self._check_due.set()

    def unregister(self, handler: SessionHandler) -> None:
        listener = self._listeners.pop(handler, None)
        if listener is not None:
            self._hub.unwatch(listener)
            self._presence_reporter.disconnect(handler.viewer.id)
        self._unverified.discard(handler)

    async def wait_until_verified(self) -> None:
        """Wait until no socket is unverified."""
        while self._unverified:
            self._checked.clear()
            await self._checked.wait()

    def _mark_unverified(self, handler: SessionHandler) -> None:
        self._unverified.add(handler)
        self._check_due.set()

    async def run(self) -> NoReturn:
        """Re-check unverified sockets, and those with an expired token, for as long as the process runs."""
        while True:
            wait_seconds = (self._expirations[0][0] - self._clock()).total_seconds() if self._expirations else None
            if wait_seconds is None or wait_seconds > 0:
                try:
                    async with asyncio.timeout(wait_seconds):
                        await self._check_due.wait()
                except TimeoutError:
                    pass
            self._check_due.clear()
            now = self._clock()
            while self._expirations and self._expirations[0][0] <= now:
                handler = heapq.heappop(self._expirations)[2]
                if handler in self._listeners:
                    self._unverified.add(handler)
            if not await self._verify(now):
                await asyncio.sleep(_RETRY_SECONDS)
                self._check_due.set()

    async def _verify(self, now: datetime) -> bool:
        handlers = list(self._unverified)
        if not handlers:
            return True
        self._unverified.clear()  # before the query: news that arrives during it marks a socket again
        try:
            viewers: list[Any] = list(await sessions.reload_viewers([handler.viewer for handler in handlers], now))
        except DATABASE_DOWN_ERRORS as error:
            log.warning("The permissions of open sockets could not be checked (%r); trying again.", error)
            self._unverified.update(handler for handler in handlers if handler in self._listeners)
            return False
        for handler, viewer in zip(handlers, viewers, strict=True):
            if handler not in self._listeners:
                continue
            if viewer is None:
                handler.on_session_ended()
            else:
                handler.on_viewer_changed(viewer)
        self._checked.set()
        return True
