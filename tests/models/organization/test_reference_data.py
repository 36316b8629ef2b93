"""Reference data is cached between operations and never stale."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import decoded
from models.crm.deals import Deal
from resolvers.crm import deals
from resolvers.request.context import Context
from tests.resolvers.two_sellers import two_sellers
from tests.statement_counter import counted
from tests.world import World

TEAMS = "{ teams { name } }"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        await world.act("setExchangeRate", currency="USD", rate="2")
        yield world


def elsewhere(world: World) -> World:
    """Return the same company as seen by another process, which has its own cache."""
    return dataclasses.replace(world, services=dataclasses.replace(world.services, office=None))


async def rate_of_a_win(world: World, context: Context) -> Decimal | None:
    given = {"title": "Chairs", "status": DealStatus.WON, "amount": {"amount": Decimal(1), "currency": "USD"}}
    async with context.unit():
        rows, _ = await deals.record(context, [given])
    return (await Deal.get(id=rows[0].id)).rate


async def test_it_is_read_once(world: World) -> None:
    await world.ask("{ __typename }")
    with counted() as statements:
        await world.ask("{ __typename }")
        await world.ask("{ __typename }", "Ann")

    assert len(statements) == 2, statements


async def test_what_another_process_has_changed_is_seen_at_once(world: World) -> None:
    other = elsewhere(world)
    before = await world.ask(TEAMS)
    assert before == await other.ask(TEAMS)

    await other.team("East", "Sales")
    await other.act("updateTeam", id=world.ids["North"], name="Far North")
    await other.act("setExchangeRate", currency="USD", rate="3")

    assert {team["name"] for team in (await world.ask(TEAMS))["teams"]} == {"East", "Far North", "Sales", "South"}
    assert await rate_of_a_win(world, await world.admitted("Ann")) == 3


async def test_what_moved_between_signing_in_and_writing_counts(world: World) -> None:
    signed_in = await world.admitted("Ann")
    await elsewhere(world).act("setExchangeRate", currency="USD", rate="4")

    assert await rate_of_a_win(world, signed_in) == 4


async def test_what_a_refused_change_would_have_made_of_it_is_not_kept(world: World) -> None:
    payload = await world.tried("updateCompany", name="Bcme", timeZone="Nowhere/Else")

    assert payload["userErrors"]
    assert (await world.ask("{ company { name } }"))["company"]["name"] == "Acme"


async def test_a_pipeline_that_moved_meanwhile_is_where_deals_begin(world: World) -> None:
    signed_in = await world.admitted("Ann")
    found = (await world.ask("{ pipelines { id stages { id name } } }"))["pipelines"][0]
    stages = found["stages"]
    await world.act("savePipeline", id=found["id"], name="Sales", stages=[stages[1], stages[0], *stages[2:]])

    async with signed_in.unit():
        rows, _ = await deals.record(signed_in, [{"title": "Chairs"}])

    pair = decoded(stages[1]["id"])
    assert pair is not None
    assert rows[0].stage_id == pair[1]
