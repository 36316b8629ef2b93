"""Back-tests of generated worlds: this forecast, the oracle, the best learner, and five plain ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from domain.forecasting.backtest import MODEL_NAME, Horizon, Level, SellerGroup, actual_outcome, forecast_origin
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.error_metrics import ErrorMetrics, ForecastOutcome, compute_error_metrics
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.best_learners import Learner
from tests.domain.forecasting.generated_worlds import World
from tests.domain.forecasting.synthetic_companies import CALENDAR, START

ORACLE = "oracle"
LEARNER = "best learner"
PLAIN_WAYS = ("last value", "mean of 3 months", "mean of all months", "seasonal naive", "seasonal mean")
LEVELS = (Level.COMPANY, Level.TEAMS, Level.SELLERS)
_LEARNER_DRAWS = 300
Key = TypeVar("Key")


def world_groups(sellers: int) -> list[SellerGroup]:
    """Return the company, teams of four and the sellers."""
    single = np.eye(sellers, dtype=bool)
    teams = [single[start : start + 4].any(axis=0) for start in range(0, sellers, 4)]
    return [
        SellerGroup("company", Level.COMPANY, np.ones(sellers, bool)),
        *(SellerGroup(f"team {n}", Level.TEAMS, mask) for n, mask in enumerate(teams)),
        *(SellerGroup(f"seller {n}", Level.SELLERS, mask) for n, mask in enumerate(single)),
    ]


@dataclass(frozen=True)
class WorldMetrics:
    """Error metrics of every method, over all worlds and origins.

    by_level  compared with what came, of each horizon, level and method
    expected  of the company, compared with what may come: each draw of the oracle is an outcome. So much chance is left
              out that a few origins suffice
    """

    by_level: dict[tuple[Horizon, Level, str], ErrorMetrics]
    expected: dict[tuple[Horizon, str], ErrorMetrics]


def backtest_worlds(worlds: list[World], months: range, draws: int, learner: Learner | None = None) -> WorldMetrics:
    """Back-test the worlds, all of one kind, at the ends of these months of the simulation.

    draws    how many windows the oracle and the learner draw for each origin and horizon
    learner  the best learner of this kind, whose forecasts of the company are compared too
    """
    outcomes: dict[tuple[Horizon, Level, str], list[ForecastOutcome]] = {}
    expected: dict[tuple[Horizon, str], list[ForecastOutcome]] = {}
    for number, world in enumerate(worlds):
        groups = world_groups(world.sellers)
        names = [f"seller {n}" for n in range(world.sellers)]
        active = np.ones(world.sellers, bool)
        rng = np.random.default_rng(number)
        for month in months:
            origin = last_day(month_of(START) + month)
            oracle: dict[Horizon, np.ndarray] = {}
            for item in run_to_completion(forecast_origin(world.table, origin, CALENDAR, names, active, groups)):
                if item.horizon not in oracle:
                    oracle[item.horizon] = world.draw_windows(rng, origin, *item.days, draws)
                totals = oracle[item.horizon][:, item.group.members].sum(axis=1)
                actual = actual_outcome(world.table, item)
                by_method: dict[str, tuple[float, ...]] = {
                    MODEL_NAME: (item.low, item.median, item.high, float(item.mean)),
                    ORACLE: summarize(totals),
                } | {way.name: (*way.quantiles, way.value) for way in item.baselines}
                is_company = item.group.level is Level.COMPANY
                if learner is not None and is_company:
                    by_method[LEARNER] = summarize(
                        learner.draw_windows(rng, world.table, origin, *item.days, _LEARNER_DRAWS)
                    )
                for method, (low, median, high, mean) in by_method.items():
                    key = (item.horizon, item.group.level, method)
                    outcomes.setdefault(key, []).append(ForecastOutcome(low, median, high, mean, actual))
                    if is_company:
                        expected.setdefault((item.horizon, method), []).extend(
                            ForecastOutcome(low, median, high, mean, total) for total in totals.tolist()
                        )
    return WorldMetrics(_compute_metrics(outcomes), _compute_metrics(expected))


def summarize(draws: np.ndarray) -> tuple[float, ...]:
    """Return p10, p50, p90 and mean."""
    return (*np.quantile(draws, (0.1, 0.5, 0.9)).tolist(), float(draws.mean()))


def _compute_metrics(outcomes: dict[Key, list[ForecastOutcome]]) -> dict[Key, ErrorMetrics]:
    metrics = {key: compute_error_metrics(items) for key, items in outcomes.items()}
    return {key: values for key, values in metrics.items() if values is not None}
