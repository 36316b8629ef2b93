"""Tests of the forecast when the first deal ever enters a stage today, of which the models know nothing yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from tests.resolvers.forecasting.half_year_company import forecast, seasoned_company
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Each deal has moved to the third stage a day after its creation: none has ever been in the second one."""
    async with seasoned_company() as world:
        stages = await Stage.all().order_by("position", "id")
        world.stage_ids = [encode_global_id("Stage", stage.id) for stage in stages]
        await StageEntry.bulk_create(
            StageEntry(
                deal_id=deal.id,
                stage_id=stages[2].id,
                entered_at=deal.created_at + timedelta(days=1),
                entered_on=deal.created_on + timedelta(days=1),
            )
            for deal in await Deal.all()
        )
        yield world


@pytest.mark.parametrize("stage", [1, -1])
async def test_deal_in_a_new_stage_counts_like_one_of_unknown_stage(world: World, stage: int) -> None:
    before = {row["deal"]["id"]: row["winProbability"] for row in (await forecast(world))["deals"]}
    deal = await Deal.filter(status=DealStatus.OPEN).order_by("id").first()
    assert deal is not None
    deal_id = encode_global_id("Deal", deal.id)

    await world.mutate("moveDeal", id=deal_id, stage=world.stage_ids[stage])
    after = {row["deal"]["id"]: row["winProbability"] for row in (await forecast(world))["deals"]}

    assert 0 < after.pop(deal_id) < 1
    del before[deal_id]
    assert after == before  # the stages of all others are still known
