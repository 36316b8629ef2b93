"""Forecast accuracy of a scope: its past forecasts, computed from what was known then, against the actual outcome."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import Horizon, Made, came, over
from domain.forecasting.baselines import WEIGHTED
from domain.forecasting.error_metrics import Scored, Scores, scores
from domain.forecasting.seasonality import last_day, month_of
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import Past
from resolvers.forecasting.forecast_engine import forecaster
from resolvers.forecasting.forecasts import Forecast
from resolvers.request.context import Context

_MONTH_ENDS: Final = 12  # origins that are tested
_QUARTERLY_FROM: Final = 46  # days of a period from which quarterly forecasts are tested


@dataclass(frozen=True)
class Accuracy:
    """Error metrics in percent, over `periods` past periods."""

    periods: int
    wape: float
    bias_percent: float
    interval_coverage_percent: float
    weighted_pipeline_wape: float


async def of(context: Context, forecast: Forecast) -> Accuracy | None:
    """Return the accuracy of the scope's monthly (for a long period: quarterly) forecasts; None without a past.

    Memoized until the day ends or the past changes.
    """
    desk, past = forecaster(context), await backtests.past(context, forecast.basis)
    horizon = Horizon.QUARTER if forecast.period.days >= _QUARTERLY_FROM else Horizon.MONTH
    scope = forecast.scope.kind, forecast.scope.number

    async def work() -> Accuracy | None:
        made: list[Made] = []
        for origin in await desk.in_thread(partial(_origins, past)):
            by_scope = await backtests.of(context, past, origin, forecast.basis)
            made += [each for each in by_scope.get(scope, ()) if each.horizon is horizon]
        return await desk.in_thread(partial(_scored, past, made))

    return await desk.once(("accuracy", past.known.past, past.known.today, forecast.basis, horizon, scope), work)


def _origins(past: Past) -> list[int]:
    """Return the recent month ends by which a deal had been closed and whose next month is over."""
    closed = past.table.closed[past.table.closed != NEVER]
    if not len(closed):
        return []
    last = month_of(past.known.today) - 2  # the month after it must be over
    return [last_day(month) for month in range(max(month_of(int(closed.min())), last - _MONTH_ENDS + 1), last + 1)]


def _scored(past: Past, made: list[Made]) -> Accuracy | None:
    made = over(past.table, made, past.known.today - 1)
    actual = [came(past.table, each) for each in made]
    pairs = list(zip(made, actual, strict=True))
    ours = scores([Scored(each.low, each.median, each.high, float(each.mean), value) for each, value in pairs])
    weighted = [(guess, value) for each, value in pairs for guess in each.guesses if guess.name == WEIGHTED]
    plain = scores([Scored(*guess.quantiles, guess.value, value) for guess, value in weighted])
    return _percent(ours, plain) if ours and plain else None


def _percent(ours: Scores, plain: Scores) -> Accuracy:
    return Accuracy(ours.count, 100 * ours.wape, 100 * ours.bias, 100 * ours.coverage, 100 * plain.wape)
