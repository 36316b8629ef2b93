"""Helpers for tests: a company with two sellers in two teams; record won deals, set goals, read values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.world import World, opened

MONTH = {"kind": "MONTH"}


@asynccontextmanager
async def two_sellers(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with opened(url) as world:
        await world.team("Sales")
        await world.team("North", "Sales")
        await world.team("South", "Sales")
        await world.hire("Ann", "North")
        await world.hire("Bob", "South")
        yield world


async def won(world: World, who: str = "Ann", amount: str = "100", **given: Any) -> str:
    money = {"amount": amount, "currency": given.pop("currency", None)}
    payload = await world.act("recordDeal", who, title="Chairs", status="WON", amount=money, **given)
    return payload["deal"]["id"]


async def board(world: World, metric: str = "deals_won_amount", **asked: Any) -> dict[str, str]:
    data = await world.ask(
        "query($metric: String!, $scope: ID, $period: PeriodInput, $asOf: DateTime) { leaderboard(metric: $metric, "
        "scope: $scope, period: $period, asOf: $asOf) { total standings { employee { name } value } } }",
        metric=metric,
        **asked,
    )
    shown = data["leaderboard"]
    return {row["employee"]["name"]: row["value"] for row in shown["standings"]} | {"total": shown["total"]}


async def goal(world: World, owner: str, metric: str, target: str = "1000", **given: Any) -> str:
    given = {"owner": world.ids[owner], "metric": metric, "target": target, "period": MONTH} | given
    return (await world.act("setGoal", **given))["goal"]["id"]


async def value(world: World, goal: str) -> str:
    data = await world.ask("query($id: ID!) { goal(id: $id) { progress { value } } }", id=goal)
    return data["goal"]["progress"]["value"]
