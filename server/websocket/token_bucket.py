"""Token bucket: limits the rate of a client's frames."""

from __future__ import annotations

import asyncio


class TokenBucket:
    """Rate limit of frames: `burst` at once, refilled at `rate` per second.

    One object serves all clients. What is kept for each is the time of the event loop at which its bucket is full
    again, 0 at first.
    """

    __slots__ = ("_refill_seconds", "_seconds_per_token")

    def __init__(self, burst: float, rate: float) -> None:
        self._seconds_per_token, self._refill_seconds = 1 / rate, burst / rate

    def consume(self, full_at: float) -> float | None:
        """Take one token; return when the bucket is full again, or None if there was no token."""
        now = asyncio.get_running_loop().time()
        full_at = max(full_at, now) + self._seconds_per_token
        return full_at if full_at - now <= self._refill_seconds else None
