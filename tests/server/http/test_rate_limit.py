import asyncio
import time
from datetime import timedelta

import pytest

from resolvers.request.rate_limits import RateLimit
from server.http import rate_limit
from server.http.rate_limit import RateLimiter

WINDOW_SECONDS = 15 * 60
TEN = RateLimit("ten", 10, timedelta(seconds=WINDOW_SECONDS))
BRIEF = RateLimit("brief", 1, timedelta(seconds=1))
pytestmark = pytest.mark.timeout(60)


async def count_accepted(limiter, *key, times, limit=TEN):
    """Return how many of `times` attempts were accepted."""
    return [await limiter.hit(limit, *key) for _ in range(times)].count(0)


@pytest.fixture(params=["this process", "Redis"])
async def limiter(request):
    """A rate limiter that counts in this process, or in a Redis of the test's own."""
    limiter = RateLimiter(request.getfixturevalue("redis_server").url if request.param == "Redis" else None)
    yield limiter
    await limiter.close()


async def test_limiter_accepts_attempts_up_to_its_limit_then_returns_wait(limiter):
    assert await count_accepted(limiter, "a@example.com", times=15) == 10
    assert 0 < await limiter.hit(TEN, "a@example.com") <= WINDOW_SECONDS


async def test_limit_of_one_key_leaves_other_keys_and_limits_free(limiter):
    await count_accepted(limiter, "a@example.com", times=11)

    assert await limiter.hit(TEN, "b@example.com") == 0
    assert await limiter.hit(RateLimit("other", 10, TEN.window), "a@example.com") == 0


async def test_peek_tells_the_wait_without_counting(limiter):
    waits = [await limiter.peek(TEN, "a@example.com") for _ in range(20)]
    accepted = await count_accepted(limiter, "a@example.com", times=11)

    assert waits == [0] * 20
    assert accepted == 10
    assert await limiter.peek(TEN, "a@example.com") > 0


async def test_undone_attempt_does_not_count(limiter):
    await count_accepted(limiter, "a@example.com", times=15)
    await limiter.undo(TEN, "a@example.com")

    assert await count_accepted(limiter, "a@example.com", times=3) == 1


async def test_clear_resets_attempts(limiter):
    await count_accepted(limiter, "a@example.com", times=10)
    await limiter.clear(TEN, "a@example.com")

    assert await count_accepted(limiter, "a@example.com", times=11) == 10


async def test_refused_attempts_do_not_prolong_the_window(limiter):
    await limiter.hit(BRIEF, "a")
    for _ in range(15):
        assert await limiter.hit(BRIEF, "a") == 1
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)

    assert await limiter.hit(BRIEF, "a") == 0


async def test_local_counts_are_bounded_and_running_ones_are_kept(monkeypatch):
    monkeypatch.setattr(rate_limit, "MAX_LOCAL_COUNTS", 20_000)
    limiter = RateLimiter()
    long_limit = RateLimit("long", 10, timedelta(days=1))
    assert await count_accepted(limiter, "a@example.com", times=10, limit=long_limit) == 10
    sizes = []
    for number in range(50_000):
        await limiter.hit(TEN, f"seller{number}@example.com")
        sizes.append(len(limiter._local_storage._counts))

    assert max(sizes) <= 20_001
    assert await limiter.hit(long_limit, "a@example.com") > 0


async def test_ended_local_counts_are_dropped(monkeypatch):
    now = time.time()
    monkeypatch.setattr(rate_limit.time, "time", lambda: now)
    limiter = RateLimiter()
    for number in range(rate_limit._MIN_SWEEP_SIZE):
        await limiter.hit(TEN, f"seller{number}@example.com")
    now += WINDOW_SECONDS
    await limiter.hit(TEN, "a@example.com")

    assert len(limiter._local_storage._counts) == 1


@pytest.mark.parametrize("email", ["", "\ud800", "x" * 10_000, "a:b/c\0d"])
async def test_limiter_accepts_any_text_as_key(email):
    assert await count_accepted(RateLimiter(), email, times=11) == 10


@pytest.fixture
async def create_over_redis(redis_server):
    """Return a factory of rate limiters over the test's Redis; they are closed at the end."""
    limiters = []

    def make():
        limiters.append(RateLimiter(redis_server.url))
        return limiters[-1]

    yield make
    for limiter in limiters:
        await limiter.close()


async def test_limiters_over_one_redis_count_together(create_over_redis):
    one, other = create_over_redis(), create_over_redis()

    assert await count_accepted(one, "a@example.com", times=6) == 6
    assert await count_accepted(other, "a@example.com", times=6) == 4

    await count_accepted(other, "a@example.com", times=10)
    await one.clear(TEN, "a@example.com")
    assert await other.hit(TEN, "a@example.com") == 0


async def test_limiter_continues_with_local_count_when_redis_dies(redis_server, create_over_redis):
    limiter = create_over_redis()
    await count_accepted(limiter, "a@example.com", times=6)
    redis_server.kill()

    assert await count_accepted(limiter, "a@example.com", times=10) == 4
    await limiter.clear(TEN, "a@example.com")
    assert await limiter.hit(TEN, "a@example.com") == 0


async def test_limiter_counts_locally_while_redis_is_frozen(redis_server, create_over_redis):
    limiter = create_over_redis()
    redis_server.pause()
    try:
        assert await count_accepted(limiter, "a@example.com", times=11) == 10
    finally:
        redis_server.resume()
