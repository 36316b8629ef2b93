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

PER_EMAIL_LIMIT: Final = RateLimitItemPerMinute(10, 15)  # attempts in 15 minutes
PER_ADDRESS_LIMIT: Final = RateLimitItemPerMinute(
    100, 15
)  # higher: an office shares one address, and successes count too
REDIS_TIMEOUT_SECONDS: Final = 0.5
CIRCUIT_OPEN_SECONDS: Final = 5.0  # how long Redis is skipped after it failed

log = logging.getLogger(__name__)


class RateLimiter:
    """Counts attempts by key.

    The limit follows from the last part of a key: `per_address` for an IP address, else the stricter `per_email`.

    redis_url  Redis in which all processes count together; None to count in this process alone.
    """

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        per_email: RateLimitItem = PER_EMAIL_LIMIT,
        per_address: RateLimitItem = PER_ADDRESS_LIMIT,
    ) -> None:
        self._per_email, self._per_address = per_email, per_address
        self._local_limiter = MovingWindowRateLimiter(MemoryStorage())
        self._redis_limiter: MovingWindowRateLimiter | None = None
        self._redis_client: Any = None
        if redis_url is not None:
            storage = RedisStorage(
                f"async+{redis_url}",
                implementation="redispy",
                key_prefix="scoreline",
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
                socket_timeout=REDIS_TIMEOUT_SECONDS,
            )
            self._redis_limiter = MovingWindowRateLimiter(storage)
            self._redis_client = storage.bridge.get_connection()  # type: ignore[attr-defined]
        self._circuit_closes_at = 0.0  # loop time from which Redis is used again

    async def hit(self, *key: str) -> float:
        """Count an attempt and return 0; if there were too many, do not count it and return the seconds to wait."""
        limit, hashed_key = self._resolve_limit(key)
        wait_seconds = await _count_attempt(self._local_limiter, limit, hashed_key)
        if self._redis_limiter and self._circuit_closed:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                    # Redis decides, even if the local limit is hit: another process may have cleared the key.
                    wait_seconds = await _count_attempt(self._redis_limiter, limit, hashed_key)
            except Exception as error:  # noqa: BLE001 - any Redis error: the local count stands in
                self._open_circuit(error)
        return wait_seconds

    async def clear(self, *key: str) -> None:
        """Forget the attempts of a key."""
        limit, hashed_key = self._resolve_limit(key)
        await self._local_limiter.clear(limit, hashed_key)
        if self._redis_limiter and self._circuit_closed:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                    await self._redis_limiter.clear(limit, hashed_key)
            except Exception as error:  # noqa: BLE001 - as in `hit`
                self._open_circuit(error)

    async def close(self) -> None:
        """Close the connection to Redis; a later call opens a new one."""
        if self._redis_client is not None:
            await self._redis_client.aclose()

    @property
    def _circuit_closed(self) -> bool:
        return asyncio.get_running_loop().time() >= self._circuit_closes_at

    def _open_circuit(self, error: Exception) -> None:
        log.warning("Redis does not count attempts (%r); each process counts its own for now.", error)
        self._circuit_closes_at = asyncio.get_running_loop().time() + CIRCUIT_OPEN_SECONDS

    def _resolve_limit(self, key: tuple[str, ...]) -> tuple[RateLimitItem, str]:
        """Return the limit of a key and the name to count under: a hash, so that Redis holds no e-mail addresses."""
        *prefix, subject = key
        try:
            address = ipaddress.ip_address(subject)
        except ValueError:
            limit = self._per_email
        else:
            limit = self._per_address
            if isinstance(address, ipaddress.IPv6Address):  # a client usually has a whole /64 network
                subject = str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
        return limit, hashlib.sha256("\0".join([*prefix, subject]).encode("utf-8", "surrogatepass")).hexdigest()


def create_rate_limiter(redis_url: str | None = None) -> RateLimiter:
    """Create the rate limiter of the process, shared over the Redis at `redis_url` if given."""
    return RateLimiter(redis_url)


async def _count_attempt(limiter: MovingWindowRateLimiter, limit: RateLimitItem, hashed_key: str) -> float:
    if await limiter.hit(limit, hashed_key):
        return 0.0
    reset_at, _ = await limiter.get_window_stats(limit, hashed_key)
    return max(1.0, reset_at - time.time())  # the library uses wall-clock time
