"""Tests of the forecast engine's snapshot: equal to the tables, whether read in full or incrementally."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.primitives.global_ids import encoded
from models.crm.deals import Deal, StageVisit
from models.forecasting.deal_columns import STATES
from resolvers.forecasting.forecast_engine import Forecaster, Known, forecaster
from tests.resolvers.two_sellers import goal, two_sellers, won
from tests.statement_counter import counted
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        pipeline = (await world.ask("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stages = [stage["id"] for stage in pipeline["stages"]]
        await world.act("setExchangeRate", currency="USD", rate="0.912345678901", **{"from": "2026-01-01"})
        await won(world, "Ann", "123456789.01", currency="USD", cost={"amount": "7.50"}, product="GTX «Ω» 'Pro'")
        await world.act("recordDeal", "Bob", title="Tables", externalId="d'1", expectedCloseOn="2026-12-01")
        for number in range(5):
            at = (world.now - timedelta(days=30 + number)).isoformat()
            await world.act("recordDeal", "Ann", title=f"Lamps {number}", createdAt=at, amount={"amount": "100"})
        yield world


async def known(world: World) -> Known:
    context = await world.admitted("admin")
    return await forecaster(context).known(context)


async def anew(world: World) -> Known:
    return await Forecaster().known(await world.admitted("admin"))


def told(of: Known) -> dict[str, Any]:
    """Return everything of a snapshot that a forecast uses, with the stage entries sorted."""
    book, names = of.book, ("id", "word", "owner", "winner", "state", "amount", "cost", "value", "profit")
    found: dict[str, Any] = {
        name: getattr(book, name).tolist() for name in (*names, "created", "closed", "deleted", "due")
    }
    found |= {name: [None if number != number else number for number in found[name]] for name in names[5:]}
    for name in ("currency", "cost_currency"):
        found[name] = [[*book.currencies, None][at] for at in getattr(book, name)]
    found["product"] = [[*book.products, None][at] for at in book.product]
    found["stays"] = sorted(zip(of.stays.deal.tolist(), of.stays.stage.tolist(), of.stays.day.tolist(), strict=True))
    staff = of.staff
    found["staff"] = [staff.ids, staff.keys, staff.names, staff.teams.tolist(), staff.active.tolist()]
    return found | {"market": of.market, "today": of.today}


def ordinal(day: date | None) -> int:
    return NEVER if day is None else day.toordinal()


async def test_what_is_read_is_what_the_rows_say(world: World) -> None:
    gone = (await world.act("recordDeal", "Bob", title="Gone"))["deal"]["id"]
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=gone)
    book = (await known(world)).book
    rows = await Deal.all().order_by("id")

    assert book.id.tolist() == [row.id for row in rows]
    assert book.owner.tolist() == [row.owner_id for row in rows]
    assert book.winner.tolist() == [row.won_by or 0 for row in rows]
    assert book.state.tolist() == [STATES[row.status] for row in rows]
    for name in ("amount", "cost", "value", "profit"):
        np.testing.assert_array_equal(
            getattr(book, name), [float("nan") if getattr(row, name) is None else getattr(row, name) for row in rows]
        )
    assert [[*book.currencies, None][at] for at in book.currency] == [row.currency for row in rows]
    assert [[*book.products, None][at] for at in book.product] == [row.product for row in rows]
    assert book.created.tolist() == [ordinal(row.created_on) for row in rows]
    assert book.closed.tolist() == [ordinal(row.closed_on) for row in rows]
    assert book.deleted.tolist() == [ordinal(row.deleted_at and row.deleted_at.astimezone(UTC)) for row in rows]
    assert book.due.tolist() == [ordinal(row.expected_close_on) for row in rows]
    assert len(set(book.word.tolist())) == len(rows)


async def test_rates_and_stages_are_read_to_the_last_digit(world: World) -> None:
    found = await known(world)
    assert found.market.rates == {"USD": float(Decimal("0.912345678901")), "EUR": 1.0}
    assert len(found.stays.deal) == 0  # no deal has moved yet: stages carry no information

    open_ = await Deal.filter(title="Lamps 3").get()
    await world.act("moveDeal", "Ann", id=encoded("Deal", open_.id), stage=world.stages[2])
    stays, rows = (await known(world)).stays, await StageVisit.all()

    assert sorted(zip(stays.deal.tolist(), stays.stage.tolist(), stays.day.tolist(), strict=True)) == sorted(
        (row.deal_id, row.stage_id, row.entered_on.toordinal()) for row in rows
    )


async def test_what_is_read_on_is_what_is_read_anew(world: World) -> None:
    ids = [encoded("Deal", row.id) for row in await Deal.filter(title__startswith="Lamps").order_by("id")]
    changes: list[tuple[str, dict[str, Any]]] = [
        ("winDeal", {"id": ids[0], "amount": {"amount": "70", "currency": "USD"}}),
        ("loseDeal", {"id": ids[1], "reason": "Price"}),
        ("moveDeal", {"id": ids[2], "stage": world.stages[1]}),
        ("updateDeal", {"id": ids[2], "owner": world.ids["Bob"], "product": "Lamp", "expectedCloseOn": "2026-11-30"}),
        ("reopenDeal", {"id": ids[0]}),
        ("recordDeal", {"title": "New", "externalId": "n", "owner": world.ids["Bob"], "stage": world.stages[3]}),
        ("setExchangeRate", {"currency": "GBP", "rate": "1.2"}),
        ("updateEmployee", {"id": world.ids["Bob"], "team": world.ids["North"]}),
        ("createEmployee", {"name": "Cyd", "email": "cyd@example.com", "team": world.ids["South"]}),
    ]  # fmt: skip
    before = await known(world)
    for name, given in changes:
        await world.act(name, **given)
        after = await known(world)

        assert after.position > before.position, name
        assert told(after) == told(await anew(world)), name
        before = after
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=ids[3])
    assert told(await known(world)) == told(await anew(world)) != told(before)


async def test_many_changes_at_once_are_read_in_one_statement(world: World) -> None:
    await known(world)
    for number in range(30):
        await won(world, "Bob", str(number + 1))
    context = await world.admitted("admin")
    await context.today()
    with counted() as statements:
        after = await forecaster(context).known(context)

    assert len(statements) == 1
    assert told(after) == told(await anew(world))


async def test_the_day_turns_without_a_change(world: World) -> None:
    before = await known(world)
    world.now = datetime(2026, 11, 19, 9, tzinfo=UTC)
    after = await known(world)

    assert after.today == before.today + 1
    assert told(after) == told(await anew(world))


async def test_the_pasts_of_metrics_are_read_together_and_again_only_when_they_change(world: World) -> None:
    async def past() -> dict[str, list[tuple[int, int, int]]]:
        context = await world.admitted("admin")
        desk = forecaster(context)
        pasts = await desk.metric_pasts(context, await desk.known(context), {"calls_made", "deals_created"})
        return {
            name: list(zip(each.day.tolist(), each.employee.tolist(), each.amount.tolist(), strict=True))
            for name, each in pasts.items()
        }

    async def called(days: int) -> None:
        at = (world.now - timedelta(days=days)).isoformat()
        await world.act("recordCall", "Ann", direction="OUTBOUND", outcome="ANSWERED", startedAt=at)

    await goal(world, "Ann", "calls_made")
    assert (await past())["calls_made"] == []
    await called(3)
    [(day, _, count)] = (await past())["calls_made"]
    assert (date.fromordinal(day), count) == ((world.now - timedelta(days=3)).date(), 1)

    await called(0)  # a call of today does not change the past
    with counted() as statements:
        unchanged = await past()
    assert len([each for each in statements if "daily_total" in each]) == 1
    with counted() as statements:
        assert await past() == unchanged
    assert not [each for each in statements if "daily_total" in each]
    await called(5)
    await called(3)

    assert [count for *_, count in (await past())["calls_made"]] == [1, 2]
    assert len((await past())["deals_created"]) == len((await anew_pasts(world))["deals_created"].day) > 0


async def anew_pasts(world: World) -> Any:
    context = await world.admitted("admin")
    desk = Forecaster()
    return await desk.metric_pasts(context, await desk.known(context), {"calls_made", "deals_created"})
