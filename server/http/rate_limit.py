"""How often somebody may try, counted over a moving window, on every process together when there is a Redis.

A Redis that is away never refuses nor delays a sign-in: each process then counts for
itself, and it has counted all along, so nobody starts afresh.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import time
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

ANYBODY: Final = RateLimitItemPerMinute(10, 15)  # tries in so many minutes, of one e-mail
ADDRESS: Final = RateLimitItemPerMinute(100, 15)  # of one address: an office signs in from one, and successes count
PATIENCE: Final = 0.5  # seconds that a Redis may take
REST: Final = 5.0  # seconds for which a Redis that failed is not asked again

log = logging.getLogger(__name__)


class Throttling:
    """Counts attempts by key. The last word of a key is an address, or something with the stricter limit.

    redis_url  where all processes count together; None for this process alone.
    """

    def __init__(
        self, redis_url: str | None = None, *, anybody: RateLimitItem = ANYBODY, address: RateLimitItem = ADDRESS
    ) -> None:
        self._anybody, self._address = anybody, address
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._together: MovingWindowRateLimiter | None = None
        self._redis: Any = None
        if redis_url is not None:
            storage = RedisStorage(
                f"async+{redis_url}",
                implementation="redispy",
                key_prefix="scoreline",
                socket_connect_timeout=PATIENCE,
                socket_timeout=PATIENCE,
            )
            self._together = MovingWindowRateLimiter(storage)
            self._redis = storage.bridge.get_connection()  # type: ignore[attr-defined]
        self._rested = 0.0  # from when on Redis may be asked

    async def hit(self, *key: str) -> float:
        """Count an attempt; return the seconds to wait when there were too many (it is not counted then), else 0."""
        limit, name = self._limit(key)
        wait = await _hit(self._here, limit, name)
        if self._together and self._awake:
            try:
                async with asyncio.timeout(PATIENCE):
                    wait = await _hit(self._together, limit, name)  # it decides: another process may have cleared
            except Exception as error:  # noqa: BLE001 - of whatever Redis; this process has counted
                self._let_rest(error)
        return wait

    async def clear(self, *key: str) -> None:
        """Forget the attempts of a key."""
        limit, name = self._limit(key)
        await self._here.clear(limit, name)
        if self._together and self._awake:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._together.clear(limit, name)
            except Exception as error:  # noqa: BLE001 - as above
                self._let_rest(error)

    async def close(self) -> None:
        """Let go of Redis; whatever is asked later makes a new connection."""
        if self._redis is not None:
            await self._redis.aclose()

    @property
    def _awake(self) -> bool:
        return asyncio.get_running_loop().time() >= self._rested

    def _let_rest(self, error: Exception) -> None:
        log.warning("Attempts cannot be counted together (%r); each process counts its own.", error)
        self._rested = asyncio.get_running_loop().time() + REST

    def _limit(self, key: tuple[str, ...]) -> tuple[RateLimitItem, str]:
        """Return the limit of a key and the name to count under, which tells nobody's e-mail."""
        *kind, last = key
        try:
            address = ipaddress.ip_address(last)
        except ValueError:
            limit = self._anybody
        else:
            limit = self._address
            if isinstance(address, ipaddress.IPv6Address):  # whoever has one has all of its network
                last = str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
        return limit, hashlib.sha256("\0".join([*kind, last]).encode("utf-8", "surrogatepass")).hexdigest()


def throttle(redis_url: str | None = None) -> Throttling:
    """Return what sign-ins are throttled with, counting over the Redis at `redis_url` if there is one."""
    return Throttling(redis_url)


async def _hit(limiter: MovingWindowRateLimiter, limit: RateLimitItem, name: str) -> float:
    if await limiter.hit(limit, name):
        return 0.0
    reset, _ = await limiter.get_window_stats(limit, name)
    return max(1.0, reset - time.time())  # the library counts by this clock
