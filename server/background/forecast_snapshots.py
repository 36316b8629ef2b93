"""Background task that stores the daily forecast snapshots, once for all processes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn

from domain.errors.operation_errors import Unavailable
from models.db.connection import AWAY
from resolvers.forecasting import snapshots
from server.context_factory import Gate
from subscriptions.core.stream_context import until_tomorrow

_LOOK_EVERY: Final = 3600.0
_AGAIN: Final = 60.0  # after an error: the database was down, or there was no company yet

log = logging.getLogger(__name__)


async def keep_forecasts(gate: Gate) -> NoReturn:
    """Store each day's forecasts, soon after the day or the process begins; never returns."""
    while True:
        try:
            context = await gate.admit_clock()
            if await snapshots.take(context):
                log.info("Stored the forecast snapshots of the day.")
            pause = min(await until_tomorrow(context), _LOOK_EVERY)
        except (*AWAY, Unavailable) as error:
            log.debug("Could not store the forecast snapshots (%r); trying again.", error)
            pause = _AGAIN
        except Exception:  # the task is not restarted, so it must survive any error
            log.exception("Could not store the forecast snapshots; trying again.")
            pause = _AGAIN
        await asyncio.sleep(pause)
