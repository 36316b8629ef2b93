"""Background task that stores the daily forecast snapshots, once for all processes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn

from domain.errors.operation_errors import ServiceUnavailable
from models.db.connection import DATABASE_DOWN_ERRORS
from resolvers.forecasting import snapshots
from server.context_factory import ContextFactory
from subscriptions.core.stream_context import seconds_until_tomorrow

_CHECK_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 60.0  # after an error: the database was down, or there was no company yet

log = logging.getLogger(__name__)


async def store_daily_forecasts(context_factory: ContextFactory) -> NoReturn:
    """Store each day's forecasts, soon after the day or the process begins; never returns."""
    while True:
        try:
            context = await context_factory.create_for_scheduler()
            if await snapshots.take_snapshots(context):
                log.info("Stored the forecast snapshots of the day.")
            pause = min(await seconds_until_tomorrow(context), _CHECK_SECONDS)
        except (*DATABASE_DOWN_ERRORS, ServiceUnavailable) as error:
            log.debug("Could not store the forecast snapshots (%r); trying again.", error)
            pause = _RETRY_SECONDS
        except Exception:  # the task is not restarted, so it must survive any error
            log.exception("Could not store the forecast snapshots; trying again.")
            pause = _RETRY_SECONDS
        await asyncio.sleep(pause)
