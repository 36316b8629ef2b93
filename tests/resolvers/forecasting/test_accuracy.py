"""Tests of the accuracy of past forecasts: what it says, that it is computed once, and what is answered meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.forecasting.backtest import BacktestForecast
from domain.forecasting.cooperative import Steps
from resolvers.forecasting.backtests import BacktestData, ScopeKey
from tests.resolvers.forecasting.half_year_company import seasoned_company
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal
from tests.world import World

NEXT_MONTH = {"kind": "MONTH", "offset": 1}
NEXT_QUARTER = {"kind": "QUARTER", "offset": 1}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned_company() as world:
        yield world


@pytest.fixture
async def any_database(usual_database_url: str) -> AsyncIterator[World]:
    async with seasoned_company(usual_database_url) as world:
        yield world


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.forecasting.accuracy.MAX_WAIT_SECONDS", 60)


async def record_open_deal(world: World) -> str:
    payload = await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "400"})
    return str(payload["deal"]["id"])


async def test_forecast_has_accuracy_of_past_forecasts(any_database: World) -> None:
    document = """query($period: PeriodInput, $scope: ID) { forecast(period: $period, scope: $scope) { accuracy {
      periods wape biasPercent intervalCoveragePercent weightedPipelineWape
      goalReliability { lowPercent highPercent predictedPercent reachedPercent goals } } } }"""
    for scope in ("company", "North", "Ann"):
        accuracy = (await any_database.query(document, scope=any_database.global_ids[scope], period=NEXT_MONTH))[
            "forecast"
        ]["accuracy"]

        assert accuracy["periods"] == 4  # two of the six complete months are needed as history
        assert 0 < accuracy["wape"] < 100
        assert 0 <= accuracy["intervalCoveragePercent"] <= 100
        assert accuracy["weightedPipelineWape"] > 0
        reliability = accuracy["goalReliability"]
        assert 0 < sum(item["goals"] for item in reliability) <= 4 * 10  # ten goals for each period
        for item in reliability:
            assert item["lowPercent"] <= item["predictedPercent"] <= item["highPercent"]
            assert 0 <= item["reachedPercent"] <= 100


async def test_accuracy_of_a_quarter_uses_quarterly_forecasts(world: World) -> None:
    document = "query($period: PeriodInput) { forecast(period: $period) { accuracy { periods } } }"

    assert (await world.query(document, period=NEXT_QUARTER))["forecast"]["accuracy"]["periods"] == 2


async def test_accuracy_is_computed_once_for_all_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    origins: list[int] = []

    def record_origin(data: BacktestData, origin: int) -> Steps[dict[ScopeKey, list[BacktestForecast]]]:
        origins.append(origin)
        return (yield from forecast_origin(data, origin))

    forecast_origin = BacktestData.forecast_origin
    monkeypatch.setattr(BacktestData, "forecast_origin", record_origin)
    twenty = " ".join(f"a{n}: forecast(period: $p) {{ accuracy {{ periods wape }} }}" for n in range(20))
    document = f"query($p: PeriodInput) {{ {twenty} teams {{ members {{ forecast(period: $p) {{ accuracy {{ wape }} }} }} }} }}"

    first = await world.query(document, p=NEXT_MONTH)
    assert len(origins) == len(set(origins)) > 3
    await world.mutate(
        "winDeal", "Ann", id=await record_open_deal(world)
    )  # a change of today leaves the past as it was
    assert await world.query(document, p=NEXT_MONTH) == first
    assert len(origins) == len(set(origins))
    await record_won_deal(world, "Ann", "50", closedAt=(world.now - timedelta(days=40)).isoformat())

    assert (await world.query(document, p=NEXT_MONTH))["a0"] != first["a0"]
    assert len(origins) == 2 * len(set(origins))


async def test_accuracy_is_null_without_history() -> None:
    async with open_world_with_two_sellers() as world:
        assert (await world.query("{ forecast { accuracy { wape } accuracyState } }"))["forecast"] == {
            "accuracy": None,
            "accuracyState": "NO_PAST",
        }


async def test_accuracy_that_takes_long_is_announced_and_given_to_a_later_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = "query($p: PeriodInput) { forecast(period: $p) { accuracyState accuracy { periods } } }"
    monkeypatch.setattr("resolvers.forecasting.accuracy.MAX_WAIT_SECONDS", 0.01)
    first = await world.query(document, p=NEXT_MONTH)
    monkeypatch.setattr("resolvers.forecasting.accuracy.MAX_WAIT_SECONDS", 60)

    later = await world.query(document, p=NEXT_MONTH)

    assert first["forecast"] == {"accuracyState": "COMPUTING", "accuracy": None}
    assert later["forecast"] == {"accuracyState": "READY", "accuracy": {"periods": 4}}
