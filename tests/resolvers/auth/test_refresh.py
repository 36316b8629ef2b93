"""A refresh token gives the same successor again for a while, and ends its session where it must have leaked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors.operation_errors import Unauthenticated
from models.auth import sessions as session_rows
from models.auth.sessions import RefreshToken, Session
from models.db import connection
from models.db.errors import DatabaseUnavailable
from resolvers.auth import sessions
from resolvers.auth.sessions import REPEAT_WINDOW, SignInResult
from tests.world import PASSWORD, World, open_world

HOME, CAFE = "198.51.100.7", "192.0.2.9"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        world.address = HOME
        yield world


@pytest.fixture
async def refresh_token(world: World) -> str:
    """The first refresh token of a session that was begun at home."""
    payload = await world.try_mutation("signIn", None, email="admin@example.com", password=PASSWORD)
    return str(payload["refreshToken"])


async def refresh(world: World, token: str, address: str = HOME) -> SignInResult:
    world.address = address
    return await sessions.refresh(world.build_context(), token)


async def use_access_token(world: World, result: SignInResult) -> None:
    await sessions.authenticate(result.access_token, world.services, world.now)


async def is_ended(world: World, token: str) -> bool:
    """Return whether the session of a refresh token has ended."""
    row = await RefreshToken.get(digest=sessions._digest(token)).select_related("session")
    return row.session.revoked_at is not None


async def test_refresh_issues_tokens_that_work(world: World, refresh_token: str) -> None:
    result = await refresh(world, refresh_token)
    viewer = await sessions.authenticate(result.access_token, world.services, world.now)
    world.advance(minutes=15)
    next_result = await refresh(world, result.refresh_token)

    assert viewer.employee is not None
    assert viewer.employee.email == "admin@example.com"
    assert len({refresh_token, result.refresh_token, next_result.refresh_token}) == 3


async def test_repeated_refresh_gives_the_same_successor(world: World, refresh_token: str) -> None:
    first = await refresh(world, refresh_token)
    world.advance(seconds=REPEAT_WINDOW.total_seconds())
    second = await refresh(world, refresh_token)

    assert second.refresh_token == first.refresh_token
    await use_access_token(world, second)
    world.advance(minutes=15)
    assert await refresh(world, second.refresh_token)
    assert await RefreshToken.all().count() == 2 + 2  # of the fixtures' sign-ins, and the two successors


async def test_concurrent_refreshes_give_one_successor(world: World, refresh_token: str) -> None:
    results = await asyncio.gather(*(refresh(world, refresh_token) for _ in range(8)))

    assert len({result.refresh_token for result in results}) == 1
    assert not await is_ended(world, refresh_token)


async def test_refresh_with_chain_of_lost_answers_continues(world: World, refresh_token: str) -> None:
    token = refresh_token
    for _ in range(5):
        await refresh(world, token)
        world.advance(seconds=20)
        token = (await refresh(world, token)).refresh_token
        world.advance(minutes=14)

    assert not await is_ended(world, token)


async def test_reuse_after_the_window_ends_the_session(world: World, refresh_token: str) -> None:
    result = await refresh(world, refresh_token)
    world.advance(seconds=REPEAT_WINDOW.total_seconds() + 1)

    with pytest.raises(Unauthenticated):
        await refresh(world, refresh_token)

    assert await is_ended(world, refresh_token)
    with pytest.raises(Unauthenticated):
        await use_access_token(world, result)
    with pytest.raises(Unauthenticated):
        await refresh(world, result.refresh_token)


@pytest.mark.parametrize("used", ["access token", "refresh token"])
async def test_reuse_from_elsewhere_while_successor_is_in_use_ends_the_session(
    world: World, refresh_token: str, used: str
) -> None:
    result = await refresh(world, refresh_token)
    if used == "access token":
        await use_access_token(world, result)
    else:
        await refresh(world, result.refresh_token)

    with pytest.raises(Unauthenticated):
        await refresh(world, refresh_token, CAFE)

    assert await is_ended(world, refresh_token)


async def test_client_that_changes_network_before_the_answer_is_refreshed(world: World, refresh_token: str) -> None:
    lost = await refresh(world, refresh_token)
    result = await refresh(world, refresh_token, CAFE)

    assert result.refresh_token == lost.refresh_token
    assert not await is_ended(world, refresh_token)


async def test_second_window_of_a_client_is_refreshed_while_the_first_uses_the_successor(
    world: World, refresh_token: str
) -> None:
    first = await refresh(world, refresh_token)
    await use_access_token(world, first)
    second = await refresh(world, refresh_token)

    assert second.refresh_token == first.refresh_token


async def test_token_used_by_an_older_server_has_no_successor_to_repeat(world: World, refresh_token: str) -> None:
    await refresh(world, refresh_token)
    await RefreshToken.filter(used_at__not_isnull=True).update(successor_salt=None, used_from=None)

    with pytest.raises(Unauthenticated):
        await refresh(world, refresh_token)

    assert await is_ended(world, refresh_token)


async def test_refresh_of_ended_session_or_inactive_employee_changes_nothing(world: World, refresh_token: str) -> None:
    await world.create_employee("Ann")
    payload = await world.try_mutation("signIn", None, email="ann@example.com", password=PASSWORD)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    await sessions.sign_out(world.build_context(), refresh_token)

    for token in (payload["refreshToken"], refresh_token):
        with pytest.raises(Unauthenticated):
            await refresh(world, token)

    assert not await RefreshToken.filter(used_at__not_isnull=True).exists()


async def test_failed_refresh_leaves_the_token_unused(
    world: World, refresh_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: Any, **options: Any) -> None:
        raise OSError("the disk has failed")

    with monkeypatch.context() as patch:
        patch.setattr("models.auth.sign_ins.remember_network", fail)
        with pytest.raises(OSError, match="the disk has failed"):
            await refresh(world, refresh_token)
    world.advance(days=1)

    assert await RefreshToken.filter(used_at__not_isnull=True).count() == 0
    assert await refresh(world, refresh_token)


async def test_first_use_of_access_token_is_stored_once(world: World, refresh_token: str) -> None:
    result = await refresh(world, refresh_token)
    await use_access_token(world, result)
    row = await RefreshToken.get(digest=sessions._digest(result.refresh_token))
    await session_rows.mark_token_active(row.session_id, row.id - 1)  # by an older token, a moment later

    assert (await Session.get(id=row.session_id)).active_token_id == row.id


async def test_access_token_works_where_its_first_use_cannot_be_stored(
    world: World, refresh_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(session_id: int, token_id: int) -> None:
        raise DatabaseUnavailable("read-only database")

    result = await refresh(world, refresh_token)
    monkeypatch.setattr(session_rows, "mark_token_active", fail)

    await use_access_token(world, result)


async def test_successor_cannot_be_derived_from_the_database_alone(world: World, refresh_token: str) -> None:
    result = await refresh(world, refresh_token)
    rows = await connection.fetch_rows("SELECT * FROM refresh_token", [])

    assert result.refresh_token not in str(rows)
    assert all(
        sessions._derive_successor(str(value), row["successor_salt"]) != result.refresh_token
        for row in rows
        if row["successor_salt"]
        for value in row.values()
    )
