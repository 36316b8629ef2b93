"""Sessions: employees see their own, end the others with their password, and open sockets of these close."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors.operation_errors import Unauthenticated
from models.live.change_log import Change
from resolvers.auth import sessions
from server.http.rate_limit import RateLimiter
from tests.world import PASSWORD, World, open_world

SESSIONS = "{ viewer { sessions { id startedAt expiresAt current } } }"
END = "mutation($input: EndSessionsInput!) { endSessions(input: $input) { ended userErrors { path code } } }"


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    """A company in which Ann has signed in three times: at her desk, on her phone and on a tablet."""
    async with open_world(usual_database_url) as world:
        world.services.refresh_token_days, world.services.session_idle_days = 30, 14
        await world.create_employee("Ann")
        for name in ("Ann's phone", "Ann's tablet"):
            world.advance(minutes=1)
            await world.sign_in(name, "ann@example.com")
        yield world


async def list_sessions(world: World, actor: str = "Ann") -> list[dict[str, Any]]:
    return (await world.query(SESSIONS, actor))["viewer"]["sessions"]


async def end(world: World, actor: str = "Ann", **input: Any) -> tuple[int | None, list[Any]]:
    """End sessions and return how many have ended, and the user errors."""
    payload = (await world.query(END, actor, input={"currentPassword": PASSWORD, **input}))["endSessions"]
    return payload["ended"], [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


async def is_signed_in(world: World, name: str) -> bool:
    try:
        await sessions.authenticate(world.tokens[name], world.services, world.now)
    except Unauthenticated:
        return False
    return True


async def test_sessions_are_listed_newest_first_with_the_one_in_use(world: World) -> None:
    listed = await list_sessions(world)

    assert [session["current"] for session in listed] == [False, False, True]
    assert [session["startedAt"] for session in listed] == sorted(
        (session["startedAt"] for session in listed), reverse=True
    )


async def test_ended_and_foreign_sessions_are_not_listed(world: World) -> None:
    assert len(await list_sessions(world, "admin")) == 1
    await end(world)
    assert len(await list_sessions(world)) == 1
    await world.create_device("Wall", "WALLBOARD")
    assert await list_sessions(world, "Wall") == []


async def test_all_other_sessions_end_at_once(world: World) -> None:
    assert await end(world) == (2, [])

    assert [await is_signed_in(world, name) for name in ("Ann", "Ann's phone", "Ann's tablet", "admin")] == [
        True,
        False,
        False,
        True,
    ]
    topics = [change.topics for change in await Change.all()]
    assert any(topic.startswith("employee:") for topic in topics[-1])


async def test_one_session_ends_alone(world: World) -> None:
    newest, *_ = await list_sessions(world)

    assert await end(world, session=newest["id"]) == (1, [])
    assert await end(world, session=newest["id"]) == (0, [])
    assert [await is_signed_in(world, name) for name in ("Ann", "Ann's phone", "Ann's tablet")] == [True, True, False]


async def test_session_of_another_employee_is_not_found(world: World) -> None:
    [session] = await list_sessions(world, "admin")

    assert await end(world, session=session["id"]) == (None, [("NOT_FOUND", "input.session")])
    assert await is_signed_in(world, "admin")


async def test_wrong_password_ends_nothing_and_is_limited(world: World) -> None:
    world.services.rate_limiter = RateLimiter()
    for _ in range(10):
        assert await end(world, currentPassword="wrong") == (None, [("INVALID", "input.currentPassword")])

    result = await world.execute(END, "Ann", input={"currentPassword": PASSWORD})

    assert result.errors[0].original_error.code == "THROTTLED"
    assert len(await list_sessions(world)) == 3


async def sign_in_and_refresh(world: World, days: list[int]) -> list[bool]:
    """Sign in, refresh the session after each number of days, and return which of them succeeded."""
    document = "mutation($token: String!) { refreshSession(refreshToken: $token) { refreshToken } }"
    token = (await world.mutate("signIn", None, email="ann@example.com", password=PASSWORD))["refreshToken"]
    succeeded = []
    for count in days:
        world.advance(days=count)
        result = await world.execute(document, None, token=token)
        succeeded.append(not result.errors)
        token = result.data["refreshSession"]["refreshToken"] if not result.errors else token
    return succeeded


async def test_session_that_is_not_used_ends(world: World) -> None:
    assert await sign_in_and_refresh(world, [13, 13]) == [True, True]
    assert await sign_in_and_refresh(world, [13, 14]) == [True, False]
    assert await sign_in_and_refresh(world, [14]) == [False]


async def test_session_that_is_used_ends_a_limited_time_after_the_sign_in(world: World) -> None:
    assert await sign_in_and_refresh(world, [10, 10, 9, 1]) == [True, True, True, False]


async def test_expired_session_is_not_listed(world: World) -> None:
    world.advance(days=14)
    await world.sign_in("Ann", "ann@example.com")

    [session] = await list_sessions(world)

    assert session["current"]
