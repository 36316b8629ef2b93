"""Helpers for tests: a company with two sellers in two teams; record won deals, set goals, read values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tests.world import World, cache_company, open_world

CURRENT_MONTH = {"kind": "MONTH"}


@cache_company
async def open_world_with_two_sellers(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_team("North", "Sales")
        await world.create_team("South", "Sales")
        await world.create_employee("Ann", "North")
        await world.create_employee("Bob", "South")
        yield world


async def record_won_deal(world: World, seller: str = "Ann", amount: str = "100", **input: Any) -> str:
    money = {"amount": amount, "currency": input.pop("currency", None)}
    payload = await world.mutate("recordDeal", seller, title="Chairs", status="WON", amount=money, **input)
    return payload["deal"]["id"]


async def read_leaderboard(world: World, metric: str = "deals_won_amount", **variables: Any) -> dict[str, str]:
    data = await world.query(
        "query($metric: String!, $scope: ID, $period: PeriodInput, $asOf: DateTime) { leaderboard(metric: $metric, "
        "scope: $scope, period: $period, asOf: $asOf) { total standings { employee { name } value } } }",
        metric=metric,
        **variables,
    )
    leaderboard = data["leaderboard"]
    return {row["employee"]["name"]: row["value"] for row in leaderboard["standings"]} | {"total": leaderboard["total"]}


async def set_goal(world: World, owner: str, metric: str, target: str = "1000", **input: Any) -> str:
    input = {"owner": world.global_ids[owner], "metric": metric, "target": target, "period": CURRENT_MONTH} | input
    return (await world.mutate("setGoal", **input))["goal"]["id"]


async def read_goal_value(world: World, goal_id: str) -> str:
    data = await world.query("query($id: ID!) { goal(id: $id) { progress { value } } }", id=goal_id)
    return data["goal"]["progress"]["value"]
