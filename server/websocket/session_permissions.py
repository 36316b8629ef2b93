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
from server.websocket.recent_viewers import RecentViewers
from server.websocket.socket_limit import SocketLimit
from subscriptions.core.hub import Hub
from subscriptions.core.topic_listeners import TopicListener

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


class _OpenSession:
    """The open sockets of a session or a device, with one listener for the news that concerns them.

    topic  of the session or device alone
    """

    __slots__ = ("handlers", "listener", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.handlers: set[SessionHandler] = set()
        self.listener: TopicListener


class SessionPermissions:
    """Permissions of all open sockets of the process.

    max_sockets     that one viewer may have open.
    recent_viewers  of tokens that were checked lately, also of sockets that are closed by now.
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
        self.recent_viewers = RecentViewers(hub, clock)
        self._sessions: dict[str, _OpenSession] = {}  # by topic
        self._session_of: dict[SessionHandler, _OpenSession] = {}
        self._in_leeway: set[SessionHandler] = set()  # sockets whose token had expired already when it was accepted
        # unverified sockets, each with the number of the news that made it so: news during a check means another check
        self._unverified: dict[SessionHandler, int] = {}
        self._news_count = 0
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
        self._join_session(handler)
        self._presence_reporter.connect(handler.viewer.id)
        if self._hub.position != position:
            self._mark_unverified(handler)

    def renew(self, handler: SessionHandler, position: int | None) -> None:
        """Go on with a new token of the same viewer; `position` as for `register`."""
        self._leave_session(handler)
        self._join_session(handler)
        if self._hub.position != position:
            self._mark_unverified(handler)

    def unregister(self, handler: SessionHandler) -> None:
        if handler in self._session_of:
            self._leave_session(handler)
            self._presence_reporter.disconnect(handler.viewer.id)
            self._socket_limit.release(handler.viewer.key)
        self._unverified.pop(handler, None)
        self._notify_if_verified()

    def _join_session(self, handler: SessionHandler) -> None:
        topics = sessions.revocation_topics(handler.viewer)
        topic = topics[-1]
        session = self._sessions.get(topic)
        if session is None:
            session = self._sessions[topic] = _OpenSession(topic)
            session.listener = self._hub.watch(topics, partial(self._mark_session_unverified, session))
        session.handlers.add(handler)
        self._session_of[handler] = session
        expires_at = handler.viewer.expires_at
        if expires_at is not None and expires_at <= self._clock():
            self._in_leeway.add(handler)

    def _leave_session(self, handler: SessionHandler) -> None:
        self._in_leeway.discard(handler)
        session = self._session_of.pop(handler)
        session.handlers.remove(handler)
        if not session.handlers:
            del self._sessions[session.topic]
            self._hub.unwatch(session.listener)

    @property
    def all_verified(self) -> bool:
        return not self._unverified

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

    def _mark_session_unverified(self, session: _OpenSession) -> None:
        for handler in session.handlers:
            self._mark_unverified(handler)

    async def close_expired(self) -> NoReturn:
        """Close the sockets with an expired token, for as long as the process runs. Does not need the database.

        A socket goes on if its client hands over a new token in time. A token that was accepted although it had
        expired, since clocks differ, lasts until that leeway ends.
        """
        while True:
            for handler in self._find_expired(self._clock()):
                try:
                    handler.on_token_expired()
                except Exception:  # a bug in one socket: the others must be closed
                    log.exception("A socket with an expired token could not be closed.")
            self.recent_viewers.remove_old()
            await asyncio.sleep(_EXPIRY_CHECK_SECONDS)

    def _find_expired(self, now: datetime) -> list[SessionHandler]:
        expired = []
        for handler in self._session_of:
            expires_at = handler.viewer.expires_at
            if expires_at is not None and expires_at <= now:
                is_in_leeway = handler in self._in_leeway and expires_at + sessions.CLOCK_LEEWAY > now
                if not is_in_leeway:
                    expired.append(handler)
        return expired

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
        handlers = {handler: (news_number, handler.viewer) for handler, news_number in self._unverified.items()}
        viewers = {id(viewer): viewer for _, viewer in handlers.values()}  # sockets with the same token share one
        current_viewers = dict(zip(viewers, await sessions.reload_viewers(list(viewers.values())), strict=True))
        for handler, (news_number, viewer) in handlers.items():
            has_new_token = handler.viewer is not viewer
            if self._unverified.get(handler) == news_number and not has_new_token:
                del self._unverified[handler]
            if handler in self._session_of and not has_new_token:
                self._apply(handler, current_viewers[id(viewer)])
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
