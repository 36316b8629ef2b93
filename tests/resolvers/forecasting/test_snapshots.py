"""Tests of the daily forecast snapshots: stored once a day, readable later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.primitives.global_ids import decode_global_id
from models.forecasting import pipeline_snapshots
from models.forecasting import snapshots as forecast_snapshots
from models.forecasting.pipeline_snapshots import PipelineSnapshot
from models.forecasting.snapshots import ForecastSnapshot
from models.organization.people import load_team_tree
from resolvers.forecasting import snapshots
from resolvers.forecasting.forecasts import MoneyBasis
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from tests.databases import on_both_databases
from tests.resolvers.forecasting.half_year_company import forecast, seasoned_company
from tests.resolvers.two_sellers import record_won_deal
from tests.world import World

SNAPSHOTS_QUERY = """query($scope: ID) { forecast(scope: $scope) {
  expected saidBefore { day booked expected low median high } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with seasoned_company(usual_database_url) as world:
        yield world


async def scheduler_context(world: World) -> RequestContext:
    context = world.build_context()
    context.current_viewer = Viewer.for_scheduler(await load_team_tree())
    return context


@on_both_databases
async def test_snapshots_are_stored_once_a_day_for_company_and_teams(world: World) -> None:
    first = await forecast(world)
    assert await snapshots.take_snapshots(await scheduler_context(world))
    assert not await snapshots.take_snapshots(await scheduler_context(world))
    await record_won_deal(world, "Ann", "5000")
    world.advance(days=1)
    second = await forecast(world)
    assert await snapshots.take_snapshots(await scheduler_context(world))

    snapshot_rows = (await world.query(SNAPSHOTS_QUERY))["forecast"]["saidBefore"]
    assert [snapshot["day"] for snapshot in snapshot_rows] == ["2026-11-18", "2026-11-19"]
    assert [snapshot["expected"] for snapshot in snapshot_rows] == [first["expected"], second["expected"]]
    assert Decimal(snapshot_rows[1]["booked"]) == Decimal(snapshot_rows[0]["booked"]) + 5000
    assert (
        len((await world.query(SNAPSHOTS_QUERY, "admin", scope=world.global_ids["North"]))["forecast"]["saidBefore"])
        == 2
    )


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("kind", ["MONTH", "QUARTER"])
@pytest.mark.parametrize("basis", list(MoneyBasis))
async def test_morning_keeps_of_each_employee_what_the_forecast_says(
    world: World, kind: str, offset: int, basis: MoneyBasis
) -> None:
    await snapshots.take_snapshots(await scheduler_context(world))
    stored = pipeline_snapshots.parse(await PipelineSnapshot.get(day=world.now.date())).forecasts

    for name in ("Ann", "Bob"):
        shown = await forecast(world, scope=name, period={"kind": kind, "offset": offset}, basis=basis)
        totals = next(
            of_period for key, of_period in stored.items() if key == "/".join((*shown["period"].values(), basis.value))
        )
        decoded = decode_global_id(world.global_ids[name])
        assert decoded is not None
        assert [*totals[f"EMPLOYEE:{decoded[1]}"]] == [
            int(Decimal(shown[part]) * 100) for part in ("booked", "expected")
        ]


@on_both_databases
async def test_snapshot_is_not_overwritten_by_a_second_process(world: World) -> None:
    await snapshots.take_snapshots(await scheduler_context(world))
    [row] = await ForecastSnapshot.filter(owner_id=0, basis="REVENUE").order_by("id").limit(1)
    count = await ForecastSnapshot.all().count()
    duplicate = ForecastSnapshot(**{name: getattr(row, name) for name in row._meta.db_fields if name != "id"})
    duplicate.expected += 1
    await forecast_snapshots.save_all([duplicate])

    assert await ForecastSnapshot.all().count() == count
    assert (await ForecastSnapshot.get(id=row.id)).expected == row.expected
    assert row.day == (world.now + timedelta(hours=1)).date()
