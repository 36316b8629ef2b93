"""Acceptance tests of the forecast on the maven_crm data: error targets, better than the baselines, no look-ahead."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import AsyncIterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.forecasting.backtest import (
    MODEL_NAME,
    BacktestForecast,
    Horizon,
    Level,
    completed,
    error_metrics_by_method,
    list_month_ends,
)
from imports import map_file
from imports.importer import Importer, find_sources
from imports.rejected_rows import RejectedRows
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import BacktestData
from tests.world import World, open_world

DATA_DIRECTORY = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
pytestmark = pytest.mark.skipif(not DATA_DIRECTORY.is_dir(), reason="the maven_crm set is not there")

ORIGINS = list_month_ends(date(2017, 4, 30), date(2017, 11, 30))
MASK_DAY = date(2017, 8, 31)
MONTH, QUARTER = Horizon.MONTH, Horizon.QUARTER
COMPANY, TEAMS, SELLERS = Level.COMPANY, Level.TEAMS, Level.SELLERS
MAX_WAPE = {
    (MONTH, COMPANY): 0.070, (MONTH, TEAMS): 0.185, (MONTH, SELLERS): 0.335,
    (QUARTER, COMPANY): 0.080, (QUARTER, TEAMS): 0.148, (QUARTER, SELLERS): 0.245,
}  # fmt: skip
MAX_WIS = {
    (MONTH, COMPANY): 0.055, (MONTH, TEAMS): 0.122, (MONTH, SELLERS): 0.210,
    (QUARTER, COMPANY): 0.060, (QUARTER, TEAMS): 0.102, (QUARTER, SELLERS): 0.155,
}  # fmt: skip
EACH_HORIZON_AND_LEVEL = pytest.mark.parametrize(("horizon", "level"), MAX_WAPE, ids=lambda value: value.value)


async def import_data(world: World, source: Path, rejects: Path) -> None:
    map_ = map_file.load_map("maven")
    files, _ = find_sources(source, map_)
    with RejectedRows(rejects) as rejected:
        await Importer(await world.authenticated_context("admin"), map_, rejected, lambda _: None).run(files)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full_data_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world("sqlite://:memory:", currency="USD") as world:
        await import_data(world, DATA_DIRECTORY, tmp_path_factory.mktemp("maven") / "rejects.csv")
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backtest_result(full_data_world: World) -> tuple[BacktestData, list[BacktestForecast]]:
    return await backtests.run_backtest(await full_data_world.authenticated_context("admin"), ORIGINS)


@pytest.fixture(scope="module")
def metrics_by_level(backtest_result: tuple[BacktestData, list[BacktestForecast]]) -> Any:
    data, forecasts = backtest_result
    completed_forecasts = completed(data.table, forecasts, data.snapshot.today)
    return {key: error_metrics_by_method(data.table, completed_forecasts, key[1], key[0]) for key in MAX_WAPE}


@EACH_HORIZON_AND_LEVEL
def test_forecast_error_is_within_the_target(metrics_by_level: Any, horizon: Horizon, level: Level) -> None:
    model_metrics = metrics_by_level[horizon, level][MODEL_NAME]

    assert max(model_metrics.wape, model_metrics.wape_median) <= MAX_WAPE[horizon, level]
    assert model_metrics.wis <= MAX_WIS[horizon, level]


@EACH_HORIZON_AND_LEVEL
def test_forecast_beats_every_baseline_for_managers_and_sellers(
    metrics_by_level: Any, horizon: Horizon, level: Level
) -> None:
    metrics = metrics_by_level[horizon, level]
    best_baseline_wis = min(scores.wis for name, scores in metrics.items() if name != MODEL_NAME)

    assert len(metrics) == 8
    assert metrics[MODEL_NAME].wis < best_baseline_wis or level is COMPANY


@EACH_HORIZON_AND_LEVEL
def test_forecast_bias_and_coverage_are_within_limits(metrics_by_level: Any, horizon: Horizon, level: Level) -> None:
    model_metrics = metrics_by_level[horizon, level][MODEL_NAME]

    assert abs(model_metrics.bias) <= 0.06
    if level is SELLERS:
        assert 0.72 <= model_metrics.coverage <= 0.88
    if level is TEAMS:
        assert 0.65 <= model_metrics.coverage <= 0.92


def test_backtest_compares_the_expected_number_of_forecasts(metrics_by_level: Any) -> None:
    assert {key: metrics[MODEL_NAME].count for key, metrics in metrics_by_level.items()} == {
        (MONTH, COMPANY): 8, (MONTH, TEAMS): 48, (MONTH, SELLERS): 240,
        (QUARTER, COMPANY): 6, (QUARTER, TEAMS): 36, (QUARTER, SELLERS): 180,
    }  # fmt: skip


def test_quantiles_are_ordered_and_not_negative(backtest_result: tuple[BacktestData, list[BacktestForecast]]) -> None:
    for forecast in backtest_result[1]:
        assert 0 <= forecast.low <= forecast.median <= forecast.high


def test_means_of_sellers_and_teams_sum_to_the_company_exactly(
    backtest_result: tuple[BacktestData, list[BacktestForecast]],
) -> None:
    sums: dict[Any, dict[Level, Fraction]] = {}
    for forecast in backtest_result[1]:
        sums_by_level = sums.setdefault((forecast.origin, forecast.horizon), {})
        sums_by_level[forecast.group.level] = sums_by_level.get(forecast.group.level, Fraction(0)) + forecast.mean

    assert len(sums) == 2 * len(ORIGINS)
    assert all(len(set(sums_by_level.values())) == 1 for sums_by_level in sums.values())


def sortable(forecasts: list[BacktestForecast]) -> list[Any]:
    return sorted(
        (
            forecast.origin,
            forecast.horizon,
            forecast.group.name,
            forecast.low,
            forecast.median,
            forecast.high,
            forecast.mean,
        )
        for forecast in forecasts
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_forecast_is_equal_from_a_database_masked_at_the_origin(
    backtest_result: tuple[BacktestData, list[BacktestForecast]], tmp_path: Path
) -> None:
    """Also with the rows in another order: the same numbers to the last digit."""
    masked = tmp_path / "masked"
    shutil.copytree(DATA_DIRECTORY, masked)
    (masked / "sales_pipeline.csv").chmod(0o644)
    with (DATA_DIRECTORY / "sales_pipeline.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["engage_date"] and row["engage_date"] <= MASK_DAY.isoformat()
        ]
    for row in rows:
        if not row["close_date"] or row["close_date"] > MASK_DAY.isoformat():
            row.update(deal_stage="Engaging", close_date="", close_value="")
    random.Random(1).shuffle(rows)
    masked.chmod(0o755)
    with (masked / "sales_pipeline.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    async with open_world("sqlite://:memory:", currency="USD") as world:
        await import_data(world, masked, tmp_path / "rejects.csv")

        _, forecasts = await backtests.run_backtest(await world.authenticated_context("admin"), [MASK_DAY.toordinal()])

    assert sortable(forecasts) == sortable(
        [forecast for forecast in backtest_result[1] if forecast.origin == MASK_DAY.toordinal()]
    )
    assert len(forecasts) == 80
