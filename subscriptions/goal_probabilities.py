"""Goal probability updates: publishes which goals' attainment probabilities may have changed after changes of deals.

A seller's forecast depends on the seller's own open deals and on the past of all sellers. A change of a deal therefore
wakes only the subscriptions that show a goal of its owner; all are woken only if the past has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from resolvers.forecasting.forecast_engine import forecaster
from resolvers.goals.projection import CHANCES
from resolvers.request.context import Context
from subscriptions.core.coalescing import Flag
from subscriptions.core.hub import Hub, pauses
from subscriptions.core.stream_context import PASSING

_SETTLE: Final = (
    0.005  # batches news of deals; shorter than the streams' batching window, so that no stream reads twice
)

log = logging.getLogger(__name__)


class Chances:
    """Publishes changed goal probabilities within the process; one per process.

    context  returns the context for reading the forecast's data
    """

    def __init__(self, hub: Hub, context: Callable[[], Context]) -> None:
        self._hub, self._context = hub, context
        self._moved = Flag()
        hub.watch(("deals",), self._moved.ring)

    async def keep(self) -> NoReturn:
        """After each change of deals, publish the topics of the affected sellers; runs as long as the process."""
        while True:
            await self._moved.wait()
            await asyncio.sleep(_SETTLE)
            if self._hub.is_heard(CHANCES):
                self._moved.clear()
                self._hub.tell_here(await self._topics())

    async def _topics(self) -> list[str]:
        waits = pauses()
        while True:
            try:
                context = self._context()
                desk = forecaster(context)
                await desk.known(context)
            except PASSING as error:
                log.debug("Could not read which sellers' deals changed (%r); trying again.", error)
            except Exception:  # the task is not restarted, and no subscription may miss a change: wake all
                log.exception("Could not determine which goal probabilities changed; waking all subscriptions.")
                return [CHANCES]
            else:
                moved = desk.whose_moved()
                return [CHANCES] if moved is None else [f"{CHANCES}:{employee}" for employee in moved]
            await asyncio.sleep(next(waits))
