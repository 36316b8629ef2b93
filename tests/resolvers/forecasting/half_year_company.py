"""Helpers: a company with half a year of deals, and shortcuts to query its forecast."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.ledger.record_facts import DealStatus
from resolvers.crm import deals
from resolvers.crm.inputs import DealInput
from resolvers.request.inputs import Money
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.world import World, cache_company

NUMBERS = "booked pipeline undated newBusiness expected low median high target attainmentProbability confidence"
DEALS = "deals(first: 100) { deal { id title } winProbability expected }"
FORECAST = f"""query($scope: ID, $period: PeriodInput, $basis: MoneyBasis! = REVENUE, $whatIf: WhatIfInput) {{
  forecast(scope: $scope, period: $period, basis: $basis, whatIf: $whatIf) {{
    scope {{ name }} period {{ start end }} basis currency {NUMBERS} {DEALS}
  }}
}}"""


async def record_history(world: World, days: int = 230, deals_per_day: int = 1) -> None:
    """Record `days` days of deals, won or lost after at most 40 days; the latest ones are still open."""
    rng, context = random.Random(1), await world.authenticated_context("admin")
    inputs = []
    for days_ago in range(days, 0, -1):
        for index in range(deals_per_day):
            created_at = world.now - timedelta(days=days_ago, hours=index)
            closed_at = created_at + timedelta(days=rng.randint(2, 40))
            input = DealInput(
                title=f"Deal {days_ago}/{index}",
                external_id=f"d{days_ago}-{index}",
                owner=world.global_ids[rng.choice(("Ann", "Ann", "Bob"))],
                created_at=created_at,
                amount=Money(Decimal(rng.choice((200, 300, 500, 900))), "EUR"),
                cost=Money(Decimal(100), "EUR"),
                expected_close_on=(created_at + timedelta(days=rng.choice((15, 60)))).date(),
            )
            if closed_at < world.now - timedelta(hours=20):
                input = replace(input, status=rng.choice((DealStatus.WON, DealStatus.LOST)), closed_at=closed_at)
            inputs.append(input)
    for start in range(0, len(inputs), 200):
        async with context.unit_of_work():
            await deals.upsert_deals(context, inputs[start : start + 200], notify=False)


@cache_company
async def seasoned_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        await record_history(world)
        yield world


async def forecast(world: World, viewer_name: str = "admin", **variables: Any) -> dict[str, Any]:
    if "scope" in variables:
        variables["scope"] = world.global_ids[variables["scope"]]
    return (await world.query(FORECAST, viewer_name, **variables))["forecast"]


def amounts(forecast_fields: dict[str, Any]) -> dict[str, Decimal]:
    names = ("booked", "pipeline", "undated", "newBusiness", "expected", "low", "median", "high")
    return {name: Decimal(forecast_fields[name]) for name in names}
