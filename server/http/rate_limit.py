"""The rate limiter of a process: counts attempts, together with all other processes if there is Redis.

Redis being down never refuses nor delays a sign-in: the process falls back to its local count, which it keeps all the
time, so that the fallback does not start from zero.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from limits.aio.storage import RedisStorage

from resolvers.request.rate_limits import RateLimit

REDIS_TIMEOUT_SECONDS: Final = 0.5
CIRCUIT_OPEN_SECONDS: Final = 5.0  # how long Redis is skipped after it failed

MAX_LOCAL_COUNTS: Final = 200_000
_MIN_SWEEP_SIZE: Final = 1_000

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class _Storage(Protocol):
    """The part of a storage of the library `limits` that is used here."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int: ...

    async def get(self, key: str) -> int: ...

    async def get_expiry(self, key: str) -> float: ...

    async def clear(self, key: str) -> None: ...


class _Closable(Protocol):
    """The client of Redis that such a storage opens."""

    async def aclose(self) -> None: ...


class _LocalStorage:
    """Counts in this process, in bounded time and memory, which the memory storage of the library is not.

    Ended counts are dropped whenever their number has doubled. Above `MAX_LOCAL_COUNTS` those that end first go, too.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}  # count and end of its window, by key
        self._sweep_size = _MIN_SWEEP_SIZE

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        count, ends_at = self._counts.get(key, (0, 0.0))
        if ends_at <= now:
            count, ends_at = 0, now + expiry
        count = max(0, count + amount)
        if count == 0:
            self._counts.pop(key, None)
            return 0
        self._counts[key] = (count, ends_at)
        if len(self._counts) > self._sweep_size:
            self._sweep(now)
        return count

    async def get(self, key: str) -> int:
        count, ends_at = self._counts.get(key, (0, 0.0))
        return count if ends_at > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, 0.0))[1]

    async def clear(self, key: str) -> None:
        self._counts.pop(key, None)

    def _sweep(self, now: float) -> None:
        running = [(ends_at, key) for key, (_, ends_at) in self._counts.items() if ends_at > now]
        if len(running) > MAX_LOCAL_COUNTS // 2:
            running = heapq.nlargest(MAX_LOCAL_COUNTS // 2, running)
        self._counts = {key: self._counts[key] for _, key in running}
        self._sweep_size = max(_MIN_SWEEP_SIZE, 2 * len(self._counts))


class RateLimiter:
    """Counts attempts by limit and key.

    redis_url  Redis in which all processes count together; None to count in this process alone.
    """

    def __init__(self, redis_url: str | None = None) -> None:
        self._local_storage = _LocalStorage()
        self._redis_storage: RedisStorage | None = None
        self._redis_client: _Closable | None = None
        if redis_url is not None:
            self._redis_storage = RedisStorage(
                f"async+{redis_url}",
                implementation="redispy",
                key_prefix="scoreline",
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
                socket_timeout=REDIS_TIMEOUT_SECONDS,
            )
            self._redis_client = self._redis_storage.bridge.get_connection()  # type: ignore[attr-defined]
        self._circuit_closes_at = 0.0  # loop time from which Redis is used again

    async def hit(self, limit: RateLimit, *key: str) -> float:
        """Count an attempt and return 0; if there were too many, do not count it and return the seconds to wait."""
        return await self._run(lambda storage: _count_attempt(storage, limit, _storage_key(limit, key)))

    async def peek(self, limit: RateLimit, *key: str) -> float:
        """Return the seconds to wait before an attempt would be accepted, without counting one."""
        return await self._run(lambda storage: _seconds_to_wait(storage, limit, _storage_key(limit, key)))

    async def undo(self, limit: RateLimit, *key: str) -> None:
        """Take an accepted attempt back."""
        await self._run(lambda storage: _add(storage, limit, _storage_key(limit, key), -1))

    async def clear(self, limit: RateLimit, *key: str) -> None:
        """Forget the attempts of a key."""
        await self._run(lambda storage: storage.clear(_storage_key(limit, key)))

    async def close(self) -> None:
        """Close the connection to Redis; a later call opens a new one."""
        if self._redis_client is not None:
            await self._redis_client.aclose()

    async def _run(self, action: Callable[[_Storage], Awaitable[Result]]) -> Result:
        """Run an action on the local count and then on Redis, whose result counts if it can be reached."""
        result = await action(self._local_storage)
        if self._redis_storage is not None and asyncio.get_running_loop().time() >= self._circuit_closes_at:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                    # Redis decides, even if the local limit is hit: another process may have cleared the key.
                    result = await action(self._redis_storage)
            except Exception as error:  # noqa: BLE001 - any Redis error: the local count stands in
                log.warning("Redis does not count attempts (%r); each process counts its own for now.", error)
                self._circuit_closes_at = asyncio.get_running_loop().time() + CIRCUIT_OPEN_SECONDS
        return result


def create_rate_limiter(redis_url: str | None = None) -> RateLimiter:
    """Create the rate limiter of the process, shared over the Redis at `redis_url` if given."""
    return RateLimiter(redis_url)


def _storage_key(limit: RateLimit, key: tuple[str, ...]) -> str:
    """Return the name to count under: a hash, so that Redis holds no e-mail addresses."""
    return hashlib.sha256("\0".join([limit.name, *key]).encode("utf-8", "surrogatepass")).hexdigest()


async def _count_attempt(storage: _Storage, limit: RateLimit, storage_key: str) -> float:
    if await _add(storage, limit, storage_key, 1) <= limit.amount:
        return 0.0
    await _add(storage, limit, storage_key, -1)
    return await _seconds_until_window_ends(storage, storage_key)


async def _add(storage: _Storage, limit: RateLimit, storage_key: str, amount: int) -> int:
    return await storage.incr(storage_key, int(limit.window.total_seconds()), amount)


async def _seconds_to_wait(storage: _Storage, limit: RateLimit, storage_key: str) -> float:
    is_accepted = await storage.get(storage_key) < limit.amount
    return 0.0 if is_accepted else await _seconds_until_window_ends(storage, storage_key)


async def _seconds_until_window_ends(storage: _Storage, storage_key: str) -> float:
    return max(1.0, await storage.get_expiry(storage_key) - time.time())  # the library uses wall-clock time
