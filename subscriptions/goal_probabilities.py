"""Goal probability updates: publishes which goals' attainment probabilities may have changed after changes of deals.

A seller's forecast depends on the seller's own open deals and on the past of all sellers. A change of a deal therefore
wakes only the subscriptions that show a goal of its owner; all are woken only if the past has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.goals.projection import GOAL_PROBABILITY_TOPIC
from resolvers.request.context import RequestContext
from subscriptions.core.coalescing import CoalescingEvent
from subscriptions.core.hub import Hub
from subscriptions.core.stream_context import RETRYABLE_ERRORS
from subscriptions.core.tasks import backoff_delays

_SETTLE_SECONDS: Final = (
    0.005  # batches news of deals; shorter than the streams' batching window, so that no stream reads twice
)

log = logging.getLogger(__name__)


class GoalProbabilityWatcher:
    """Publishes changed goal probabilities within the process; one per process.

    context  returns the context for reading the forecast's data
    """

    def __init__(self, hub: Hub, context: Callable[[], RequestContext]) -> None:
        self._hub, self._context = hub, context
        self._deals_changed = CoalescingEvent()
        hub.watch(("deals",), self._deals_changed.set)

    async def run(self) -> NoReturn:
        """After each change of deals, publish the topics of the affected sellers; runs as long as the process."""
        while True:
            await self._deals_changed.wait()
            await asyncio.sleep(_SETTLE_SECONDS)
            if self._hub.has_listeners(GOAL_PROBABILITY_TOPIC):
                self._deals_changed.clear()
                self._hub.publish_local(await self._changed_topics())

    async def _changed_topics(self) -> list[str]:
        delays = backoff_delays()
        while True:
            try:
                context = self._context()
                engine = get_forecast_engine(context)
                await engine.snapshot(context)
            except RETRYABLE_ERRORS as error:
                log.debug("Could not read which sellers' deals changed (%r); trying again.", error)
            except Exception:  # the task is not restarted, and no subscription may miss a change: wake all
                log.exception("Could not determine which goal probabilities changed; waking all subscriptions.")
                return [GOAL_PROBABILITY_TOPIC]
            else:
                sellers = engine.take_changed_sellers()
                return (
                    [GOAL_PROBABILITY_TOPIC]
                    if sellers is None
                    else [f"{GOAL_PROBABILITY_TOPIC}:{employee}" for employee in sellers]
                )
            await asyncio.sleep(next(delays))
