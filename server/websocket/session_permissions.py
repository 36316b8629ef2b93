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
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, Protocol

from resolvers.auth import sessions
from resolvers.request.viewer import Viewer
from server.websocket.presence_reporter import PresenceReporter
from subscriptions.core.hub import Hub, TopicListener

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
        # unverified sockets, each with the number of the news that made it so: news during a check means another check
        self._unverified: dict[SessionHandler, int] = {}
        self._news_count = 0
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
        self._unverified.pop(handler, None)
        self._notify_if_verified()

    async def wait_until_verified(self) -> None:
        """Wait until no socket is unverified."""
        while self._unverified:
            self._checked.clear()
            await self._checked.wait()

    def _notify_if_verified(self) -> None:
        if not self._unverified:
            self._checked.set()

    def _mark_unverified(self, handler: SessionHandler) -> None:
        self._news_count += 1
        self._unverified[handler] = self._news_count
        self._check_due.set()

    async def run(self) -> NoReturn:
        """Re-check unverified sockets, and those with an expired token, for as long as the process runs.

        Restarted after a failed check, it repeats that check: the sockets stay unverified.
        """
        while True:
            await self._wait_for_check()
            now = self._clock()
            while self._expirations and self._expirations[0][0] <= now:
                handler = heapq.heappop(self._expirations)[2]
                if handler in self._listeners:
                    self._mark_unverified(handler)
            await self._verify(now)

    async def _wait_for_check(self) -> None:
        """Wait until a socket is unverified or a token expires."""
        self._check_due.clear()
        if self._unverified:
            return
        wait_seconds = (self._expirations[0][0] - self._clock()).total_seconds() if self._expirations else None
        if wait_seconds is None or wait_seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._check_due.wait()

    async def _verify(self, now: datetime) -> None:
        """Check all unverified sockets. They stay unverified until then, also if the check fails."""
        handlers = dict(self._unverified)
        if not handlers:
            return
        viewers: list[Any] = list(await sessions.reload_viewers([handler.viewer for handler in handlers], now))
        for (handler, news_number), viewer in zip(handlers.items(), viewers, strict=True):
            if self._unverified.get(handler) == news_number:
                del self._unverified[handler]
            if handler in self._listeners:
                self._apply(handler, viewer)
        self._notify_if_verified()

    def _apply(self, handler: SessionHandler, viewer: Viewer | None) -> None:
        """Hand a socket its viewer; None: its session has ended. A socket that cannot take it is closed."""
        try:
            if viewer is not None:
                handler.on_viewer_changed(viewer)
                return
        except Exception:  # a bug in one socket: the others must be handed theirs
            log.exception("A socket could not take its changed permissions and is closed.")
        handler.on_session_ended()
