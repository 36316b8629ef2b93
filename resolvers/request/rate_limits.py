"""Rate limits: how many attempts a key has within a window, and the protocol of what counts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True)
class RateLimit:
    """At most `amount` attempts in a window of time that begins with the first of them."""

    name: str
    amount: int
    window: timedelta


class RateLimiterProtocol(Protocol):
    """Counts attempts by limit and key. All times are seconds to wait; 0 means that an attempt is accepted."""

    async def hit(self, limit: RateLimit, *key: str) -> float:
        """Count an attempt; one too many is not counted, and the time until the window ends is returned."""

    async def peek(self, limit: RateLimit, *key: str) -> float:
        """Return what `hit` would, without counting an attempt."""

    async def undo(self, limit: RateLimit, *key: str) -> None:
        """Take an accepted attempt back: it has turned out not to count."""

    async def clear(self, limit: RateLimit, *key: str) -> None:
        """Forget all attempts of a key."""
