"""Tests of live forecasts: sent at once and after each change of their values, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.primitives.global_ids import decoded
from models.ledger import scores
from resolvers.request.context import Context
from subscriptions.core.reference_cache import Known
from subscriptions.goal_probabilities import Chances
from tests.graph.test_subscriptions import listening
from tests.resolvers.forecasting.half_year_company import seasoned
from tests.resolvers.two_sellers import goal, won
from tests.world import World

FORECAST = "forecast { booked pipeline newBusiness expected low median high target attainmentProbability confidence }"
GOAL = "id progress { value projected projectedPercent attainmentProbability }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned() as world:
        yield world


async def test_a_won_deal_moves_what_is_booked_and_expected_and_the_chance_of_the_goal(world: World) -> None:
    await goal(world, "company", "deals_won_amount", "12000")
    async with listening(world, f"subscription {{ {FORECAST} }}") as heard:
        await heard.until(lambda: len(heard.heard) == 1)
        first = heard.heard[0]["forecast"]
        await won(world, "Ann", "2500")

        await heard.until(lambda: heard.heard[-1]["forecast"]["booked"] != first["booked"])
        last = heard.heard[-1]["forecast"]
        assert Decimal(last["booked"]) == Decimal(first["booked"]) + 2500
        assert Decimal(last["expected"]) == Decimal(first["expected"]) + 2500
        assert last["attainmentProbability"] > first["attainmentProbability"]
        assert last == (await world.ask(f"{{ {FORECAST} }}"))["forecast"]


async def test_a_deal_that_is_only_open_moves_the_forecast_too(world: World) -> None:
    async with listening(world, f"subscription {{ {FORECAST} }}", "Ann") as heard:
        await heard.until(lambda: len(heard.heard) == 1)
        await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "9000"})

        await heard.until(lambda: len(heard.heard) == 2)
        before, after = (Decimal(each["forecast"]["pipeline"]) for each in heard.heard)
        assert after > before + 100


async def test_what_does_not_move_a_forecast_is_not_sent(world: World) -> None:
    async with listening(world, f"subscription {{ {FORECAST} }}", "Bob") as heard:
        await heard.until(lambda: len(heard.heard) == 1)
        await world.act("recordCall", "Bob", direction="OUTBOUND")
        await won(world, "Ann", "300")  # a colleague's deal: a seller's draws depend on the seller's own deals only
        await world.act("recordDeal", "Bob", title="Tables", status="WON", amount={"amount": "77"})

        await heard.until(lambda: len(heard.heard) == 2)
        first, second = (Decimal(each["forecast"]["booked"]) for each in heard.heard)
        assert second == first + 77


async def test_the_day_turns_what_is_left_of_the_month(world: World) -> None:
    async with listening(world, f"subscription {{ {FORECAST} }}", "Ann") as heard:
        await heard.until(lambda: len(heard.heard) == 1)
        world.later(days=10)
        await won(world, "Ann", "1")

        await heard.until(lambda: len(heard.heard) == 2)
        before, after = (Decimal(each["forecast"]["newBusiness"]) for each in heard.heard)
        assert after < before


async def test_every_goal_s_chance_moves_with_a_win_and_with_a_deal_that_may_be_won(world: World) -> None:
    for owner in ("Ann", "North", "company"):
        await goal(world, owner, "deals_won_amount", "9000")
    document = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with listening(world, document, scope=world.ids["company"]) as goals:
        await goals.until(lambda: len(goals.heard) == 3)
        first = {each["goalProgress"]["id"]: each["goalProgress"]["progress"] for each in goals.heard}
        await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "3000"})
        await goals.until(lambda: len(goals.heard) == 6)
        second = {each["goalProgress"]["id"]: each["goalProgress"]["progress"] for each in goals.heard}
        await won(world, "Ann", "1500")
        await goals.until(lambda: len(goals.heard) >= 9)
        third = {each["goalProgress"]["id"]: each["goalProgress"]["progress"] for each in goals.heard}

    for id_ in first:
        assert first[id_]["value"] == second[id_]["value"]
        assert Decimal(first[id_]["projected"]) < Decimal(second[id_]["projected"]) < Decimal(third[id_]["projected"])
        assert first[id_]["attainmentProbability"] <= third[id_]["attainmentProbability"]
        assert third[id_]["projectedPercent"] > first[id_]["projectedPercent"]


async def test_who_asks_for_nothing_ahead_is_not_woken_by_deals_that_may_be_won(world: World) -> None:
    await goal(world, "Ann", "deals_won_amount", "9000")
    async with listening(world, "subscription { goalProgress { progress { value } } }", "Ann") as goals:
        await goals.until(lambda: len(goals.heard) == 1)
        await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "3000"})
        await won(world, "Ann", "50")

        await goals.until(lambda: len(goals.heard) == 2)


async def test_a_forecast_out_of_sight_cannot_be_listened_to(world: World) -> None:
    document = f"subscription($scope: ID) {{ {FORECAST.replace('forecast', 'forecast(scope: $scope)', 1)} }}"
    async with listening(world, document, "Bob", scope=world.ids["Ann"]) as heard:
        await heard.until(lambda: heard.errors)

        assert heard.errors[0].original_error.code == "NOT_FOUND"


async def test_a_colleagues_deal_moves_nobody_elses_chances_and_does_not_even_wake_him(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = world.services.hub
    known = Known(hub)

    async def admitted(who: str | None = None, language: str = "en") -> Context:
        context = await world.admitted(who, language)
        context.known = known
        return context

    live: Any = copy(world)
    live.admitted = admitted
    whose = {name: await goal(world, name, "deals_won_amount", "12000") for name in ("Ann", "Bob")}
    reads: list[tuple[int, ...]] = []
    read = scores.goals_with_values

    async def noted(ids: Sequence[int]) -> Any:
        reads.append(tuple(sorted(ids)))
        return await read(ids)

    monkeypatch.setattr(scores, "goals_with_values", noted)
    document = f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}"
    context = await admitted("admin")
    keeping = asyncio.create_task(Chances(hub, lambda: replace(context)).keep())
    try:
        async with (
            listening(live, document, goals=[whose["Ann"]]) as ann,
            listening(live, document, goals=[whose["Bob"]]) as bob,
        ):
            await bob.until(lambda: len(bob.heard) == 1)
            for number in (1, 2):  # twice: the first change is read without an earlier snapshot to compare with
                await ann.until(lambda: len(ann.heard) == number)  # noqa: B023 - called before the next iteration
                await asyncio.sleep(0.2)
                reads.clear()
                await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "9000"})
            await ann.until(lambda: len(ann.heard) == 3)
            await asyncio.sleep(0.2)

            chances = [each["goalProgress"]["progress"]["attainmentProbability"] for each in ann.heard]
            assert chances == sorted(set(chances))
            assert not [each for each in reads if decoded(whose["Bob"])[1] in each]
            for name, listener in (("Ann", ann), ("Bob", bob)):
                fresh = await world.ask(
                    f"query($id: ID!) {{ node(id: $id) {{ ... on Goal {{ {GOAL} }} }} }}", id=whose[name]
                )
                assert listener.heard[-1]["goalProgress"] == fresh["node"]
    finally:
        keeping.cancel()
