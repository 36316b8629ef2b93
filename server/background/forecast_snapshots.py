"""What is done once a day by whichever process comes first: the day's forecasts are kept."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn

from domain.errors.operation_errors import Unavailable
from models.db.connection import AWAY
from resolvers.forecasting import snapshots
from server.context_factory import Gate
from subscriptions.core.stream_context import until_tomorrow

_LOOK_EVERY: Final = 3600.0  # seconds
_AGAIN: Final = 60.0  # after the database was away, or there was no company yet

log = logging.getLogger(__name__)


async def keep_forecasts(gate: Gate) -> NoReturn:
    """Keep each day's forecasts, soon after the day begins or the process does."""
    while True:
        try:
            context = await gate.admit_clock()
            if await snapshots.take(context):
                log.info("The forecasts of the day are kept.")
            pause = min(await until_tomorrow(context), _LOOK_EVERY)
        except (*AWAY, Unavailable) as error:
            log.debug("The forecasts of the day could not be kept (%r); trying again.", error)
            pause = _AGAIN
        except Exception:  # whatever it was, nobody else would try again tomorrow
            log.exception("The forecasts of the day were not kept; trying again.")
            pause = _AGAIN
        await asyncio.sleep(pause)
