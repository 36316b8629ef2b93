"""Stage history of deals: entries on creation, move, reopening and import; credit of a loss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from models.crm.deals import Deal, StageEntry
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.stage_history import ImportedStageEntry, import_stage_entries
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        yield world


async def read_stage_entries(world: World) -> list[tuple[int, str]]:
    """Return the position in the pipeline and the day of each stage entry, by time."""
    rows = await StageEntry.all().order_by("entered_at", "id").select_related("stage")
    return [(row.stage.position, str(row.entered_on)) for row in rows]


async def test_new_deal_enters_its_stage_on_company_day_of_creation(world: World) -> None:
    await world.mutate("recordDeal", "Ann", title="Chairs", createdAt="2026-11-09T23:30:00Z")

    assert await read_stage_entries(world) == [(0, "2026-11-10")]  # half past midnight in Berlin


async def test_move_adds_entry_when_skipping_stages_or_going_back(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    for stage in (2, 2, 1):
        world.advance(days=1)
        await world.mutate("moveDeal", "Ann", id=deal, stage=world.stage_ids[stage])

    assert await read_stage_entries(world) == [(0, "2026-11-18"), (2, "2026-11-19"), (1, "2026-11-21")]


async def test_move_is_dated_by_its_at_argument(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", createdAt="2026-11-01T10:00:00Z"))["deal"]["id"]
    await world.mutate("moveDeal", "Ann", id=deal, stage=world.stage_ids[1], at="2026-11-05T10:00:00Z")

    assert await read_stage_entries(world) == [(0, "2026-11-01"), (1, "2026-11-05")]


async def test_reopening_adds_stage_entry_but_closing_does_not(world: World) -> None:
    deal = await record_won_deal(world)
    await world.mutate("loseDeal", "Ann", id=deal)
    world.advance(days=3)
    await world.mutate("reopenDeal", "Ann", id=deal)

    assert await read_stage_entries(world) == [(0, "2026-11-18"), (0, "2026-11-21")]


async def test_first_stage_entry_moves_when_creation_day_changes(world: World) -> None:
    input = {"title": "Chairs", "externalId": "d1"}
    await world.mutate("recordDeal", "Ann", **input)
    await world.mutate("recordDeal", "Ann", **input, createdAt="2026-11-02T10:00:00Z")

    assert await read_stage_entries(world) == [(0, "2026-11-02")]


async def test_loss_stays_credited_to_former_owner_and_team_after_reassignment(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    await world.mutate("loseDeal", "Ann", id=deal)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])
    row = await Deal.get()
    teams = await world.query("{ teams { id name } }")

    assert row.owner_id != row.lost_by
    assert [team["name"] for team in teams["teams"]][row.lost_team - 1] == "North"
    await world.mutate("reopenDeal", id=deal)
    assert (await Deal.get()).lost_by is None


async def test_imported_stage_entries_are_added_once(world: World) -> None:
    await world.mutate("recordDeal", "Ann", title="Chairs", externalId="d1", createdAt="2026-11-01T10:00:00Z")
    context = await world.authenticated_context("admin")
    entries = [
        ImportedStageEntry("ext:d1", 2, datetime(2026, 11, 3, 10, tzinfo=UTC)),
        ImportedStageEntry("ext:d1", 3, datetime(2026, 11, 5, 10, tzinfo=UTC)),
        ImportedStageEntry("ext:unknown", 2, datetime(2026, 11, 3, 10, tzinfo=UTC)),
        ImportedStageEntry("ext:d1", 4, datetime(2026, 12, 3, 10, tzinfo=UTC)),
    ]
    async with context.unit_of_work():
        first_results, repeated_results = [await import_stage_entries(context, entries) for _ in range(2)]

    assert first_results[:2] == [ImportOutcome.NEW, ImportOutcome.NEW]
    assert repeated_results[:2] == [ImportOutcome.UNCHANGED, ImportOutcome.UNCHANGED]
    assert [str(error) for error in first_results[2:]] == [
        "There is no such deal.",
        "This lies in the future: give a moment that has passed.",
    ]
    assert await read_stage_entries(world) == [(0, "2026-11-01"), (1, "2026-11-03"), (2, "2026-11-05")]
