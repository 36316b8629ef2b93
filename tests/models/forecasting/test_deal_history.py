"""Tests of the deal history: the state of deals on past days, also of deals imported closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.forecasting.deal_table import known_at
from resolvers.forecasting import backtests
from tests.resolvers.two_sellers import two_sellers
from tests.world import World

EVER = 10**6


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        world.stages = [stage["id"] for stage in (await world.ask(STAGES))["pipelines"][0]["stages"]]
        yield world


STAGES = "{ pipelines { stages { id } } }"


async def known(world: World, days_ago: int) -> dict[str, Any] | None:
    """Return the first deal as known at the end of the day `days_ago` days ago; None if it was not known."""
    past = await backtests.past(await world.admitted("admin"))
    then = known_at(past.table, past.known.today - days_ago)
    if not then.size:
        return None
    seller = past.staff.names[then.seller[0]]
    return {"seller": seller, "open": bool(then.open[0]), "says": then.own[0], "brought": then.worth[0]}


async def test_a_life_is_told_day_by_day(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs", externalId="x", amount={"amount": "100"}))["deal"][
        "id"
    ]
    world.later(days=2)
    await world.act("updateDeal", "Ann", id=deal, amount={"amount": "200"})
    world.later(days=2)  # stage and amount change at once: one activity has both
    await world.act(
        "recordDeal", "Ann", externalId="x", title="Chairs", stage=world.stages[1], amount={"amount": "300"}
    )
    world.later(days=2)
    await world.act("updateDeal", "admin", id=deal, owner=world.ids["Bob"])
    world.later(days=2)
    await world.act("winDeal", "Bob", id=deal, amount={"amount": "350"})
    world.later(days=2)
    await world.act("reopenDeal", "Bob", id=deal)
    world.later(days=2)
    await world.act("loseDeal", "Bob", id=deal)
    world.later(days=2)

    told = {days_ago: await known(world, days_ago) for days_ago in range(15, 0, -1)}

    assert told[15] is None
    assert [told[ago]["says"] for ago in (14, 12, 10, 8)] == [10_000, 20_000, 30_000, 30_000]
    assert [told[ago]["seller"] for ago in (10, 9, 8, 6)] == ["Ann", "Ann", "Bob", "Bob"]
    assert [told[ago]["open"] for ago in (7, 6, 5, 4, 3, 2)] == [True, False, False, True, True, False]
    assert (told[6]["brought"], told[5]["brought"]) == (35_000, 35_000)
    assert np.isnan([told[ago]["brought"] for ago in (7, 4, 2)]).all()


async def test_of_a_deal_brought_in_closed_nothing_is_known_before(world: World) -> None:
    closed = {"createdAt": ago(world, 30), "closedAt": ago(world, 10), "status": "WON", "amount": {"amount": "500"}}
    await world.act("recordDeal", "Ann", title="Chairs", **closed)

    before, after = await known(world, 20), await known(world, 5)

    assert (before["open"], after["open"], after["brought"]) == (True, False, 50_000)
    assert np.isnan(before["says"])


async def test_a_deleted_deal_was_there_until_then(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    world.later(days=2)
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal)
    world.later(days=2)

    assert (await known(world, 3))["open"]
    assert await known(world, 2) is None


async def test_who_has_moved_was_in_his_team_before(world: World) -> None:
    world.later(days=2)
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])
    world.later(days=2)
    await world.act("updateEmployee", id=world.ids["Ann"], active=False)
    world.later(days=1)
    past = await backtests.past(await world.admitted("admin"))
    ann = past.staff.names.index("Ann")

    then = [past.at(past.known.today - ago) for ago in (40, 4, 2, 0)]

    assert len({int(staff.teams[ann]) for staff in then[:2]}) == 1
    assert then[2].teams[ann] != then[1].teams[ann]
    assert [bool(staff.active[ann]) for staff in then] == [True, True, True, False]


def ago(world: World, days: int) -> str:
    return (world.now - timedelta(days=days)).isoformat()
