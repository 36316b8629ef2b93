"""Helpers for tests of funnels: a company with the ids of its stages, and deals that move through them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from models.db import connection
from models.organization.people import Employee
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.world import World, cache_company

FUNNEL_QUERY: Final = "query($scope: ID, $period: PeriodInput, $pipeline: ID) { funnel(scope: $scope, period: $period, pipeline: $pipeline) { %s } }"
BERLIN_NOON: Final = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)


@cache_company
async def open_world_with_stages(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        pipeline = (await world.query("{ pipelines { id stages { id } } }"))["pipelines"][0]
        world.global_ids["Sales pipeline"] = pipeline["id"]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        yield world


async def record_deal(world: World, user: str, *stages: int, end: str | None = None, **input: Any) -> str:
    """Record a deal, move it through stages, a day in each, and close it with `end` (win or lose) if given."""
    payload = await world.mutate(
        "recordDeal", user, title="Chairs", stage=world.stage_ids[stages[0]], amount={"amount": "10"}, **input
    )
    deal_id = payload["deal"]["id"]
    for stage in stages[1:]:
        world.advance(days=1)
        await world.mutate("moveDeal", user, id=deal_id, stage=world.stage_ids[stage])
    if end:
        await world.mutate(f"{end}Deal", user, id=deal_id)
    return deal_id


async def seed_deals(
    world: World, *, sellers: int, weak: int | None = None, slow: int | None = None, deals: int = 80
) -> None:
    """Insert deals of equal sellers, except that the `weak` one converts less than half as well in the second stage.

    Deals of the `slow` one stay in the first stage for four days longer.
    """
    generator = random.Random(11)
    stages = await Stage.all().order_by("position")
    rows, visits = [], []
    for number in range(sellers):
        seller = await Employee.create(name=f"S{number}", search_key=f"s{number}", created_at=BERLIN_NOON)
        world.global_ids[f"S{number}"] = encode_global_id("Employee", seller.id)
        for _ in range(deals):
            path, is_advancing = [0], generator.random() < 0.9
            while is_advancing and len(path) < 5:
                path.append(path[-1] + 1)
                probability = 0.35 if number == weak and path[-1] == 1 else 0.75
                is_advancing = generator.random() < probability
            status = DealStatus.WON if is_advancing else DealStatus.LOST
            row = Deal(
                id=len(rows) + 1, title="Chairs", owner_id=seller.id, stage_id=stages[path[-1]].id, status=status,
                created_at=BERLIN_NOON, created_on=date(2026, 11, 1), closed_at=BERLIN_NOON, closed_on=date(2026, 11, 9),
                opened_by=seller.id, won_by=seller.id if is_advancing else None, lost_by=None if is_advancing else seller.id,
            )  # fmt: skip
            row._custom_generated_pk = True
            rows.append(row)
            visits += [
                StageEntry(deal_id=row.id, stage_id=stages[index].id, entered_at=BERLIN_NOON + timedelta(days=day),
                           entered_on=date(2026, 11, 1 + day))
                for index in path
                for day in [index + 4 * (number == slow and index > 0)]
            ]  # fmt: skip
    await Deal.bulk_create(rows, batch_size=200)
    await StageEntry.bulk_create(visits, batch_size=500)
    if connection.current_connection().capabilities.dialect == "postgres":
        await connection.execute("SELECT setval(pg_get_serial_sequence('deal', 'id'), (SELECT MAX(id) FROM deal))")
