"""Stage history of deals: entries on creation, move, reopening and import; credit of a loss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from models.crm.deals import Deal, StageVisit
from resolvers.crm.record_type import Outcome
from resolvers.crm.stage_history import Visit, bring_in
from tests.resolvers.two_sellers import two_sellers, won
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with two_sellers() as world:
        pipeline = (await world.ask("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stages = [stage["id"] for stage in pipeline["stages"]]
        yield world


async def way(world: World) -> list[tuple[int, str]]:
    """Return the position in the pipeline and the day of each stage entry, by time."""
    rows = await StageVisit.all().order_by("entered_at", "id").select_related("stage")
    return [(row.stage.position, str(row.entered_on)) for row in rows]


async def test_a_deal_enters_its_stage_on_the_companys_day_it_was_created(world: World) -> None:
    await world.act("recordDeal", "Ann", title="Chairs", createdAt="2026-11-09T23:30:00Z")

    assert await way(world) == [(0, "2026-11-10")]  # half past midnight in Berlin


async def test_each_move_is_an_entry_also_one_over_stages_and_one_back(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    for stage in (2, 2, 1):
        world.later(days=1)
        await world.act("moveDeal", "Ann", id=deal, stage=world.stages[stage])

    assert await way(world) == [(0, "2026-11-18"), (2, "2026-11-19"), (1, "2026-11-21")]


async def test_a_move_is_dated_when_it_was(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs", createdAt="2026-11-01T10:00:00Z"))["deal"]["id"]
    await world.act("moveDeal", "Ann", id=deal, stage=world.stages[1], at="2026-11-05T10:00:00Z")

    assert await way(world) == [(0, "2026-11-01"), (1, "2026-11-05")]


async def test_winning_and_losing_enter_nothing_and_opening_again_enters_the_stage_again(world: World) -> None:
    deal = await won(world)
    await world.act("loseDeal", "Ann", id=deal)
    world.later(days=3)
    await world.act("reopenDeal", "Ann", id=deal)

    assert await way(world) == [(0, "2026-11-18"), (0, "2026-11-21")]


async def test_another_day_of_creation_is_another_day_of_entry(world: World) -> None:
    given = {"title": "Chairs", "externalId": "d1"}
    await world.act("recordDeal", "Ann", **given)
    await world.act("recordDeal", "Ann", **given, createdAt="2026-11-02T10:00:00Z")

    assert await way(world) == [(0, "2026-11-02")]


async def test_a_loss_stays_with_who_lost_it_and_with_his_team_of_that_day(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    await world.act("loseDeal", "Ann", id=deal)
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])
    await world.act("updateDeal", id=deal, owner=world.ids["Bob"])
    row = await Deal.get()
    teams = await world.ask("{ teams { id name } }")

    assert row.owner_id != row.lost_by
    assert [team["name"] for team in teams["teams"]][row.lost_team - 1] == "North"
    await world.act("reopenDeal", id=deal)
    assert (await Deal.get()).lost_by is None


async def test_what_another_system_knows_of_the_way_is_added_once(world: World) -> None:
    await world.act("recordDeal", "Ann", title="Chairs", externalId="d1", createdAt="2026-11-01T10:00:00Z")
    context = await world.admitted("admin")
    told = [
        Visit("ext:d1", 2, datetime(2026, 11, 3, 10, tzinfo=UTC)),
        Visit("ext:d1", 3, datetime(2026, 11, 5, 10, tzinfo=UTC)),
        Visit("ext:unknown", 2, datetime(2026, 11, 3, 10, tzinfo=UTC)),
        Visit("ext:d1", 4, datetime(2026, 12, 3, 10, tzinfo=UTC)),
    ]
    async with context.unit():
        first, again = [await bring_in(context, told) for _ in range(2)]

    assert first[:2] == [Outcome.NEW, Outcome.NEW]
    assert again[:2] == [Outcome.UNCHANGED, Outcome.UNCHANGED]
    assert [str(refusal) for refusal in first[2:]] == [
        "There is no such deal.",
        "This lies in the future: give a moment that has passed.",
    ]
    assert await way(world) == [(0, "2026-11-01"), (1, "2026-11-03"), (2, "2026-11-05")]
