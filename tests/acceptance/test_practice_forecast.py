"""Acceptance tests of the forecast on the practice sets: error targets, better than the baselines, no look-ahead."""

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
    actual_outcome,
    completed,
    error_metrics_by_method,
    list_month_ends,
)
from domain.forecasting.goal_chances import compute_reliability
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import BacktestData
from tests.practice_set.practice_sets import GENERATED, MAVEN, PracticeSet, import_practice_set
from tests.world import World, open_world

ORIGINS = list_month_ends(date(2017, 4, 30), date(2017, 11, 30))
MASK_DAY = date(2017, 8, 31)
MONTH, QUARTER = Horizon.MONTH, Horizon.QUARTER
COMPANY, TEAMS, SELLERS = Level.COMPANY, Level.TEAMS, Level.SELLERS
MAX_WAPE = {
    MAVEN: {
        (MONTH, COMPANY): 0.070, (MONTH, TEAMS): 0.185, (MONTH, SELLERS): 0.335,
        (QUARTER, COMPANY): 0.080, (QUARTER, TEAMS): 0.148, (QUARTER, SELLERS): 0.245,
    },
    GENERATED: {  # some 60 wins a month: chance alone makes 13 % of their amount at least
        (MONTH, COMPANY): 0.135, (MONTH, TEAMS): 0.185, (MONTH, SELLERS): 0.360,
        (QUARTER, COMPANY): 0.080, (QUARTER, TEAMS): 0.100, (QUARTER, SELLERS): 0.225,
    },
}  # fmt: skip
MAX_WIS = {
    MAVEN: {
        (MONTH, COMPANY): 0.045, (MONTH, TEAMS): 0.122, (MONTH, SELLERS): 0.210,
        (QUARTER, COMPANY): 0.035, (QUARTER, TEAMS): 0.102, (QUARTER, SELLERS): 0.155,
    },
    GENERATED: {
        (MONTH, COMPANY): 0.085, (MONTH, TEAMS): 0.115, (MONTH, SELLERS): 0.230,
        (QUARTER, COMPANY): 0.060, (QUARTER, TEAMS): 0.070, (QUARTER, SELLERS): 0.140,
    },
}  # fmt: skip
MAX_COVERAGE = {
    MAVEN: {TEAMS: 0.92, SELLERS: 0.88},
    GENERATED: {TEAMS: 1.0, SELLERS: 0.92},
}  # of 24 and of 96 forecasts
EACH_HORIZON_AND_LEVEL = pytest.mark.parametrize(
    ("horizon", "level"), MAX_WAPE[GENERATED], ids=lambda value: value.value
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full_data_world(practice_set: PracticeSet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world("sqlite://:memory:", currency="USD") as world:
        await import_practice_set(world, practice_set.folder, tmp_path_factory.mktemp("rejects") / "rejects.csv")
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backtest_result(full_data_world: World) -> tuple[BacktestData, list[BacktestForecast]]:
    return await backtests.run_backtest(await full_data_world.authenticated_context("admin"), ORIGINS)


@pytest.fixture(scope="module")
def metrics_by_level(backtest_result: tuple[BacktestData, list[BacktestForecast]]) -> Any:
    data, forecasts = backtest_result
    completed_forecasts = completed(data.table, forecasts, data.snapshot.today)
    return {
        key: error_metrics_by_method(data.table, completed_forecasts, key[1], key[0]) for key in MAX_WAPE[GENERATED]
    }


@EACH_HORIZON_AND_LEVEL
def test_forecast_error_is_within_the_target(
    practice_set: PracticeSet, metrics_by_level: Any, horizon: Horizon, level: Level
) -> None:
    model_metrics = metrics_by_level[horizon, level][MODEL_NAME]

    assert max(model_metrics.wape, model_metrics.wape_median) <= MAX_WAPE[practice_set.name][horizon, level]
    assert model_metrics.wis <= MAX_WIS[practice_set.name][horizon, level]


@EACH_HORIZON_AND_LEVEL
def test_forecast_beats_every_baseline_for_managers_and_sellers(
    metrics_by_level: Any, horizon: Horizon, level: Level
) -> None:
    metrics = metrics_by_level[horizon, level]
    best_baseline_wis = min(scores.wis for name, scores in metrics.items() if name != MODEL_NAME)

    assert len(metrics) == 8
    assert metrics[MODEL_NAME].wis < best_baseline_wis or level is COMPANY


@EACH_HORIZON_AND_LEVEL
def test_forecast_bias_and_coverage_are_within_limits(
    practice_set: PracticeSet, metrics_by_level: Any, horizon: Horizon, level: Level
) -> None:
    model_metrics = metrics_by_level[horizon, level][MODEL_NAME]

    assert abs(model_metrics.bias) <= 0.06
    if level is SELLERS:
        assert 0.72 <= model_metrics.coverage <= MAX_COVERAGE[practice_set.name][level]
    if level is TEAMS:
        assert 0.65 <= model_metrics.coverage <= MAX_COVERAGE[practice_set.name][level]


def test_backtest_compares_the_expected_number_of_forecasts(
    metrics_by_level: Any, expected_numbers: dict[str, Any]
) -> None:
    teams, sellers = len(expected_numbers["managers"]), len(expected_numbers["agents"])

    assert {key: metrics[MODEL_NAME].count for key, metrics in metrics_by_level.items()} == {
        (MONTH, COMPANY): 8, (MONTH, TEAMS): 8 * teams, (MONTH, SELLERS): 8 * sellers,
        (QUARTER, COMPANY): 6, (QUARTER, TEAMS): 6 * teams, (QUARTER, SELLERS): 6 * sellers,
    }  # fmt: skip


def test_goals_said_to_be_reached_with_70_to_80_percent_are_reached_as_often(
    backtest_result: tuple[BacktestData, list[BacktestForecast]],
) -> None:
    data, forecasts = backtest_result
    reliability = compute_reliability(
        (forecast.goal_chances, actual_outcome(data.table, forecast))
        for forecast in completed(data.table, forecasts, data.snapshot.today)
    )

    [likely] = [item for item in reliability if (item.low, item.high) == (0.7, 0.8)]
    assert likely.count > 100
    assert 0.65 <= likely.reached <= 0.85


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
    practice_set: PracticeSet, backtest_result: tuple[BacktestData, list[BacktestForecast]], tmp_path: Path
) -> None:
    """Also with the rows in another order: the same numbers to the last digit."""
    masked = tmp_path / "masked"
    shutil.copytree(practice_set.folder, masked)
    (masked / "sales_pipeline.csv").chmod(0o644)
    with (practice_set.folder / "sales_pipeline.csv").open() as file:
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
        await import_practice_set(world, masked, tmp_path / "rejects.csv")

        _, forecasts = await backtests.run_backtest(await world.authenticated_context("admin"), [MASK_DAY.toordinal()])

    assert sortable(forecasts) == sortable(
        [forecast for forecast in backtest_result[1] if forecast.origin == MASK_DAY.toordinal()]
    )
    scopes = 1 + sum(len(practice_set.expected_numbers[key]) for key in ("regions", "managers", "agents"))
    assert len(forecasts) == 2 * scopes
