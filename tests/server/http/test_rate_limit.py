import pytest
from limits import RateLimitItemPerMinute

from server.http.rate_limit import RateLimiter

WINDOW_SECONDS = 15 * 60
pytestmark = pytest.mark.timeout(60)


async def count_accepted(limiter, *key, times):
    """Return how many of `times` attempts were accepted."""
    return [await limiter.hit(*key) for _ in range(times)].count(0)


async def test_limiter_accepts_ten_attempts_per_email_then_returns_wait():
    limiter = RateLimiter()

    assert await count_accepted(limiter, "sign-in", "a@example.com", times=15) == 10
    assert 0 < await limiter.hit("sign-in", "a@example.com") <= WINDOW_SECONDS


async def test_limiter_accepts_hundred_attempts_per_address():
    assert await count_accepted(RateLimiter(), "sign-in", "192.0.2.1", times=150) == 100


async def test_limit_of_one_key_leaves_other_keys_free():
    limiter = RateLimiter()
    await count_accepted(limiter, "sign-in", "a@example.com", times=11)

    assert await limiter.hit("sign-in", "b@example.com") == 0
    assert await limiter.hit("reset", "a@example.com") == 0


async def test_ipv6_network_counts_as_one_address():
    limiter = RateLimiter(per_address=RateLimitItemPerMinute(2, 15))

    waits = [await limiter.hit("sign-in", f"2001:db8::{number}") for number in range(3)]

    assert [wait > 0 for wait in waits] == [False, False, True]
    assert await limiter.hit("sign-in", "2001:db8:0:1::1") == 0
    assert await limiter.hit("sign-in", "fe80::1%eth0") == 0


async def test_ipv4_mapped_address_counts_as_ipv4():
    limiter = RateLimiter(per_address=RateLimitItemPerMinute(1, 15))
    await limiter.hit("sign-in", "192.0.2.1")

    assert await limiter.hit("sign-in", "::ffff:192.0.2.1") > 0
    assert await limiter.hit("sign-in", "::ffff:192.0.2.2") == 0


async def test_clear_resets_attempts():
    limiter = RateLimiter()
    await count_accepted(limiter, "sign-in", "a@example.com", times=10)
    await limiter.clear("sign-in", "a@example.com")

    assert await count_accepted(limiter, "sign-in", "a@example.com", times=11) == 10


@pytest.mark.parametrize("email", ["", "\ud800", "x" * 10_000, "a:b/c\0d"])
async def test_limiter_accepts_any_text_as_email(email):
    assert await count_accepted(RateLimiter(), "sign-in", email, times=11) == 10


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

    assert await count_accepted(one, "sign-in", "a@example.com", times=6) == 6
    assert await count_accepted(other, "sign-in", "a@example.com", times=6) == 4

    await count_accepted(other, "sign-in", "a@example.com", times=10)
    await one.clear("sign-in", "a@example.com")
    assert await other.hit("sign-in", "a@example.com") == 0


async def test_limiter_continues_with_local_count_when_redis_dies(redis_server, create_over_redis):
    limiter = create_over_redis()
    await count_accepted(limiter, "sign-in", "a@example.com", times=6)
    redis_server.kill()

    assert await count_accepted(limiter, "sign-in", "a@example.com", times=10) == 4
    await limiter.clear("sign-in", "a@example.com")
    assert await limiter.hit("sign-in", "a@example.com") == 0


async def test_limiter_counts_locally_while_redis_is_frozen(redis_server, create_over_redis):
    limiter = create_over_redis()
    redis_server.pause()
    try:
        assert await count_accepted(limiter, "sign-in", "a@example.com", times=11) == 10
    finally:
        redis_server.resume()
