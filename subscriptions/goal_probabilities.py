"""Whose goals may be reached more or less likely when deals have moved.

What is foreseen of one seller hangs on his own open deals, and on the past of all. So news of a deal
wakes those who show a goal of its owner, and everybody only when the past has changed.
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
    0.005  # seconds in which news of deals become one; shorter than any window, so no question is read twice
)

log = logging.getLogger(__name__)


class Chances:
    """One per process; `context` makes what a read of the forecast's works with."""

    def __init__(self, hub: Hub, context: Callable[[], Context]) -> None:
        self._hub, self._context = hub, context
        self._moved = Flag()
        hub.watch(("deals",), self._moved.ring)

    async def keep(self) -> NoReturn:
        """Look whose deals have moved whenever some have, for as long as the process runs."""
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
                log.debug("Whose chances have moved could not be read (%r); trying again.", error)
            except Exception:  # whatever it was, nobody else would start it again, and nobody may be left behind
                log.exception("Whose chances have moved could not be found out: everybody looks.")
                return [CHANCES]
            else:
                moved = desk.whose_moved()
                return [CHANCES] if moved is None else [f"{CHANCES}:{employee}" for employee in moved]
            await asyncio.sleep(next(waits))
