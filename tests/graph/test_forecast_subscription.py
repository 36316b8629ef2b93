"""Tests of live forecasts: sent at once and after each change of their values, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.primitives.global_ids import decode_global_id
from models.goals.goals import Goal
from models.ledger import scores
from resolvers.goals import goals
from subscriptions.core.reference_cache import ReferenceCache
from subscriptions.core.stream_context import StreamContext
from subscriptions.goal_probabilities import GoalProbabilityWatcher
from tests.resolvers.forecasting.half_year_company import seasoned_company
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.subscription_recorder import subscribe
from tests.world import World

FORECAST = "forecast { booked pipeline newBusiness expected low median high target attainmentProbability confidence }"
GOAL = "id progress { value projected projectedPercent attainmentProbability }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned_company() as world:
        yield world


async def test_forecast_stream_sends_booked_expected_and_probability_after_a_win(world: World) -> None:
    await set_goal(world, "company", "deals_won_amount", "12000")
    async with subscribe(world, f"subscription {{ {FORECAST} }}") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)
        first = listener.events[0]["forecast"]
        await record_won_deal(world, "Ann", "2500")

        await listener.wait_until(lambda: listener.events[-1]["forecast"]["booked"] != first["booked"])
        last = listener.events[-1]["forecast"]
        assert Decimal(last["booked"]) == Decimal(first["booked"]) + 2500
        assert Decimal(last["expected"]) == Decimal(first["expected"]) + 2500
        assert last["attainmentProbability"] > first["attainmentProbability"]
        assert last == (await world.query(f"{{ {FORECAST} }}"))["forecast"]


async def test_forecast_stream_sends_after_a_new_open_deal(world: World) -> None:
    async with subscribe(world, f"subscription {{ {FORECAST} }}", "Ann") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)
        await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "9000"})

        await listener.wait_until(lambda: len(listener.events) == 2)
        before, after = (Decimal(message["forecast"]["pipeline"]) for message in listener.events)
        assert after > before + 100


async def test_forecast_stream_sends_nothing_when_the_forecast_is_unchanged(world: World) -> None:
    async with subscribe(world, f"subscription {{ {FORECAST} }}", "Bob") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)
        await world.mutate("recordCall", "Bob", direction="OUTBOUND")
        await record_won_deal(
            world, "Ann", "300"
        )  # a colleague's deal: a seller's draws depend on the seller's own deals only
        await world.let_tasks_run()  # the stream reads now, and not once for all of these changes
        await world.mutate("recordDeal", "Bob", title="Tables", status="WON", amount={"amount": "77"})

        await listener.wait_until(lambda: len(listener.events) == 2)
        first, second = (Decimal(message["forecast"]["booked"]) for message in listener.events)
        assert second == first + 77


async def test_forecast_stream_sends_less_new_business_later_in_the_month(world: World) -> None:
    async with subscribe(world, f"subscription {{ {FORECAST} }}", "Ann") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)
        world.advance(days=10)
        await record_won_deal(world, "Ann", "1")

        await listener.wait_until(lambda: len(listener.events) == 2)
        before, after = (Decimal(message["forecast"]["newBusiness"]) for message in listener.events)
        assert after < before


async def test_streams_of_forecast_and_goal_follow_the_hours_of_the_running_day(world: World) -> None:
    """Both expect less with each hour of the working hours, of which the last ends at 17:00 UTC, and nothing after it."""
    world.now = world.now.replace(hour=14, minute=50)
    goal = await set_goal(world, "company", "deals_won", "3", period={"kind": "DAY"})
    async with (
        subscribe(world, "subscription { forecast(period: {kind: DAY}) { newBusiness } }") as forecasts,
        subscribe(
            world, f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}", goals=[goal]
        ) as goal_listener,
    ):
        for count, (hour, minute) in enumerate([(14, 59), (15, 0), (15, 59), (16, 0), (17, 0), (22, 59)]):
            world.now = world.now.replace(hour=hour, minute=minute)
            sent = (1, 2, 2, 3, 4, 4)[count]
            for recorder in (forecasts, goal_listener):
                await recorder.wait_until(lambda recorder=recorder, sent=sent: len(recorder.events) == sent)
            await world.let_tasks_run()

    new_business = [Decimal(event["forecast"]["newBusiness"]) for event in forecasts.events]
    projected = [Decimal(event["goalProgress"]["progress"]["projected"]) for event in goal_listener.events]
    for values in (new_business, projected):
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4
        assert values[-1] == 0


async def test_goal_stream_sends_probability_after_a_win_and_after_a_new_open_deal(world: World) -> None:
    for owner in ("Ann", "North", "company"):
        await set_goal(world, owner, "deals_won_amount", "9000")
    document = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with subscribe(world, document, scope=world.global_ids["company"]) as goal_listener:
        await goal_listener.wait_until(lambda: len(goal_listener.events) == 3)
        first = {message["goalProgress"]["id"]: message["goalProgress"]["progress"] for message in goal_listener.events}
        await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "3000"})
        await goal_listener.wait_until(lambda: len(goal_listener.events) == 6)
        second = {
            message["goalProgress"]["id"]: message["goalProgress"]["progress"] for message in goal_listener.events
        }
        await record_won_deal(world, "Ann", "1500")
        await goal_listener.wait_until(lambda: len(goal_listener.events) >= 9)
        third = {message["goalProgress"]["id"]: message["goalProgress"]["progress"] for message in goal_listener.events}

    for id_ in first:
        assert first[id_]["value"] == second[id_]["value"]
        assert Decimal(first[id_]["projected"]) < Decimal(second[id_]["projected"]) < Decimal(third[id_]["projected"])
        assert first[id_]["attainmentProbability"] <= third[id_]["attainmentProbability"]
        assert third[id_]["projectedPercent"] > first[id_]["projectedPercent"]


async def test_goal_stream_without_projection_does_not_read_after_an_open_deal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that reads the same value again sends nothing: only its reads show that it was woken."""
    goal = await set_goal(world, "Ann", "deals_won_amount", "9000")
    plain_reads: list[StreamContext] = []
    list_own_goals = goals.list_own_goals

    async def record_read(context: StreamContext) -> list[Goal]:
        plain_reads.append(context)
        return await list_own_goals(context)

    monkeypatch.setattr(goals, "list_own_goals", record_read)  # the other stream reads its goals by their ids
    projected_document = f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}"
    async with (
        subscribe(world, "subscription { goalProgress { progress { value } } }", "Ann") as plain_listener,
        subscribe(world, projected_document, goals=[goal]) as projected_listener,
    ):
        for listener in (plain_listener, projected_listener):
            await listener.wait_until(lambda listener=listener: len(listener.events) == 1)
        await world.let_tasks_run()
        plain_reads.clear()

        await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "3000"})
        await projected_listener.wait_until(lambda: len(projected_listener.events) == 2)
        await world.let_tasks_run()
        assert len(plain_reads) == 0

        await record_won_deal(world, "Ann", "50")
        await plain_listener.wait_until(lambda: len(plain_listener.events) == 2)
        assert len(plain_reads) == 1


