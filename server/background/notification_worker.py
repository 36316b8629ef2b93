"""The notification worker: sends the messages of the outbox at least once each, with growing delays after failures."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from domain.alerts.delivery_policy import compute_retry_delay
from models.alerts import outbox
from models.alerts.outbox import Delivery
from models.db.errors import DatabaseUnavailable
from resolvers.alerts import notifications
from server.background.notification_channels import DeliveryError, NotificationChannel
from server.observability import prometheus

_BATCH_SIZE: Final = 100
_MAX_CONCURRENT: Final = 4  # attempts through one channel
_CLAIM_TIMEOUT: Final = timedelta(minutes=2)  # after which a message is due again if its sender died

log = logging.getLogger(__name__)


class NotificationWorker:
    def __init__(
        self,
        channels: Mapping[str, NotificationChannel],
        clock: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._channels, self._clock, self._jitter = channels, clock, jitter

    @property
    def channel_names(self) -> tuple[str | None, ...]:
        """The configured channels, and None for messages through channels that are configured no longer."""
        return (*self._channels, None)

    async def send_next(self, channel: str | None) -> bool:
        """Send the next batch of due messages of a channel; return whether there may be more."""
        due = await outbox.find_due(self._clock(), _BATCH_SIZE, channel=channel, excluded_channels=self._channels)
        rows = await notifications.defer_quiet_hours(due, self._clock()) if due else []
        for start in range(0, len(rows), _MAX_CONCURRENT):
            batch = rows[start : start + _MAX_CONCURRENT]
            if not any(await asyncio.gather(*(self._try(row) for row in batch))):
                # All attempts failed, so the channel is down: postpone the others instead of trying each.
                retry_at = self._clock() + compute_retry_delay(batch[0].attempts + 1, self._jitter())
                await outbox.postpone(rows[start + _MAX_CONCURRENT :], retry_at)
                return False
        return len(due) == _BATCH_SIZE

    async def _try(self, delivery: Delivery) -> bool:
        """Make an attempt; return False if it failed in a way that suggests that the channel is down."""
        now = self._clock()
        claimed = await outbox.claim(delivery, now, now + _CLAIM_TIMEOUT)
        if claimed is None:
            return True  # claimed by another process
        try:
            if delivery.channel not in self._channels:
                raise DeliveryError("it is not configured on this server")
            message = await notifications.render(claimed)
            if message is None:
                await notifications.mark_dropped(claimed, self._clock())
                prometheus.DELIVERIES.labels(delivery.channel, "dropped").inc()
                return True
            await self._channels[delivery.channel].send(message)
        except DatabaseUnavailable:
            raise
        except DeliveryError as error:
            await self._record_failure(claimed, error)
            return error.permanent  # a permanent failure is one of the message, not of the channel
        except Exception:  # a bug in one message: the others must be sent
            log.exception("A message through channel %s cannot be sent.", delivery.channel)
            await self._record_failure(claimed, DeliveryError("it cannot be rendered"))
            return True
        await notifications.mark_sent(claimed, self._clock())
        prometheus.DELIVERIES.labels(delivery.channel, "sent").inc()
        return True

    async def _record_failure(self, delivery: Delivery, error: DeliveryError) -> None:
        is_dead = await notifications.mark_failed(delivery, self._clock(), self._jitter(), permanent=error.permanent)
        prometheus.DELIVERIES.labels(delivery.channel, "dead" if is_dead else "failed").inc()
        if is_dead:
            log.error(
                "A message to employee %d through channel %s is given up after %d attempts: %s. It contains %d alerts.",
                delivery.recipient_id, delivery.channel, delivery.attempts, error, len(delivery.alerts),
            )  # fmt: skip
        elif delivery.attempts == 1:
            log.warning("Channel %s did not accept a message (%s); retrying for a day.", delivery.channel, error)
