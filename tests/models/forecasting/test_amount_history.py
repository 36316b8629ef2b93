"""Tests of the amount history: the same earlier amounts as the whole history of activities, and what is learnt from them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from domain.forecasting.deal_table import HistoryField, known_at
from models.forecasting import deal_history
from models.forecasting.deal_history import DealHistoryReader
from models.forecasting.deal_tables import Basis
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import ForecastEngine, get_forecast_engine
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.world import World

MONEY = {"amount": "100"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(database_url) as world:
        yield world


async def record(world: World, owner: str, external_id: str, amount: str | None) -> str:
    money = None if amount is None else {"amount": amount}
    payload = await world.mutate("recordDeal", owner, title="Chairs", externalId=external_id, amount=money)
    return str(payload["deal"]["id"])


async def change_amounts(world: World) -> None:
    """Record deals, change their amounts alone and together with other fields, and close some."""
    first, second, third = [
        await record(world, "Ann", name, amount) for name, amount in (("a", "100"), ("b", None), ("c", "50"))
    ]
    world.advance(days=1)
    await world.mutate("updateDeal", "Ann", id=first, amount={"amount": "200"})
    await world.mutate("updateDeal", "Ann", id=second, amount={"amount": "70"})
    world.advance(days=2)
    await world.mutate("updateDeal", "Ann", id=first, title="Tables", amount={"amount": "300"})
    await world.mutate("updateDeal", "admin", id=third, owner=world.global_ids["Bob"])
    await world.mutate("winDeal", "Ann", id=second, amount={"amount": "60"})
    world.advance(days=3)
    await world.mutate("winDeal", "Ann", id=first, amount={"amount": "250"})
    world.advance(days=1)
    await world.mutate("updateDeal", "admin", id=first, amount={"amount": "240"})
    await world.mutate("reopenDeal", "Ann", id=second)
    world.advance(days=1)


async def take_snapshot(world: World, engine: ForecastEngine) -> DealSnapshot:
    return await engine.snapshot(await world.authenticated_context("admin"))


def list_amounts(undo: Any) -> list[tuple[int, int, float | None]]:
    """Return row, day and amount before of each change, by row."""
    mask = undo.field == HistoryField.STATED_WORTH
    entries = zip(undo.row[mask].tolist(), undo.day[mask].tolist(), undo.value[mask].tolist(), strict=True)
    return sorted((row, day, None if np.isnan(value) else value) for row, day, value in entries)


async def test_amount_history_equals_that_of_all_activities(world: World) -> None:
    await change_amounts(world)
    snapshot = await take_snapshot(world, ForecastEngine())
    reader = DealHistoryReader(snapshot.deals, snapshot.sellers, snapshot.pricing, snapshot.calendar)
    async for page in deal_history.iterate_deal_activities():
        reader.add_page(page)

    history = snapshot.amount_history
    changes = list_amounts(history.build_undo_log(snapshot.deals, snapshot.pricing))

    assert [value for _, _, value in changes] == [10_000, 20_000, 30_000, 25_000, None, 7_000]
    assert changes == list_amounts(reader.undo_log)
    assert history.recorded_days(snapshot.deals.id).tolist() == reader.recorded.tolist()


async def test_updated_amount_history_equals_one_that_is_read_anew(world: World) -> None:
    engine = get_forecast_engine(await world.authenticated_context("admin"))
    await record(world, "Ann", "x", "10")
    await take_snapshot(world, engine)
    await change_amounts(world)
    updated = await take_snapshot(world, engine)

    anew = await take_snapshot(world, ForecastEngine())

    ids = anew.deals.id
    assert len(updated.amount_history.deal) == len(ids)
    assert updated.amount_history.facts_of(ids) == anew.amount_history.facts_of(ids)
    assert len(updated.amount_history.changes) == 2


async def test_change_of_an_open_deal_today_does_not_change_the_past(world: World) -> None:
    engine = get_forecast_engine(await world.authenticated_context("admin"))
    deal_id = await record(world, "Ann", "x", "10")
    world.advance(days=3)
    before = await take_snapshot(world, engine)
    await world.mutate("updateDeal", "Ann", id=deal_id, amount=MONEY)

    after = await take_snapshot(world, engine)

    assert len(after.amount_history.changes) == 1 + len(before.amount_history.changes)
    assert after.past_version == before.past_version


async def test_live_forecast_learns_from_edits_how_amounts_change_at_the_closing(world: World) -> None:
    for number in range(6):
        deal_id = await record(world, "Ann", f"won {number}", "1000")
        world.advance(days=35)  # so that a month end lies before the closing
        await world.mutate("winDeal", "Ann", id=deal_id, amount={"amount": "700"})
    await record(world, "Ann", "open", "500")
    world.advance(days=1)
    engine = get_forecast_engine(await world.authenticated_context("admin"))
    snapshot = await take_snapshot(world, engine)
    estimator = (await engine.fit_model(snapshot, Basis.REVENUE)).open_deal_estimator
    deals = known_at(snapshot.build_open_deals(Basis.REVENUE), snapshot.today)

    amounts, is_stated = estimator.estimate(deals, np.arange(deals.size), np.ones(deals.size))

    assert is_stated.tolist() == [True]
    assert amounts.tolist() == pytest.approx([0.7 * 50_000])
