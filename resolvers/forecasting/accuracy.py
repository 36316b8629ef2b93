"""Forecast accuracy of a scope: its past forecasts, computed from what was known then, against the actual outcome."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import BacktestForecast, Horizon, actual_outcome, completed
from domain.forecasting.baselines import WEIGHTED_PIPELINE
from domain.forecasting.error_metrics import ErrorMetrics, ForecastOutcome, compute_error_metrics
from domain.forecasting.goal_chances import ChanceReliability, compute_reliability
from domain.forecasting.seasonality import last_day, month_of
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import BacktestData
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.forecasting.forecasts import Forecast
from resolvers.request.context import RequestContext

MAX_ORIGINS: Final = 12  # origins that are tested
MAX_WAIT_SECONDS: Final = 5.0  # a cold process needs longer than a request may take; it goes on after the answer
QUARTERLY_MIN_DAYS: Final = 46  # days of a period from which quarterly forecasts are tested


@dataclass(frozen=True)
class Accuracy:
    """Error metrics in percent, over `periods` past periods.

    goal_reliability  of the probabilities of goals near the last results, as calibrated then
    """

    periods: int
    wape: float
    bias_percent: float
    interval_coverage_percent: float
    weighted_pipeline_wape: float
    goal_reliability: list[ChanceReliability]


class AccuracyState(StrEnum):
    """Whether the accuracy is there, still being computed, or impossible since no past period can be compared."""

    READY = "READY"
    COMPUTING = "COMPUTING"
    NO_PAST = "NO_PAST"


async def get_accuracy(context: RequestContext, forecast: Forecast) -> tuple[AccuracyState, Accuracy | None]:
    """Return the accuracy, unless it is still being computed after a few seconds: then a later request gets it.

    The months of the past are computed one after the other by tasks of the engine, which are not cancelled here.
    """
    try:
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            accuracy = await measure_accuracy(context, forecast)
    except TimeoutError:
        return AccuracyState.COMPUTING, None
    return (AccuracyState.NO_PAST if accuracy is None else AccuracyState.READY), accuracy


async def measure_accuracy(context: RequestContext, forecast: Forecast) -> Accuracy | None:
    """Return the accuracy of the scope's monthly (for a long period: quarterly) forecasts; None without a past.

    Memoized until the day ends or the past changes.
    """
    engine, data = get_forecast_engine(context), await backtests.load_backtest_data(context, forecast.basis)
    horizon = Horizon.QUARTER if forecast.period.days >= QUARTERLY_MIN_DAYS else Horizon.MONTH
    scope = forecast.scope.key

    async def measure() -> Accuracy | None:
        forecasts: list[BacktestForecast] = []
        for origin in await engine.run_in_worker(partial(_origins, data)):
            by_scope = await backtests.load_forecasts_at(context, data, origin, forecast.basis)
            forecasts += [
                scope_forecast for scope_forecast in by_scope.get(scope, ()) if scope_forecast.horizon is horizon
            ]
        return await engine.run_in_worker(partial(_score, data, forecasts))

    return await engine.memoize(
        ("accuracy", data.snapshot.past_version, data.snapshot.today, forecast.basis, horizon, scope), measure
    )


def _origins(data: BacktestData) -> list[int]:
    """Return the recent month ends by which a deal had been closed and after which a whole month has passed."""
    closed = data.table.closed[data.table.closed != NEVER]
    if not len(closed):
        return []
    last = month_of(data.snapshot.today) - 2  # the month after it must be over
    return [last_day(month) for month in range(max(month_of(int(closed.min())), last - MAX_ORIGINS + 1), last + 1)]


def _score(data: BacktestData, forecasts: list[BacktestForecast]) -> Accuracy | None:
    forecasts = completed(data.table, forecasts, data.snapshot.today - 1)
    outcomes = [actual_outcome(data.table, forecast) for forecast in forecasts]
    forecasts_and_outcomes = list(zip(forecasts, outcomes, strict=True))
    model_metrics = compute_error_metrics(
        [
            ForecastOutcome(forecast.low, forecast.median, forecast.high, float(forecast.mean), outcome)
            for forecast, outcome in forecasts_and_outcomes
        ]
    )
    weighted_pipeline = [
        (baseline, outcome)
        for forecast, outcome in forecasts_and_outcomes
        for baseline in forecast.baselines
        if baseline.name == WEIGHTED_PIPELINE
    ]
    baseline_metrics = compute_error_metrics(
        [ForecastOutcome(*baseline.quantiles, baseline.value, outcome) for baseline, outcome in weighted_pipeline]
    )
    if model_metrics is None or baseline_metrics is None:
        return None
    reliability = compute_reliability((forecast.goal_chances, outcome) for forecast, outcome in forecasts_and_outcomes)
    return _to_accuracy(model_metrics, baseline_metrics, reliability)


def _to_accuracy(
    model_metrics: ErrorMetrics, baseline_metrics: ErrorMetrics, goal_reliability: list[ChanceReliability]
) -> Accuracy:
    return Accuracy(
        model_metrics.count,
        100 * model_metrics.wape,
        100 * model_metrics.bias,
        100 * model_metrics.coverage,
        100 * baseline_metrics.wape,
        goal_reliability,
    )
