"""Looks up a metric by its key."""

from __future__ import annotations

from domain.errors.user_errors import NotFound
from domain.ledger.metrics import Metric
from resolvers.request.context import RequestContext


async def find_metric(context: RequestContext, key: str, *path: str) -> Metric:
    """Return the metric with the key. Raises NotFound with `path` if there is none."""
    metric_found = (await context.metrics()).get(key)
    if metric_found is None:
        raise NotFound("There is no such metric; `metrics` lists them.", *path)
    return metric_found
