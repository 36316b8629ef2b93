"""Helpers: a company with half a year of deals, and shortcuts to query its forecast."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.ledger.record_facts import DealStatus
from resolvers.crm import deals
from tests.resolvers.two_sellers import two_sellers
from tests.world import World

NUMBERS = "booked pipeline undated newBusiness expected low median high target attainmentProbability confidence"
DEALS = "deals(first: 100) { deal { id title } winProbability expected }"
FORECAST = f"""query($scope: ID, $period: PeriodInput, $basis: MoneyBasis! = REVENUE, $whatIf: WhatIfInput) {{
  forecast(scope: $scope, period: $period, basis: $basis, whatIf: $whatIf) {{
    scope {{ name }} period {{ start end }} basis currency {NUMBERS} {DEALS}
  }}
}}"""


async def history(world: World, days: int = 230, a_day: int = 1) -> None:
    """Record `days` days of deals, won or lost after at most 40 days; the latest ones are still open."""
    luck, context = random.Random(1), await world.admitted("admin")
    givens: list[dict[str, Any]] = []
    for ago in range(days, 0, -1):
        for number in range(a_day):
            begun = world.now - timedelta(days=ago, hours=number)
            ended = begun + timedelta(days=luck.randint(2, 40))
            given: dict[str, Any] = {
                "title": f"Deal {ago}/{number}",
                "externalId": f"d{ago}-{number}",
                "owner": world.ids[luck.choice(("Ann", "Ann", "Bob"))],
                "createdAt": begun,
                "amount": {"amount": Decimal(luck.choice((200, 300, 500, 900))), "currency": "EUR"},
                "cost": {"amount": Decimal(100), "currency": "EUR"},
                "expectedCloseOn": (begun + timedelta(days=luck.choice((15, 60)))).date(),
            }
            if ended < world.now - timedelta(hours=20):
                given |= {"status": luck.choice((DealStatus.WON, DealStatus.LOST)), "closedAt": ended}
            givens.append(given)
    for start in range(0, len(givens), 200):
        async with context.unit():
            await deals.record(context, givens[start : start + 200], aloud=False)


@asynccontextmanager
async def seasoned(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with two_sellers(url) as world:
        await history(world)
        yield world


async def forecast(world: World, who: str = "admin", **asked: Any) -> dict[str, Any]:
    if "scope" in asked:
        asked["scope"] = world.ids[asked["scope"]]
    return (await world.ask(FORECAST, who, **asked))["forecast"]


def amounts(found: dict[str, Any]) -> dict[str, Decimal]:
    names = ("booked", "pipeline", "undated", "newBusiness", "expected", "low", "median", "high")
    return {name: Decimal(found[name]) for name in names}
