"""Wrong passwords and tokens are limited together, and lock out neither known networks nor trusted devices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from domain.errors.operation_errors import Throttled, Unauthenticated
from resolvers.auth import attempts, passwords, sessions
from resolvers.auth.trust_tokens import create_trust_token, find_trusted_device
from resolvers.request.client_info import ClientInfo
from server.http.rate_limit import RateLimiter
from tests.world import PASSWORD, World, open_world

HOME, OFFICE, CAFE = "198.51.100.7", "203.0.113.20", "192.0.2.9"
EMAIL = "ann@example.com"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A company in which Ann has signed in from her office, and has failed nowhere."""
    async with open_world(database_url) as world:
        world.address = OFFICE
        await world.create_employee("Ann")
        world.services.rate_limiter = RateLimiter()
        yield world


@pytest.fixture
def hash_checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a hash."""
    checked: list[str] = []
    verify = passwords.verify_password

    async def record_and_verify(password_hash: str | None, password: str) -> bool:
        checked.append(password)
        return await verify(password_hash, password)

    monkeypatch.setattr(passwords, "verify_password", record_and_verify)
    return checked


async def sign_in(world: World, address: str, password: str = PASSWORD, email: str = EMAIL, **input: Any) -> str:
    """Try to sign in from an address, and return "ok", "wrong" or "throttled"."""
    world.address = address
    document = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }"
    result = await world.execute(document, None, input={"email": email, "password": password, **input})
    return outcome_of(result)


async def change_password(world: World, current_password: str) -> str:
    document = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { userErrors { code } } }"
    return outcome_of(
        await world.execute(document, "Ann", input={"password": PASSWORD, "currentPassword": current_password})
    )


def outcome_of(result: Any) -> str:
    if result.errors:
        assert isinstance(result.errors[0].original_error, Throttled), result.errors
        return "throttled"
    [payload] = result.data.values()
    return "wrong" if payload["userErrors"] else "ok"


async def test_ten_wrong_passwords_end_attempts_before_the_hash(world: World, hash_checks: list[str]) -> None:
    outcomes = [await sign_in(world, CAFE, f"guess {number}") for number in range(15)]

    assert outcomes == ["wrong"] * 10 + ["throttled"] * 5
    assert len(hash_checks) == 10
    assert await sign_in(world, CAFE) == "throttled"


async def test_wrong_passwords_from_elsewhere_do_not_lock_a_known_network(world: World) -> None:
    for network in range(15):
        for number in range(10):
            await sign_in(world, f"10.1.{network}.1", f"guess {network} {number}")

    assert await sign_in(world, OFFICE) == "ok"
    assert await sign_in(world, "203.0.113.99") == "ok"  # the same /24


async def test_guesses_from_many_networks_end_for_unknown_networks_only(world: World, hash_checks: list[str]) -> None:
    outcomes = [await sign_in(world, f"10.1.{number}.1", f"guess {number}") for number in range(120)]

    assert outcomes == ["wrong"] * attempts.PER_ACCOUNT.amount + ["throttled"] * 20
    assert len(hash_checks) == attempts.PER_ACCOUNT.amount
    assert await sign_in(world, HOME) == "throttled"
    assert await sign_in(world, OFFICE) == "ok"


async def test_address_without_account_has_the_same_limits(world: World) -> None:
    known = [await sign_in(world, f"10.1.{number}.1", "guess") for number in range(110)]
    unknown = [await sign_in(world, f"10.2.{number}.1", "guess", "nobody@example.com") for number in range(110)]

    assert unknown == known


async def test_trusted_device_signs_in_while_its_network_is_locked(world: World) -> None:
    trust_token = (await world.mutate("signIn", None, email=EMAIL, password=PASSWORD))["trustToken"]
    for number in range(12):
        await sign_in(world, OFFICE, f"guess {number}")

    assert await sign_in(world, OFFICE) == "throttled"
    assert await sign_in(world, OFFICE, trustToken=trust_token) == "ok"


async def test_trusted_device_has_ten_wrong_passwords_of_its_own(world: World) -> None:
    trust_token = (await world.mutate("signIn", None, email=EMAIL, password=PASSWORD))["trustToken"]
    outcomes = [
        await sign_in(world, f"10.1.{number}.1", f"guess {number}", trustToken=trust_token) for number in range(12)
    ]

    assert outcomes == ["wrong"] * 10 + ["throttled"] * 2
    assert await sign_in(world, HOME) == "ok"


async def test_trust_token_of_another_employee_or_server_is_ignored(world: World) -> None:
    now, services = world.now, world.services
    trust_token = create_trust_token(7, services, now)
    access_token = world.tokens["Ann"]
    forged = jwt.encode(jwt.decode(trust_token, options={"verify_signature": False}), "t" * 32, algorithm="HS256")

    assert find_trusted_device(trust_token, 7, services, now) is not None
    for token, employee_id, at in (
        (trust_token, 8, now),
        (trust_token, 7, now + timedelta(days=366)),
        (trust_token, None, now),
        (forged, 7, now),
        (access_token, 2, now),
        ("", 7, now),
        ("\ud800", 7, now),
        (None, 7, now),
    ):
        assert find_trusted_device(token, employee_id, services, at) is None


async def test_trust_token_is_no_access_token(world: World) -> None:
    token = create_trust_token(2, world.services, world.now)

    with pytest.raises(Unauthenticated):
        await sessions.authenticate(token, world.services, world.now)


async def test_current_password_is_guessed_no_more_often_than_at_sign_in(world: World, hash_checks: list[str]) -> None:
    outcomes = [await change_password(world, f"guess {number}") for number in range(6)]
    outcomes += [await sign_in(world, OFFICE, f"guess {number}") for number in range(6)]

    assert outcomes == ["wrong"] * 10 + ["throttled"] * 2
    assert len(hash_checks) == 10
    assert await change_password(world, PASSWORD) == "throttled"


async def test_aliases_in_one_request_count_one_by_one(world: World, hash_checks: list[str]) -> None:
    guesses = " ".join(
        f'a{number}: updateProfile(input: {{password: "{PASSWORD}", currentPassword: "guess {number}"}}) '
        "{ userErrors { code } }"
        for number in range(20)
    )
    result = await world.execute(f"mutation {{ {guesses} }}", "Ann")

    assert isinstance(result.errors[0].original_error, Throttled)
    assert len(hash_checks) == 10


async def test_right_password_resets_the_count(world: World) -> None:
    for _ in range(3):
        assert [await sign_in(world, CAFE, f"guess {number}") for number in range(9)] == ["wrong"] * 9
        assert await sign_in(world, CAFE) == "ok"


async def test_right_passwords_are_not_limited(world: World) -> None:
    outcomes = {await sign_in(world, HOME) for _ in range(attempts.PER_NETWORK.amount + 10)}

    assert outcomes == {"ok"}


async def test_wrong_passwords_for_many_accounts_end_for_their_network(world: World) -> None:
    outcomes = [
        await sign_in(world, CAFE, "guess", f"seller{number}@example.com")
        for number in range(attempts.PER_NETWORK.amount + 5)
    ]

    assert outcomes == ["wrong"] * attempts.PER_NETWORK.amount + ["throttled"] * 5
    assert await sign_in(world, CAFE) == "throttled"  # Ann has never signed in from there
    assert await sign_in(world, OFFICE) == "ok"


async def test_unlock_by_administrator_lets_unknown_networks_sign_in(world: World) -> None:
    for number in range(attempts.PER_ACCOUNT.amount):
        await sign_in(world, f"10.1.{number}.1", "guess")
    assert await sign_in(world, HOME) == "throttled"

    document = "mutation($id: ID!) { unlockSignIn(employee: $id) { employee { name } userErrors { code } } }"
    unlocked = await world.query(document, id=world.global_ids["Ann"])

    assert unlocked["unlockSignIn"] == {"employee": {"name": "Ann"}, "userErrors": []}
    assert await sign_in(world, HOME) == "ok"


async def test_unlock_opens_a_network_over_its_limit_for_an_hour(world: World) -> None:
    for number in range(attempts.PER_NETWORK.amount):
        await sign_in(world, CAFE, "guess", f"seller{number}@example.com")
    document = "mutation($id: ID!) { unlockSignIn(employee: $id) { userErrors { code } } }"
    await world.query(document, id=world.global_ids["Ann"])
    outcomes = [await sign_in(world, CAFE, f"guess {number}") for number in range(11)]

    assert outcomes == ["wrong"] * 10 + ["throttled"]
    world.advance(minutes=1)
    await world.query(document, id=world.global_ids["Ann"])
    assert await sign_in(world, CAFE) == "ok"


async def test_refresh_makes_a_network_known(world: World) -> None:
    refresh_token = (await world.mutate("signIn", None, email=EMAIL, password=PASSWORD))["refreshToken"]
    world.address = HOME
    await world.query(
        "mutation($token: String!) { refreshSession(refreshToken: $token) { accessToken } }", None, token=refresh_token
    )
    for number in range(attempts.PER_ACCOUNT.amount):
        await sign_in(world, f"10.1.{number}.1", "guess")

    assert await sign_in(world, HOME) == "ok"
    assert await sign_in(world, CAFE) == "throttled"


# Tokens


async def authenticate(world: World, token: str, address: str = CAFE) -> str:
    client = ClientInfo(token, "en", address)
    try:
        await sessions.authenticate_client(client, world.services, world.now)
    except Throttled:
        return "throttled"
    except Unauthenticated:
        return "wrong"
    return "ok"


async def refresh(world: World, token: str) -> str:
    world.address = CAFE
    document = "mutation($token: String!) { refreshSession(refreshToken: $token) { accessToken } }"
    result = await world.execute(document, None, token=token)
    return "throttled" if isinstance(result.errors[0].original_error, Throttled) else "wrong"


async def set_password(world: World, token: str) -> str:
    world.address = CAFE
    document = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { userErrors { code } } }"
    return outcome_of(await world.execute(document, None, input={"token": token, "password": PASSWORD}))


async def test_wrong_tokens_of_all_kinds_and_passwords_count_together(world: World) -> None:
    outcomes = [await authenticate(world, f"sld_{number}") for number in range(20)]
    outcomes += [await authenticate(world, f"eyJ.{number}") for number in range(20)]
    outcomes += [await refresh(world, f"refresh {number}") for number in range(20)]
    outcomes += [await set_password(world, f"slp_{number}") for number in range(20)]
    outcomes += [await sign_in(world, CAFE, "guess", f"seller{number}@example.com") for number in range(20)]

    assert outcomes == ["wrong"] * attempts.PER_NETWORK.amount
    assert await authenticate(world, "sld_another") == "throttled"
    assert await authenticate(world, "another") == "throttled"
    assert await refresh(world, "another") == "throttled"
    assert await set_password(world, "slp_another") == "throttled"
    assert await sign_in(world, CAFE) == "throttled"


async def test_valid_tokens_are_accepted_from_a_network_over_its_limit(world: World) -> None:
    await world.create_device("Wall", "WALLBOARD")
    refresh_token = (await world.mutate("signIn", None, email=EMAIL, password=PASSWORD))["refreshToken"]
    for number in range(attempts.PER_NETWORK.amount + 1):
        await authenticate(world, f"sld_{number}")
    world.address = CAFE
    document = "mutation($token: String!) { refreshSession(refreshToken: $token) { accessToken } }"

    assert await authenticate(world, world.tokens["Wall"]) == "ok"
    assert await authenticate(world, world.tokens["Ann"]) == "ok"
    assert (await world.query(document, None, token=refresh_token))["refreshSession"]["accessToken"]


async def test_client_that_repeats_one_wrong_token_locks_out_nobody(world: World) -> None:
    outcomes = {await authenticate(world, "sld_mistyped") for _ in range(3 * attempts.PER_NETWORK.amount)}

    assert outcomes == {"wrong"}
    assert await sign_in(world, CAFE) == "ok"


async def test_ended_sessions_and_revoked_devices_are_no_guesses(world: World) -> None:
    await world.create_device("Wall", "WALLBOARD")
    await world.query(f'mutation {{ revokeDevice(id: "{world.global_ids["Wall"]}") {{ userErrors {{ code }} }} }}')
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    world.now += timedelta(days=500)  # the administrator's token has expired
    outcomes = {await authenticate(world, world.tokens[name]) for name in ("Wall", "Ann", "admin")}
    limiter = world.services.rate_limiter
    wait = [await limiter.hit(attempts.PER_NETWORK, "192.0.2.0/24", "unknown") for _ in range(101)]

    assert outcomes == {"wrong"}
    assert [seconds > 0 for seconds in wait] == [False] * attempts.PER_NETWORK.amount + [True]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.20", "203.0.113.0/24"),
        ("2001:db8::5", "2001:db8::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.20", "203.0.113.0/24"),
        ("clock", "clock"),
        ("", ""),
    ],
)
def test_network_of_client_is_prefix_of_its_address(address: str, network: str) -> None:
    assert ClientInfo(address=address).network == network


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("203.0.113.20", "203.0.113.20/32"),
        ("::ffff:203.0.113.20", "203.0.113.20/32"),
        ("2001:db8::5", "2001:db8::/64"),
        ("clock", "clock"),
    ],
)
def test_host_of_client_is_its_address_without_what_it_chooses(address: str, host: str) -> None:
    assert ClientInfo(address=address).host == host
