"""Tests of the forecast engine's snapshot: equal to the tables, whether read in full or incrementally."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.primitives.global_ids import encode_global_id
from models.crm.deals import Deal, StageEntry
from models.forecasting.deal_columns import STATE_CODES
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import ForecastEngine, get_forecast_engine
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World, cache_company


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        await world.mutate("setExchangeRate", currency="USD", rate="0.912345678901", **{"from": "2026-01-01"})
        await record_won_deal(
            world, "Ann", "123456789.01", currency="USD", cost={"amount": "7.50"}, product="GTX «Ω» 'Pro'"
        )
        await world.mutate("recordDeal", "Bob", title="Tables", externalId="d'1", expectedCloseOn="2026-12-01")
        for number in range(5):
            at = (world.now - timedelta(days=30 + number)).isoformat()
            await world.mutate("recordDeal", "Ann", title=f"Lamps {number}", createdAt=at, amount={"amount": "100"})
        yield world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_company(database_url) as world:
        yield world


async def get_snapshot(world: World) -> DealSnapshot:
    context = await world.authenticated_context("admin")
    return await get_forecast_engine(context).snapshot(context)


async def get_fresh_snapshot(world: World) -> DealSnapshot:
    return await ForecastEngine().snapshot(await world.authenticated_context("admin"))


def to_comparable(snapshot: DealSnapshot) -> dict[str, Any]:
    """Return everything of a snapshot that a forecast uses, with the stage entries sorted."""
    deals, names = (
        snapshot.deals,
        ("id", "stable_hash", "owner", "winner", "state", "amount", "cost", "value", "profit"),
    )
    values: dict[str, Any] = {
        name: getattr(deals, name).tolist() for name in (*names, "created", "closed", "deleted", "expected_close")
    }
    values |= {name: [None if value != value else value for value in values[name]] for name in names[5:]}
    for name in ("currency", "cost_currency"):
        values[name] = [[*deals.currencies, None][index] for index in getattr(deals, name)]
    values["product"] = [[*deals.products, None][index] for index in deals.product]
    values["stays"] = sorted(
        zip(
            snapshot.stage_entries.deal.tolist(),
            snapshot.stage_entries.stage.tolist(),
            snapshot.stage_entries.day.tolist(),
            strict=True,
        )
    )
    sellers = snapshot.sellers
    values["staff"] = [sellers.ids, sellers.keys, sellers.names, sellers.teams.tolist(), sellers.active.tolist()]
    return values | {"market": snapshot.pricing, "today": snapshot.today}


def to_ordinal(day: date | None) -> int:
    return NEVER if day is None else day.toordinal()


async def test_snapshot_equals_the_deal_rows(world: World) -> None:
    deleted_id = (await world.mutate("recordDeal", "Bob", title="Gone"))["deal"]["id"]
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deleted_id)
    deals = (await get_snapshot(world)).deals
    rows = await Deal.all().order_by("id")

    assert deals.id.tolist() == [row.id for row in rows]
    assert deals.owner.tolist() == [row.owner_id for row in rows]
    assert deals.winner.tolist() == [row.won_by or 0 for row in rows]
    assert deals.state.tolist() == [STATE_CODES[row.status] for row in rows]
    for name in ("amount", "cost", "value", "profit"):
        np.testing.assert_array_equal(
            getattr(deals, name), [float("nan") if getattr(row, name) is None else getattr(row, name) for row in rows]
        )
    assert [[*deals.currencies, None][index] for index in deals.currency] == [row.currency for row in rows]
    assert [[*deals.products, None][index] for index in deals.product] == [row.product for row in rows]
    assert deals.created.tolist() == [to_ordinal(row.created_on) for row in rows]
    assert deals.closed.tolist() == [to_ordinal(row.closed_on) for row in rows]
    assert deals.deleted.tolist() == [to_ordinal(row.deleted_at and row.deleted_at.astimezone(UTC)) for row in rows]
    assert deals.expected_close.tolist() == [to_ordinal(row.expected_close_on) for row in rows]
    assert len(set(deals.stable_hash.tolist())) == len(rows)


async def test_snapshot_has_exact_rates_and_stage_entries(world: World) -> None:
    snapshot = await get_snapshot(world)
    assert snapshot.pricing.rates == {"USD": float(Decimal("0.912345678901")), "EUR": 1.0}
    assert len(snapshot.stage_entries.deal) == 0  # no deal has moved yet: stages carry no information

    deal = await Deal.filter(title="Lamps 3").get()
    await world.mutate("moveDeal", "Ann", id=encode_global_id("Deal", deal.id), stage=world.stage_ids[2])
    stage_entries, rows = (await get_snapshot(world)).stage_entries, await StageEntry.all()

    assert sorted(
        zip(stage_entries.deal.tolist(), stage_entries.stage.tolist(), stage_entries.day.tolist(), strict=True)
    ) == sorted((row.deal_id, row.stage_id, row.entered_on.toordinal()) for row in rows)


async def test_snapshot_read_incrementally_equals_a_full_read(world: World) -> None:
    ids = [encode_global_id("Deal", row.id) for row in await Deal.filter(title__startswith="Lamps").order_by("id")]
    changes: list[tuple[str, dict[str, Any]]] = [
        ("winDeal", {"id": ids[0], "amount": {"amount": "70", "currency": "USD"}}),
        ("loseDeal", {"id": ids[1], "reason": "Price"}),
        ("moveDeal", {"id": ids[2], "stage": world.stage_ids[1]}),
        ("updateDeal", {"id": ids[2], "owner": world.global_ids["Bob"], "product": "Lamp", "expectedCloseOn": "2026-11-30"}),
        ("reopenDeal", {"id": ids[0]}),
        ("recordDeal", {"title": "New", "externalId": "n", "owner": world.global_ids["Bob"], "stage": world.stage_ids[3]}),
        ("setExchangeRate", {"currency": "GBP", "rate": "1.2"}),
        ("updateEmployee", {"id": world.global_ids["Bob"], "team": world.global_ids["North"]}),
        ("createEmployee", {"name": "Cyd", "email": "cyd@example.com", "team": world.global_ids["South"]}),
    ]  # fmt: skip
    before = await get_snapshot(world)
    for name, input in changes:
        await world.mutate(name, **input)
        after = await get_snapshot(world)

        assert after.position > before.position, name
        assert to_comparable(after) == to_comparable(await get_fresh_snapshot(world)), name
        before = after
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=ids[3])
    assert (
        to_comparable(await get_snapshot(world))
        == to_comparable(await get_fresh_snapshot(world))
        != to_comparable(before)
    )


async def test_many_changes_are_read_in_one_statement(world: World) -> None:
    await get_snapshot(world)
    for number in range(30):
        await record_won_deal(world, "Bob", str(number + 1))
    context = await world.authenticated_context("admin")
    await context.today()
    with count_statements() as statements:
        after = await get_forecast_engine(context).snapshot(context)

    assert len(statements) == 1
    assert to_comparable(after) == to_comparable(await get_fresh_snapshot(world))


async def test_snapshot_advances_with_the_day_without_changes(world: World) -> None:
    before = await get_snapshot(world)
    world.now = datetime(2026, 11, 19, 9, tzinfo=UTC)
    after = await get_snapshot(world)

    assert after.today == before.today + 1
    assert to_comparable(after) == to_comparable(await get_fresh_snapshot(world))


async def test_metric_histories_are_read_again_only_when_the_past_changes(world: World) -> None:
    async def read_histories() -> dict[str, list[tuple[int, int, int]]]:
        context = await world.authenticated_context("admin")
        engine = get_forecast_engine(context)
        histories = await engine.get_metric_histories(
            context, await engine.snapshot(context), {"calls_made", "deals_created"}
        )
        return {
            name: list(zip(history.day.tolist(), history.employee.tolist(), history.amount.tolist(), strict=True))
            for name, history in histories.items()
        }

    async def record_call(days: int) -> None:
        at = (world.now - timedelta(days=days)).isoformat()
        await world.mutate("recordCall", "Ann", direction="OUTBOUND", outcome="ANSWERED", startedAt=at)

    await set_goal(world, "Ann", "calls_made")
    assert (await read_histories())["calls_made"] == []
    await record_call(3)
    [(day, _, count)] = (await read_histories())["calls_made"]
    assert (date.fromordinal(day), count) == ((world.now - timedelta(days=3)).date(), 1)

    await record_call(0)  # a call of today does not change the past
    with count_statements() as statements:
        unchanged = await read_histories()
    assert len([statement for statement in statements if "daily_total" in statement]) == 1
    with count_statements() as statements:
        assert await read_histories() == unchanged
    assert not [statement for statement in statements if "daily_total" in statement]
    await record_call(5)
    await record_call(3)

    assert [count for *_, count in (await read_histories())["calls_made"]] == [1, 2]
    assert (
        len((await read_histories())["deals_created"])
        == len((await get_fresh_histories(world))["deals_created"].day)
        > 0
    )


async def get_fresh_histories(world: World) -> Any:
    context = await world.authenticated_context("admin")
    engine = ForecastEngine()
    return await engine.get_metric_histories(context, await engine.snapshot(context), {"calls_made", "deals_created"})
