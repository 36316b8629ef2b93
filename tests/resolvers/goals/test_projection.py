"""Goal projection: from the deal forecast for won deals, from their history for other metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.record_facts import CallDirection, CallOutcome
from resolvers.crm import calls
from tests.resolvers.forecasting.half_year_company import amounts, forecast, seasoned
from tests.resolvers.two_sellers import goal, two_sellers, won
from tests.world import World

ASKED = """query($id: ID!) { goal(id: $id) { progress {
  value target projected projectedPercent attainmentProbability pace } } }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned() as world:
        yield world


async def progress(world: World, id_: str) -> dict[str, Any]:
    return (await world.ask(ASKED, id=id_))["goal"]["progress"]


async def called(world: World, days: int, who: str = "Ann", a_day: int = 3) -> None:
    """Record answered calls of ten minutes, `per_day` for each working day of the past days."""
    context = await world.admitted("admin")
    givens = [
        {
            "employee": world.ids[who],
            "direction": CallDirection.OUTBOUND,
            "outcome": CallOutcome.ANSWERED,
            "durationSeconds": 600,
            "startedAt": world.now - timedelta(days=ago, minutes=number),
        }
        for ago in range(days, 0, -1)
        if (world.now - timedelta(days=ago)).weekday() < 5
        for number in range(a_day)
    ]
    for start in range(0, len(givens), 200):
        async with context.unit():
            await calls.record(context, givens[start : start + 200], aloud=False)


@pytest.mark.parametrize("owner", ["Ann", "North", "company"])
async def test_a_goal_of_money_stands_where_the_forecast_is(world: World, owner: str) -> None:
    found, expected = (
        await progress(world, await goal(world, owner, "deals_won_amount", "9000")),
        amounts(await forecast(world, scope=owner)),
    )

    assert Decimal(found["projected"]) == expected["expected"]
    assert found["projectedPercent"] == pytest.approx(float(expected["expected"]) / 90)
    assert found["attainmentProbability"] == (await forecast(world, scope=owner))["attainmentProbability"]


async def test_a_goal_of_profit_and_one_of_deals_have_their_own(world: World) -> None:
    profit = await progress(world, await goal(world, "company", "deals_won_profit", "5000"))
    count = await progress(world, await goal(world, "company", "deals_won", "18"))
    money = await progress(world, await goal(world, "company", "deals_won_amount", "9000"))

    assert Decimal(profit["projected"]) < Decimal(money["projected"])
    assert Decimal(count["value"]) < Decimal(count["projected"]) < 40
    assert 0 < count["attainmentProbability"] < 1


async def test_parts_of_a_goal_of_deals_add_up(world: World) -> None:
    ids = [await goal(world, owner, "deals_won", "50") for owner in ("North", "South", "company")]
    north, south, company = [Decimal((await progress(world, id_))["projected"]) for id_ in ids]

    assert abs(north + south - company) < Decimal("0.01")


async def test_calls_go_on_as_they_did(database_url: str) -> None:
    async with two_sellers(database_url) as world:
        await called(world, 120)
        easy = await progress(world, await goal(world, "Ann", "calls_made", "50"))
        hard = await progress(world, await goal(world, "company", "calls_made", "90"))
        hours = await progress(world, await goal(world, "North", "call_hours", "9"))

        assert Decimal(easy["value"]) == 36  # on twelve working days
        assert Decimal(easy["projected"]) == pytest.approx(63, abs=6)
        assert easy["attainmentProbability"] > 0.9
        assert hard["attainmentProbability"] < 0.05
        assert Decimal(hours["projected"]) == pytest.approx(Decimal("10.5"), abs=Decimal("1.2"))


async def test_with_little_history_the_pace_goes_on_and_no_chance_is_named() -> None:
    async with two_sellers() as world:
        await called(world, 17)
        calls_ = await progress(world, await goal(world, "Ann", "calls_made", "500"))
        deals = await progress(world, await goal(world, "Ann", "deals_won", "500"))

        assert Decimal(calls_["projected"]) == Decimal(36 * 21) / 12
        assert (calls_["attainmentProbability"], deals["attainmentProbability"]) == (None, None)


async def test_a_goal_that_is_reached_is_certain_even_then() -> None:
    async with two_sellers() as world:
        id_ = await goal(world, "Ann", "deals_won", "1")
        await won(world)

        assert (await progress(world, id_))["attainmentProbability"] == 1


async def test_a_goal_whose_period_is_over_stands_where_it_stood(world: World) -> None:
    last = {"kind": "MONTH", "offset": -1}
    missed = await progress(world, await goal(world, "company", "deals_won_amount", "900000", period=last))
    reached = await progress(world, await goal(world, "company", "deals_won", "1", period=last))

    assert missed["projected"] == missed["value"]
    assert (missed["attainmentProbability"], reached["attainmentProbability"]) == (0, 1)


async def test_a_metric_s_past_is_learnt_again_when_it_is_changed(world: World) -> None:
    await called(world, 120)
    id_ = await goal(world, "company", "calls_made", "90")
    before = await progress(world, id_)
    await called(world, 100, "Bob", 5)

    after = await progress(world, id_)
    world.services.forecaster = None

    assert Decimal(after["projected"]) > Decimal(before["projected"]) + 60
    assert await progress(world, id_) == after
