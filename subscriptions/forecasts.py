"""Live forecasts: sent again when deals, goals or people change, and with each hour that is over of the running day.

With people's judgement beside them, they are also sent again when that changes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from domain.primitives.working_time import next_share_of_day
from resolvers.forecasting import forecasts
from resolvers.forecasting.forecast_calls import FORECASTS_TOPIC
from resolvers.forecasting.forecasts import Forecast, ForecastQuery
from resolvers.forecasting.judgement import JudgementRequest, load_judgements
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

    async def read() -> StateSnapshot[tuple[Forecast, object]]:
        await refresh_viewer(context)
        next_step = next_share_of_day(context.now(), await context.calendar()) or await next_day_start(context)
        current = await forecasts.get_forecast(context, scope, query)
        judgement: object = None
        if query.with_judgement:
            judgement = (await context.load_for_viewer(load_judgements, JudgementRequest(current))).state
        return StateSnapshot((current, (current.state, judgement)), wake_at=next_step)

    topics = with_viewer_topics(context, ("deals", "goals", "people"))
    if query.with_judgement:
        topics |= {FORECASTS_TOPIC, "pipelines"}
    async for current, _ in state_stream(
        context.hub, topics, read, key=lambda value: value[1], retryable_errors=RETRYABLE_ERRORS
    ):
        yield current