async def test_forecast_stream_fails_when_the_scope_is_not_visible(world: World) -> None:
    document = f"subscription($scope: ID) {{ {FORECAST.replace('forecast', 'forecast(scope: $scope)', 1)} }}"
    async with subscribe(world, document, "Bob", scope=world.global_ids["Ann"]) as listener:
        await listener.wait_until(lambda: listener.errors)

        assert listener.errors[0].original_error.code == "NOT_FOUND"


async def test_goal_stream_is_not_woken_by_a_deal_of_a_colleague(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.reference_cache = ReferenceCache(world.hub)
    goal_ids = {name: await set_goal(world, name, "deals_won_amount", "12000") for name in ("Ann", "Bob")}
    reads: list[tuple[int, ...]] = []
    load_goals = scores.goals_with_values

    async def record_read(ids: Sequence[int]) -> Any:
        reads.append(tuple(sorted(ids)))
        return await load_goals(ids)

    monkeypatch.setattr(scores, "goals_with_values", record_read)
    document = f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}"
    context = await world.authenticated_context("admin")
    context.reference_cache = world.reference_cache
    watcher_task = asyncio.create_task(GoalProbabilityWatcher(world.hub, lambda: replace(context)).run())
    try:
        async with (
            subscribe(world, document, goals=[goal_ids["Ann"]]) as ann_listener,
            subscribe(world, document, goals=[goal_ids["Bob"]]) as bob_listener,
        ):
            await bob_listener.wait_until(lambda: len(bob_listener.events) == 1)
            for number in (1, 2):  # twice: the first change is read without an earlier snapshot to compare with
                await ann_listener.wait_until(lambda: len(ann_listener.events) == number)  # noqa: B023 - called before the next iteration
                await world.let_tasks_run()
                reads.clear()
                await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "9000"})
            await ann_listener.wait_until(lambda: len(ann_listener.events) == 3)
            await world.let_tasks_run()

            probabilities = [
                message["goalProgress"]["progress"]["attainmentProbability"] for message in ann_listener.events
            ]
            assert probabilities == sorted(set(probabilities))
            assert not [message for message in reads if decode_global_id(goal_ids["Bob"])[1] in message]
            for name, listener in (("Ann", ann_listener), ("Bob", bob_listener)):
                current = await world.query(
                    f"query($id: ID!) {{ node(id: $id) {{ ... on Goal {{ {GOAL} }} }} }}", id=goal_ids[name]
                )
                assert listener.events[-1]["goalProgress"] == current["node"]
    finally:
        watcher_task.cancel()


