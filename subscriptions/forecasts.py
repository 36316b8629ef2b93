"""Live forecasts: sent again when deals, goals or people change, and with each hour that is over of the running day."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from domain.primitives.working_time import next_share_of_day
from resolvers.forecasting import forecasts
from resolvers.forecasting.forecasts import Forecast, ForecastQuery
from subscriptions.core.stream_context import (
    RETRYABLE_ERRORS,
    StreamContext,
    next_day_start,
    refresh_viewer,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream


async def forecast(context: StreamContext, scope: str | None, query: ForecastQuery) -> AsyncGenerator[Forecast, None]:
    """Yield the current forecast, and again after each change of its values."""

    async def read() -> StateSnapshot[Forecast]:
        await refresh_viewer(context)
        next_step = next_share_of_day(context.now(), await context.calendar()) or await next_day_start(context)
        current = await forecasts.get_forecast(context, scope, query)
        return StateSnapshot(current, wake_at=next_step)

    topics = with_viewer_topics(context, ("deals", "goals", "people"))
    async for current in state_stream(
        context.hub, topics, read, key=lambda current: current.state, retryable_errors=RETRYABLE_ERRORS
    ):
        yield current
