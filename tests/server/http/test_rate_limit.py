import pytest
from limits import RateLimitItemPerMinute

from server.http.rate_limit import Throttling

WINDOW = 15 * 60
pytestmark = pytest.mark.timeout(60)


async def tried(throttle, *key, times):
    """Return how many of `times` attempts were accepted."""
    return [await throttle.hit(*key) for _ in range(times)].count(0)


async def test_ten_attempts_for_one_email_pass_and_the_next_says_how_long_to_wait():
    throttle = Throttling()

    assert await tried(throttle, "sign-in", "a@example.com", times=15) == 10
    assert 0 < await throttle.hit("sign-in", "a@example.com") <= WINDOW


async def test_an_address_has_more_attempts_as_an_office_shares_it():
    assert await tried(Throttling(), "sign-in", "192.0.2.1", times=150) == 100


async def test_one_who_is_refused_keeps_no_other_from_trying():
    throttle = Throttling()
    await tried(throttle, "sign-in", "a@example.com", times=11)

    assert await throttle.hit("sign-in", "b@example.com") == 0
    assert await throttle.hit("reset", "a@example.com") == 0


async def test_a_network_of_the_sixth_version_is_one_address():
    throttle = Throttling(address=RateLimitItemPerMinute(2, 15))

    waits = [await throttle.hit("sign-in", f"2001:db8::{number}") for number in range(3)]

    assert [wait > 0 for wait in waits] == [False, False, True]
    assert await throttle.hit("sign-in", "2001:db8:0:1::1") == 0
    assert await throttle.hit("sign-in", "fe80::1%eth0") == 0


async def test_an_address_written_in_either_version_is_the_same_address():
    throttle = Throttling(address=RateLimitItemPerMinute(1, 15))
    await throttle.hit("sign-in", "192.0.2.1")

    assert await throttle.hit("sign-in", "::ffff:192.0.2.1") > 0
    assert await throttle.hit("sign-in", "::ffff:192.0.2.2") == 0


async def test_success_forgets_the_failures():
    throttle = Throttling()
    await tried(throttle, "sign-in", "a@example.com", times=10)
    await throttle.clear("sign-in", "a@example.com")

    assert await tried(throttle, "sign-in", "a@example.com", times=11) == 10


@pytest.mark.parametrize("email", ["", "\ud800", "x" * 10_000, "a:b/c\0d"])
async def test_whatever_is_typed_can_be_counted(email):
    assert await tried(Throttling(), "sign-in", email, times=11) == 10


@pytest.fixture
async def over_redis(redis_server):
    """Return a factory of rate limiters over the test's Redis; they are closed at the end."""
    made = []

    def make():
        made.append(Throttling(redis_server.url))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_a_process_with_a_redis_counts_with_the_others(over_redis):
    one, other = over_redis(), over_redis()

    assert await tried(one, "sign-in", "a@example.com", times=6) == 6
    assert await tried(other, "sign-in", "a@example.com", times=6) == 4

    await tried(other, "sign-in", "a@example.com", times=10)
    await one.clear("sign-in", "a@example.com")
    assert await other.hit("sign-in", "a@example.com") == 0


async def test_a_redis_that_goes_away_refuses_nobody_and_the_process_goes_on_counting(redis_server, over_redis):
    throttle = over_redis()
    await tried(throttle, "sign-in", "a@example.com", times=6)
    redis_server.kill()

    assert await tried(throttle, "sign-in", "a@example.com", times=10) == 4
    await throttle.clear("sign-in", "a@example.com")
    assert await throttle.hit("sign-in", "a@example.com") == 0


async def test_a_redis_that_is_frozen_refuses_nobody(redis_server, over_redis):
    throttle = over_redis()
    redis_server.pause()
    try:
        assert await tried(throttle, "sign-in", "a@example.com", times=11) == 10
    finally:
        redis_server.resume()
