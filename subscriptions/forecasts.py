"""Live forecasts: sent again when deals, goals or people change, and when the day does."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from resolvers.forecasting import forecasts
from resolvers.forecasting.forecasts import Forecast, Question
from resolvers.request.context import Context
from subscriptions.core.stream_context import PASSING, again, everything, hub, until_tomorrow
from subscriptions.core.streams import Reading, states


async def forecast(context: Context, scope: str | None, question: Question) -> AsyncGenerator[Forecast, None]:
    """Yield the current forecast, and again after each change of its values."""

    async def read() -> Reading[Forecast]:
        await again(context)
        found = await forecasts.asked(context, scope, question)
        return Reading(found, wake_in=await until_tomorrow(context))

    topics = everything(context, ("deals", "goals", "people"))
    async for found in states(hub(context), topics, read, key=lambda found: found.state, transient=PASSING):
        yield found
