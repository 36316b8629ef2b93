"""Reading sessions: requests that come together share a statement, and see what is committed by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.errors.operation_errors import Unauthenticated
from models.auth import sessions as session_rows
from resolvers.auth import sessions
from resolvers.request.client_info import ClientInfo
from resolvers.request.viewer import Viewer
from tests.statement_counter import count_statements
from tests.world import World, open_world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world(usual_database_url) as world:
        for name in ("Ann", "Bob"):
            await world.create_employee(name)
        yield world


async def authenticate(world: World, name: str, *, shares_viewer: bool = True) -> Viewer:
    client = ClientInfo(world.tokens[name])
    return (await sessions.authenticate_client(client, world.services, world.now, shares_viewer=shares_viewer)).viewer


async def test_requests_of_one_tick_read_their_sessions_together(world: World) -> None:
    await authenticate(world, "Ann")
    with count_statements() as statements:
        viewers = await asyncio.gather(*(authenticate(world, name) for name in ("Ann", "Bob", "Ann")))
    assert [viewer.employee and viewer.employee.name for viewer in viewers] == ["Ann", "Bob", "Ann"]
    assert len(statements) == 1


async def test_queries_share_a_viewer_until_it_changes(world: World) -> None:
    first, second = await authenticate(world, "Ann"), await authenticate(world, "Ann")
    changing = await authenticate(world, "Ann", shares_viewer=False)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], role="DIRECTOR")
    third = await authenticate(world, "Ann")

    assert first is second
    assert changing is not first
    assert changing.employee is not first.employee
    assert (first.actor, third.actor) == ("EMPLOYEE", "DIRECTOR")


async def test_session_that_is_revoked_without_news_ends_at_once(world: World) -> None:
    viewer = await authenticate(world, "Ann")
    assert viewer.session_id is not None
    await session_rows.end_session(viewer.session_id, world.now)
    with pytest.raises(Unauthenticated):
        await authenticate(world, "Ann")
    assert await sessions.find_ready(ClientInfo(world.tokens["Ann"]), world.services, world.now) is None


async def test_request_that_is_given_up_leaves_the_others(world: World) -> None:
    await authenticate(world, "Ann")
    given_up, other = (asyncio.create_task(authenticate(world, name)) for name in ("Ann", "Bob"))
    await asyncio.sleep(0)
    given_up.cancel()
    viewer = await other
    assert viewer.employee is not None
    assert viewer.employee.name == "Bob"


async def test_session_within_a_transaction_is_read_by_its_connection(world: World) -> None:
    context = await world.authenticated_context("admin")
    async with context.unit_of_work():
        viewer = await authenticate(world, "Ann")
    assert viewer.employee is not None
