"""Limits the open sockets of one viewer and of one address."""

from __future__ import annotations

from collections import Counter


class SocketLimit:
    """Counts open sockets by key, up to a maximum for each key."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._counts: Counter[str] = Counter()

    def acquire(self, key: str) -> bool:
        """Count a socket; return False, and do not count it, if there are too many with this key."""
        if self._counts[key] >= self._maximum:
            return False
        self._counts[key] += 1
        return True

    def release(self, key: str) -> None:
        """Count a socket no longer."""
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]
