"""Forecasts of one metric and period for many scopes at once: of a scope, its teams and each of its sellers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.forecast import SellerForecasts
from domain.forecasting.metric_forecast import MetricWindow
from domain.ledger.metrics import Metric
from domain.permissions import Action
from domain.primitives.periods import Period
from models.forecasting.deal_tables import SellerIndex
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.goals.projection import DEAL_METRICS, can_see_projection, find_forecast_source
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached

_CHUNK_SIZE: Final = 512  # sellers with 1000 draws each, in 4 MB


@dataclass(frozen=True, eq=False)
class ScopeForecasts:
    """The forecast of what a metric still brings until the end of a period, by scope.

    scopes  those of which the viewer may see the forecast; the sellers of all of them have been drawn
    """

    source: SellerForecasts | MetricWindow
    sellers: SellerIndex
    tree: TeamTree
    scopes: Sequence[ScopeKey]

    def probabilities_of_at_least(self, amounts: Mapping[ScopeKey, int]) -> dict[ScopeKey, float]:
        """Return the probability that at least an amount comes, as the projection of a goal has it; by scope.

        amounts  of the scopes to compute
        """
        keys = [key for key in self.scopes if key in amounts]
        limits = np.array([amounts[key] for key in keys], dtype=np.float64)
        return self._compute(
            keys,
            lambda draws, rows: self.source.goal_calibration.correct(
                np.mean(draws >= limits[rows, np.newaxis], axis=1)
            ),
        )

    def medians(self) -> dict[ScopeKey, float]:
        """Return the 50th percentile of each scope."""
        return self._compute(self.scopes, lambda draws, _: np.quantile(draws, 0.5, axis=1))

    def means(self) -> dict[ScopeKey, float]:
        """Return the mean of each scope."""
        return self._compute(self.scopes, lambda draws, _: draws.mean(axis=1))

    def _compute(self, keys: Sequence[ScopeKey], function: Callable[[Floats, Ints], Floats]) -> dict[ScopeKey, float]:
        """Apply a function to the draws of the scopes: shape (scopes, DRAWS), with their positions in `keys`."""
        results = np.zeros(len(keys))
        for rows, draws in self._iterate_draws(keys):
            results[rows] = function(draws, rows)
        return dict(zip(keys, results.tolist(), strict=True))

    def _iterate_draws(self, keys: Sequence[ScopeKey]) -> Iterator[tuple[Ints, Floats]]:
        index_by_id = self.sellers.index_by_id
        seller_rows = [row for row, key in enumerate(keys) if key.employee_id in index_by_id]
        for start in range(0, len(seller_rows), _CHUNK_SIZE):
            rows = np.array(seller_rows[start : start + _CHUNK_SIZE])
            indexes = np.array([index_by_id[keys[row].id] for row in rows])
            yield rows, self.source.draws_of_sellers(indexes)
        for row in set(range(len(keys))).difference(seller_rows):
            members = self.sellers.mask_of_scope(keys[row], self.tree)
            yield np.array([row]), self.source.aggregate(members).draws[np.newaxis, :]


async def load_scope_forecasts(
    context: RequestContext,
    metrics: Sequence[Metric],
    scope: ScopeKey,
    keys: Sequence[ScopeKey],
    period: Period,
    as_of: datetime,
) -> dict[str, ScopeForecasts | None]:
    """Return the forecasts of each metric; None for one with too little history, or if the viewer may see none.

    scope  covers all of the `keys`
    """
    engine = get_forecast_engine(context)
    snapshot = await engine.snapshot(context)
    other_metrics = {metric.key for metric in metrics} - DEAL_METRICS.keys()
    histories = await engine.get_metric_histories(context, snapshot, other_metrics) if other_metrics else {}
    employee_ids = {key.employee_id for key in keys if key.employee_id is not None}
    forecast_ids = await filter_reached(context, Action.VIEW_FORECAST, employee_ids)
    forecasts: dict[str, ScopeForecasts | None] = {}
    for metric in metrics:
        visible_keys = [key for key in keys if can_see_projection(context, metric.key, key, forecast_ids)]
        source = None
        if visible_keys:
            source = await find_forecast_source(
                context, snapshot, histories, metric.key, metric.unit, scope, period, as_of
            )
        forecasts[metric.key] = (
            None if source is None else ScopeForecasts(source, snapshot.sellers, context.tree, visible_keys)
        )
    return forecasts
