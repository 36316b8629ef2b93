"""Token bucket: limits the rate of a client's messages."""

from __future__ import annotations

import asyncio


class TokenBucket:
    """Rate limit of a client's frames: `burst` at once, refilled at `rate` per second."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated_at")

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._tokens, self._updated_at = burst, asyncio.get_running_loop().time()

    def consume(self) -> bool:
        """Take one token; return False if there was none."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._rate) - 1
        self._updated_at = now
        return self._tokens >= 0