JUDGEMENT = """forecast { expected submitted submissions { amount note } adjustment { amount }
  categories { category deals amount } }"""
SUBMIT = """mutation($amount: Decimal!) { submitForecast(input: {amount: {amount: $amount}, note: "Sure"}) {
  userErrors { message } } }"""
ADJUST = """mutation($scope: ID!) { adjustForecast(input: {scope: $scope, amount: {amount: "900"}, note: "Holidays"}) {
  userErrors { message } } }"""


async def test_forecast_stream_with_judgement_sends_what_people_expect(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "70"}))["deal"]["id"]
    async with subscribe(world, f"subscription {{ {JUDGEMENT} }}") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)

        await world.query(SUBMIT, "Ann", amount="5000")
        await listener.wait_until(lambda: listener.events[-1]["forecast"]["submitted"] == "5000.00")
        await world.query(ADJUST, scope=world.global_ids["company"])
        await listener.wait_until(lambda: listener.events[-1]["forecast"]["adjustment"] == {"amount": "900.00"})
        await world.mutate("updateDeal", "Ann", id=deal, forecastCategory="COMMIT")
        await listener.wait_until(
            lambda: (
                {"category": "COMMIT", "deals": 1, "amount": "70.00"} in listener.events[-1]["forecast"]["categories"]
            )
        )
        assert listener.events[-1] == await world.query(f"{{ {JUDGEMENT} }}")


async def test_forecast_stream_without_judgement_sends_nothing_for_a_call(world: World) -> None:
    async with subscribe(world, f"subscription {{ {FORECAST} }}", "Ann") as listener:
        await listener.wait_until(lambda: len(listener.events) == 1)
        await world.query(SUBMIT, "Ann", amount="5000")
        await record_won_deal(world, "Ann", "10")

        await listener.wait_until(lambda: len(listener.events) == 2)
        first, second = (Decimal(message["forecast"]["booked"]) for message in listener.events)
        assert second == first + 10
