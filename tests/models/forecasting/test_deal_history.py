"""Tests of the deal history: the state of deals on past days, also of deals imported closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.forecasting.deal_table import known_at
from resolvers.forecasting import backtests
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(database_url) as world:
        world.stage_ids = [stage["id"] for stage in (await world.query(STAGES))["pipelines"][0]["stages"]]
        yield world


STAGES = "{ pipelines { stages { id } } }"


async def deal_known(world: World, days_ago: int) -> dict[str, Any] | None:
    """Return the first deal as known at the end of the day `days_ago` days ago; None if it was not known."""
    data = await backtests.load_backtest_data(await world.authenticated_context("admin"))
    deals = known_at(data.table, data.snapshot.today - days_ago)
    if not deals.size:
        return None
    seller = data.sellers.names[deals.seller[0]]
    return {"seller": seller, "open": bool(deals.open[0]), "says": deals.stated_worth[0], "brought": deals.worth[0]}


async def test_deal_history_gives_the_state_of_every_past_day(world: World) -> None:
    deal_id = (await world.mutate("recordDeal", "Ann", title="Chairs", externalId="x", amount={"amount": "100"}))[
        "deal"
    ]["id"]
    world.advance(days=2)
    await world.mutate("updateDeal", "Ann", id=deal_id, amount={"amount": "200"})
    world.advance(days=2)  # stage and amount change at once: one activity has both
    await world.mutate(
        "recordDeal", "Ann", externalId="x", title="Chairs", stage=world.stage_ids[1], amount={"amount": "300"}
    )
    world.advance(days=2)
    await world.mutate("updateDeal", "admin", id=deal_id, owner=world.global_ids["Bob"])
    world.advance(days=2)
    await world.mutate("winDeal", "Bob", id=deal_id, amount={"amount": "350"})
    world.advance(days=2)
    await world.mutate("reopenDeal", "Bob", id=deal_id)
    world.advance(days=2)
    await world.mutate("loseDeal", "Bob", id=deal_id)
    world.advance(days=2)

    states = {days_ago: await deal_known(world, days_ago) for days_ago in range(15, 0, -1)}

    assert states[15] is None
    assert [states[ago]["says"] for ago in (14, 12, 10, 8)] == [10_000, 20_000, 30_000, 30_000]
    assert [states[ago]["seller"] for ago in (10, 9, 8, 6)] == ["Ann", "Ann", "Bob", "Bob"]
    assert [states[ago]["open"] for ago in (7, 6, 5, 4, 3, 2)] == [True, False, False, True, True, False]
    assert (states[6]["brought"], states[5]["brought"]) == (35_000, 35_000)
    assert np.isnan([states[ago]["brought"] for ago in (7, 4, 2)]).all()


async def test_imported_closed_deal_has_no_known_amount_before_closing(world: World) -> None:
    fields = {
        "createdAt": iso_days_ago(world, 30),
        "closedAt": iso_days_ago(world, 10),
        "status": "WON",
        "amount": {"amount": "500"},
    }
    await world.mutate("recordDeal", "Ann", title="Chairs", **fields)

    before, after = await deal_known(world, 20), await deal_known(world, 5)

    assert (before["open"], after["open"], after["brought"]) == (True, False, 50_000)
    assert np.isnan(before["says"])


async def test_deleted_deal_is_known_until_its_deletion(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    world.advance(days=2)
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal)
    world.advance(days=2)

    assert (await deal_known(world, 3))["open"]
    assert await deal_known(world, 2) is None


async def test_moved_employee_is_in_the_previous_team_before(world: World) -> None:
    world.advance(days=2)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    world.advance(days=2)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    world.advance(days=1)
    data = await backtests.load_backtest_data(await world.authenticated_context("admin"))
    ann_index = data.sellers.names.index("Ann")

    sellers_then = [data.sellers_at(data.snapshot.today - ago) for ago in (40, 4, 2, 0)]

    assert len({int(staff.teams[ann_index]) for staff in sellers_then[:2]}) == 1
    assert sellers_then[2].teams[ann_index] != sellers_then[1].teams[ann_index]
    assert [bool(staff.active[ann_index]) for staff in sellers_then] == [True, True, True, False]


def iso_days_ago(world: World, days: int) -> str:
    return (world.now - timedelta(days=days)).isoformat()
