"""Viewers of tokens that were checked lately: a client that connects again, or opens another socket, costs no read.

Clients connect again in crowds, after a restart of a proxy for instance, and the browser tabs of an employee have one
token. A viewer is forgotten with the news of its session, device or permissions that has open sockets checked again,
so a token that is accepted here is as good as that of an open socket.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from resolvers.auth import sessions
from resolvers.request.viewer import Viewer
from subscriptions.core.hub import Hub
from subscriptions.core.topic_listeners import TopicListener

MAX_AGE: Final = timedelta(seconds=60)  # the use of a device is written down about as often
_MAX_ENTRIES: Final = 10_000  # upper bound for memory


@dataclass(frozen=True, slots=True)
class RecentViewer:
    """A token and its viewer. Sockets with the same token share both objects."""

    token: str
    viewer: Viewer
    checked_at: datetime
    listener: TopicListener


class RecentViewers:
    """The viewers of a process, by token."""

    def __init__(self, hub: Hub, clock: Callable[[], datetime]) -> None:
        self._hub, self._clock = hub, clock
        self._entries: OrderedDict[str, RecentViewer] = OrderedDict()  # the one that was checked first comes first

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: str) -> RecentViewer | None:
        """Return the entry of a token; None if the token must be checked.

        It must be while news may be missing, for instance of a sign-out that has just been committed.
        """
        entry = self._entries.get(token)
        if entry is None or not self._hub.is_up_to_date:
            return None
        now, expires_at = self._clock(), entry.viewer.expires_at
        is_expired = expires_at is not None and expires_at <= now
        return None if is_expired or entry.checked_at + MAX_AGE <= now else entry

    def add(self, token: str, viewer: Viewer, position: int | None) -> None:
        """Remember the viewer of a token that was found valid.

        position  of the news before the token was checked: news since then may be about this viewer, who is then not
                  remembered
        """
        self._remove(token)
        if self._hub.position != position:
            return
        listener = self._hub.watch(sessions.revocation_topics(viewer), partial(self._remove, token))
        self._entries[token] = RecentViewer(token, viewer, self._clock(), listener)
        if len(self._entries) > _MAX_ENTRIES:
            self._remove(next(iter(self._entries)))

    def remove_old(self) -> None:
        """Forget the viewers that were checked too long ago."""
        limit = self._clock() - MAX_AGE
        while self._entries:
            token, entry = next(iter(self._entries.items()))
            if entry.checked_at > limit:
                return
            self._remove(token)

    def _remove(self, token: str) -> None:
        entry = self._entries.pop(token, None)
        if entry is not None:
            self._hub.unwatch(entry.listener)
