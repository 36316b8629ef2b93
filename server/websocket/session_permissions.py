"""Permissions of open sockets: after a change, sockets are marked unverified and re-authorized in one batch.

News that may change what a viewer sees, or end their session, device or token, marks the socket unverified at once.
One task re-checks all unverified sockets in one batch, with few queries however many they are. Shared subscriptions
call `wait_until_verified` before they send, so nothing is sent on permissions that are known to be outdated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, NoReturn, Protocol

from resolvers.auth import sessions
from resolvers.request.viewer import Viewer
from server.websocket import close_codes
from server.websocket.close_codes import CloseConnection
from server.websocket.presence_reporter import PresenceReporter
from server.websocket.socket_limit import SocketLimit
from subscriptions.core.hub import Hub, TopicListener

_EXPIRY_CHECK_SECONDS: Final = 0.5

log = logging.getLogger(__name__)


class SessionHandler(Protocol):
    """An open socket, as the permission checks see it."""

    viewer: Viewer

    def on_viewer_changed(self, viewer: Viewer) -> None:
        """Continue with this viewer; their permissions may have changed."""

    def on_token_expired(self) -> None:
        """Close: the access token has expired."""

    def on_session_ended(self) -> None:
        """Close: the session or device is no longer valid."""


class SessionPermissions:
    """Permissions of all open sockets of the process.

    max_sockets  that one viewer may have open.
    """

    def __init__(
        self,
        hub: Hub,
        clock: Callable[[], datetime],
        presence_reporter: PresenceReporter,
        max_sockets: int = 1_000,
    ) -> None:
        self._hub, self._clock, self._presence_reporter = hub, clock, presence_reporter
        self._max_sockets, self._socket_limit = max_sockets, SocketLimit(max_sockets)
        self._listeners: dict[SessionHandler, TopicListener] = {}
        # unverified sockets, each with the number of the news that made it so: news during a check means another check
        self._unverified: dict[SessionHandler, int] = {}
        self._news_count = 0
        self._deadlines: dict[SessionHandler, datetime] = {}
        self._check_due = asyncio.Event()
        self._checked = asyncio.Event()

    @property
    def position(self) -> int | None:
        """Position of the news that has arrived; to be read before a token is checked, see `register`."""
        return self._hub.position

    def register(self, handler: SessionHandler, position: int | None) -> None:
        """Check the permissions of a socket from now on, until `unregister`.

        position  before the token was checked: news since then may be about this viewer, who is then checked again
        raises    CloseConnection if the viewer has too many sockets
        """
        if not self._socket_limit.acquire(handler.viewer.key):
            raise CloseConnection(
                close_codes.TRY_AGAIN_LATER,
                f"You have {self._max_sockets} open connections: close one, or connect again later",
            )
        on_news = partial(self._mark_unverified, handler)
        self._listeners[handler] = self._hub.watch(sessions.revocation_topics(handler.viewer), on_news)
        self._presence_reporter.connect(handler.viewer.id)
        self._set_deadline(handler)
        if self._hub.position != position:
            self._mark_unverified(handler)

    def renew(self, handler: SessionHandler, position: int | None) -> None:
        """Go on with a new token of the same viewer; `position` as for `register`."""
        self._listeners[handler].set_topics(sessions.revocation_topics(handler.viewer))
        self._set_deadline(handler)
        if self._hub.position != position:
            self._mark_unverified(handler)

    def unregister(self, handler: SessionHandler) -> None:
        listener = self._listeners.pop(handler, None)
        if listener is not None:
            self._hub.unwatch(listener)
            self._presence_reporter.disconnect(handler.viewer.id)
            self._socket_limit.release(handler.viewer.key)
        self._deadlines.pop(handler, None)
        self._unverified.pop(handler, None)
        self._notify_if_verified()

    async def wait_until_verified(self) -> None:
        """Wait until no socket is unverified."""
        while self._unverified:
            self._checked.clear()
            await self._checked.wait()

    def _set_deadline(self, handler: SessionHandler) -> None:
        """Set when the socket has to be closed, unless its client hands over a new token: when its token expires.

        A token that was accepted although it has expired, since clocks differ, lasts until that leeway ends.
        """
        expires_at = handler.viewer.expires_at
        if expires_at is None:
            self._deadlines.pop(handler, None)
        else:
            is_in_leeway = expires_at <= self._clock()
            self._deadlines[handler] = expires_at + sessions.CLOCK_LEEWAY if is_in_leeway else expires_at

    def _notify_if_verified(self) -> None:
        if not self._unverified:
            self._checked.set()

    def _mark_unverified(self, handler: SessionHandler) -> None:
        self._news_count += 1
        self._unverified[handler] = self._news_count
        self._check_due.set()

    async def close_expired(self) -> NoReturn:
        """Close the sockets with an expired token, for as long as the process runs. Does not need the database."""
        while True:
            now = self._clock()
            for handler in [handler for handler, deadline in self._deadlines.items() if deadline <= now]:
                try:
                    handler.on_token_expired()
                except Exception:  # a bug in one socket: the others must be closed
                    log.exception("A socket with an expired token could not be closed.")
            await asyncio.sleep(_EXPIRY_CHECK_SECONDS)

    async def run(self) -> NoReturn:
        """Re-check unverified sockets, for as long as the process runs.

        Restarted after a failed check, it repeats that check: the sockets stay unverified.
        """
        while True:
            self._check_due.clear()
            if self._unverified:
                await self._verify()
            else:
                await self._check_due.wait()

    async def _verify(self) -> None:
        """Check the unverified sockets. They stay unverified until then, also if the check fails."""
        handlers = dict(self._unverified)
        viewers = [handler.viewer for handler in handlers]
        current_viewers = await sessions.reload_viewers(viewers)
        for (handler, news_number), viewer, current_viewer in zip(
            handlers.items(), viewers, current_viewers, strict=True
        ):
            has_new_token = handler.viewer is not viewer
            if self._unverified.get(handler) == news_number and not has_new_token:
                del self._unverified[handler]
            if handler in self._listeners and not has_new_token:
                self._apply(handler, current_viewer)
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
