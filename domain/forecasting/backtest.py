"""Back-test: forecasts of past periods, made only from what was known then, compared with the actual outcome.

An origin is a day, usually the last of a month. At its end the next calendar month is forecast, and the next three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools
from domain.forecasting.baselines import BaselineForecast, Baselines
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, known_at
from domain.forecasting.error_metrics import ErrorMetrics, ForecastOutcome, compute_error_metrics
from domain.forecasting.forecast import Confidence, FittedModel
from domain.forecasting.goal_chances import GoalChance, list_goal_chances
from domain.forecasting.past_goals import calibrate_goals
from domain.forecasting.seasonality import first_day, last_day, month_of
from domain.forecasting.training import ModelTrainer
from domain.primitives.calendar import Calendar


class Horizon(StrEnum):
    MONTH = "month"
    QUARTER = "quarter"


HORIZON_MONTHS: Final[Mapping[Horizon, int]] = {Horizon.MONTH: 1, Horizon.QUARTER: 3}
MODEL_NAME: Final = "this forecast"
_GROUPS_PER_STEP: Final = 24  # groups per step


class Level(StrEnum):
    COMPANY = "company"
    TEAMS = "teams"
    SELLERS = "sellers"
    PARENT_TEAMS = "teams of teams"


@dataclass(frozen=True)
class SellerGroup:
    """A group of sellers to forecast: its display name, its level, and which sellers belong to it, shape (sellers,)."""

    name: str
    level: Level
    members: Bools


@dataclass(frozen=True)
class BacktestForecast:
    """One forecast of a group made at an origin, in the smallest unit.

    baselines     the baseline forecasts beside it
    goal_chances  the probabilities of targets that a plan might have set then
    """

    origin: int
    horizon: Horizon
    group: SellerGroup
    low: float
    median: float
    high: float
    mean: Fraction
    baselines: tuple[BaselineForecast, ...]
    goal_chances: tuple[GoalChance, ...]

    @property
    def days(self) -> tuple[int, int]:
        """First and last day of the forecast period."""
        return _forecast_days(self.origin, self.horizon)


def _forecast_days(origin: int, horizon: Horizon) -> tuple[int, int]:
    month = month_of(origin)
    return first_day(month + 1), last_day(month + HORIZON_MONTHS[horizon])


def list_month_ends(first: date, last: date) -> list[int]:
    """Return the month ends from `first` to `last`, both included, as ordinals."""
    months = range(month_of(first.toordinal()), month_of(last.toordinal()) + 1)
    ends = [last_day(month) for month in months]
    return [end for end in ends if first.toordinal() <= end <= last.toordinal()]


def forecast_origin(
    table: DealTable,
    origin: int,
    calendar: Calendar,
    sellers: Sequence[str],
    active: Bools,
    groups: Sequence[SellerGroup],
    horizons: Iterable[Horizon] = tuple(Horizon),
) -> Steps[list[BacktestForecast]]:
    """Compute what would have been forecast at the end of day `origin`; empty if there was too little history.

    table            all deals; everything after the origin is masked first
    sellers, active  as for `FittedModel` and `ModelTrainer`, as known at the origin
    groups           the groups to forecast
    horizons         the lengths of time to forecast, in their order
    """
    deals = known_at(table, origin)
    model = FittedModel(ModelTrainer(deals, origin, calendar, active), deals, sellers)
    yield
    if model.confidence is Confidence.NONE:
        return []
    results = []
    for horizon in horizons:
        days = _forecast_days(origin, horizon)
        calibration = yield from calibrate_goals(model, *days)
        window = yield from model.compute_window(*days, goal_calibration=calibration)
        seller_forecasts = window.forecast_sellers(deals)
        yield from seller_forecasts.draw(np.ones(len(sellers), dtype=np.bool_))
        baselines = Baselines(model.trainer, deals, seller_forecasts.amounts, days, HORIZON_MONTHS[horizon])
        for index, group in enumerate(groups):
            if index % _GROUPS_PER_STEP == 0:
                yield
            distribution = seller_forecasts.aggregate(group.members)
            group_baselines = tuple(baselines.forecast(group.members))
            results.append(
                BacktestForecast(
                    origin,
                    horizon,
                    group,
                    *distribution.quantiles,
                    distribution.mean,
                    group_baselines,
                    list_goal_chances(distribution, group_baselines),
                )
            )
    return results


def actual_outcome(table: DealTable, forecast: BacktestForecast) -> float:
    """Return the amount that the group actually won in the forecast period, in the smallest unit."""
    first, last = forecast.days
    won = table.won & (table.closed >= first) & (table.closed <= last) & (table.deleted == NEVER)
    return float(table.worth[won & forecast.group.members[table.seller]].sum())


def completed(table: DealTable, forecasts: Sequence[BacktestForecast], until: int) -> list[BacktestForecast]:
    """Return the forecasts of periods that had ended by the day `until` and by the last recorded event of any deal."""
    event_days = np.concatenate([table.created, table.closed[table.closed != NEVER], [0]])
    end = min(until, int(event_days.max()))
    return [forecast for forecast in forecasts if forecast.days[1] <= end]


def error_metrics_by_method(
    table: DealTable, forecasts: Sequence[BacktestForecast], level: Level, horizon: Horizon
) -> dict[str, ErrorMetrics]:
    """Return the error metrics of the model and of each baseline, by name, over all groups of a level."""
    selected = [forecast for forecast in forecasts if forecast.group.level is level and forecast.horizon is horizon]
    actual = [actual_outcome(table, forecast) for forecast in selected]
    outcomes: dict[str, list[ForecastOutcome]] = {MODEL_NAME: []}
    for forecast, outcome in zip(selected, actual, strict=True):
        outcomes[MODEL_NAME].append(
            ForecastOutcome(forecast.low, forecast.median, forecast.high, float(forecast.mean), outcome)
        )
        for baseline in forecast.baselines:
            outcomes.setdefault(baseline.name, []).append(ForecastOutcome(*baseline.quantiles, baseline.value, outcome))
    metrics = {name: compute_error_metrics(method_outcomes) for name, method_outcomes in outcomes.items()}
    return {name: method_metrics for name, method_metrics in metrics.items() if method_metrics is not None}
