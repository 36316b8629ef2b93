"""Rate limits for sign-in and similar attempts: a moving window, shared by all processes if there is Redis.

Redis being down never refuses nor delays a sign-in: the process falls back to its local count, which it keeps all the
time, so that the fallback does not start from zero.
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

ANYBODY: Final = RateLimitItemPerMinute(10, 15)  # attempts in 15 minutes
ADDRESS: Final = RateLimitItemPerMinute(100, 15)  # higher: an office shares one address, and successes count too
PATIENCE: Final = 0.5
REST: Final = 5.0  # how long Redis is skipped after it failed

log = logging.getLogger(__name__)


class Throttling:
    """Counts attempts by key.

    The limit follows from the last part of a key: `per_address` for an IP address, else the stricter `per_email`.

    redis_url  Redis in which all processes count together; None to count in this process alone.
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
        self._rested = 0.0  # loop time from which Redis is used again

    async def hit(self, *key: str) -> float:
        """Count an attempt and return 0; if there were too many, do not count it and return the seconds to wait."""
        limit, name = self._limit(key)
        wait = await _hit(self._here, limit, name)
        if self._together and self._awake:
            try:
                async with asyncio.timeout(PATIENCE):
                    # Redis decides, even if the local limit is hit: another process may have cleared the key.
                    wait = await _hit(self._together, limit, name)
            except Exception as error:  # noqa: BLE001 - any Redis error: the local count stands in
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
            except Exception as error:  # noqa: BLE001 - as in `hit`
                self._let_rest(error)

    async def close(self) -> None:
        """Close the connection to Redis; a later call opens a new one."""
        if self._redis is not None:
            await self._redis.aclose()

    @property
    def _awake(self) -> bool:
        return asyncio.get_running_loop().time() >= self._rested

    def _let_rest(self, error: Exception) -> None:
        log.warning("Redis does not count attempts (%r); each process counts its own for now.", error)
        self._rested = asyncio.get_running_loop().time() + REST

    def _limit(self, key: tuple[str, ...]) -> tuple[RateLimitItem, str]:
        """Return the limit of a key and the name to count under: a hash, so that Redis holds no e-mail addresses."""
        *kind, last = key
        try:
            address = ipaddress.ip_address(last)
        except ValueError:
            limit = self._anybody
        else:
            limit = self._address
            if isinstance(address, ipaddress.IPv6Address):  # a client usually has a whole /64 network
                last = str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
        return limit, hashlib.sha256("\0".join([*kind, last]).encode("utf-8", "surrogatepass")).hexdigest()


def throttle(redis_url: str | None = None) -> Throttling:
    """Create the rate limiter of the process, shared over the Redis at `redis_url` if given."""
    return Throttling(redis_url)


async def _hit(limiter: MovingWindowRateLimiter, limit: RateLimitItem, name: str) -> float:
    if await limiter.hit(limit, name):
        return 0.0
    reset, _ = await limiter.get_window_stats(limit, name)
    return max(1.0, reset - time.time())  # the library uses wall-clock time
