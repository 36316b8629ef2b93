"""Reference data is cached between operations and never stale."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import decode_global_id
from models.crm.deals import Deal
from resolvers.crm import deals
from resolvers.crm.inputs import DealInput
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.statement_counter import count_statements
from tests.world import World

TEAMS_QUERY = "{ teams { name } }"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(database_url) as world:
        await world.mutate("setExchangeRate", currency="USD", rate="2")
        yield world


def as_other_process(world: World) -> World:
    """Return the same company as seen by another process, which has its own cache."""
    return dataclasses.replace(world, services=dataclasses.replace(world.services))


async def record_win_and_read_rate(world: World, context: RequestContext) -> Decimal | None:
    input = DealInput(title="Chairs", status=DealStatus.WON, amount=Money(Decimal(1), "USD"))
    async with context.unit_of_work():
        rows, _ = await deals.upsert_deals(context, [input])
    return (await Deal.get(id=rows[0].id)).rate


async def test_reference_data_is_read_once(world: World) -> None:
    await world.query("{ __typename }")
    with count_statements() as statements:
        await world.query("{ __typename }")
        await world.query("{ __typename }", "Ann")

    assert len(statements) == 2, statements


async def test_reference_data_changed_by_another_process_is_seen_at_once(world: World) -> None:
    other = as_other_process(world)
    before = await world.query(TEAMS_QUERY)
    assert before == await other.query(TEAMS_QUERY)

    await other.create_team("East", "Sales")
    await other.mutate("updateTeam", id=world.global_ids["North"], name="Far North")
    await other.mutate("setExchangeRate", currency="USD", rate="3")

    assert {team["name"] for team in (await world.query(TEAMS_QUERY))["teams"]} == {
        "East",
        "Far North",
        "Sales",
        "South",
    }
    assert await record_win_and_read_rate(world, await world.authenticated_context("Ann")) == 3


async def test_rate_changed_after_sign_in_applies_to_the_next_win(world: World) -> None:
    signed_in = await world.authenticated_context("Ann")
    await as_other_process(world).mutate("setExchangeRate", currency="USD", rate="4")

    assert await record_win_and_read_rate(world, signed_in) == 4


async def test_reference_data_ignores_a_rejected_company_change(world: World) -> None:
    payload = await world.try_mutation("updateCompany", name="Bcme", timeZone="Nowhere/Else")

    assert payload["userErrors"]
    assert (await world.query("{ company { name } }"))["company"]["name"] == "Acme"


async def test_new_deal_starts_in_first_stage_after_stages_are_reordered(world: World) -> None:
    signed_in = await world.authenticated_context("Ann")
    pipeline = (await world.query("{ pipelines { id stages { id name } } }"))["pipelines"][0]
    stages = pipeline["stages"]
    await world.mutate("savePipeline", id=pipeline["id"], name="Sales", stages=[stages[1], stages[0], *stages[2:]])

    async with signed_in.unit_of_work():
        rows, _ = await deals.upsert_deals(signed_in, [DealInput(title="Chairs")])

    decoded_id = decode_global_id(stages[1]["id"])
    assert decoded_id is not None
    assert rows[0].stage_id == decoded_id[1]
