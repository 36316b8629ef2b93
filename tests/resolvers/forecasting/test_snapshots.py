"""Tests of the daily forecast snapshots: stored once a day, readable later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from models.forecasting import snapshots as forecast_snapshots
from models.forecasting.snapshots import ForecastSnapshot
from models.organization.people import tree
from resolvers.forecasting import snapshots
from resolvers.request.context import Context
from resolvers.request.viewer import Viewer
from tests.resolvers.forecasting.half_year_company import forecast, seasoned
from tests.resolvers.two_sellers import won
from tests.world import World

SAID = """query($scope: ID) { forecast(scope: $scope) {
  expected saidBefore { day booked expected low median high } } }"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with seasoned(database_url) as world:
        yield world


async def by_the_clock(world: World) -> Context:
    context = world.context()
    context.who = Viewer.of_clock(await tree())
    return context


async def test_each_day_is_kept_once_for_the_company_and_every_team(world: World) -> None:
    first = await forecast(world)
    assert await snapshots.take(await by_the_clock(world))
    assert not await snapshots.take(await by_the_clock(world))
    await won(world, "Ann", "5000")
    world.later(days=1)
    second = await forecast(world)
    assert await snapshots.take(await by_the_clock(world))

    said = (await world.ask(SAID))["forecast"]["saidBefore"]
    assert [each["day"] for each in said] == ["2026-11-18", "2026-11-19"]
    assert [each["expected"] for each in said] == [first["expected"], second["expected"]]
    assert Decimal(said[1]["booked"]) == Decimal(said[0]["booked"]) + 5000
    assert len((await world.ask(SAID, "admin", scope=world.ids["North"]))["forecast"]["saidBefore"]) == 2


async def test_two_who_keep_the_same_day_leave_one_of_each(world: World) -> None:
    await snapshots.take(await by_the_clock(world))
    [row] = await ForecastSnapshot.filter(owner_id=0, basis="REVENUE").order_by("id").limit(1)
    count = await ForecastSnapshot.all().count()
    again = ForecastSnapshot(**{name: getattr(row, name) for name in row._meta.db_fields if name != "id"})
    again.expected += 1
    await forecast_snapshots.keep([again])

    assert await ForecastSnapshot.all().count() == count
    assert (await ForecastSnapshot.get(id=row.id)).expected == row.expected
    assert row.day == (world.now + timedelta(hours=1)).date()
