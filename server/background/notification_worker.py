"""The notification worker: sends the messages of the outbox at least once each, with growing delays after failures."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from domain.alerts.delivery_policy import pause
from models.alerts import outbox
from models.alerts.outbox import Delivery
from resolvers.alerts import notifications
from server.background.notification_channels import NotSent, Sender
from server.observability import prometheus

_AT_ONCE: Final = 100
_TOGETHER: Final = 4  # attempts through one channel
_TAKEN: Final = timedelta(minutes=2)  # after which a message is due again if its sender died

log = logging.getLogger(__name__)


class Delivering:
    def __init__(
        self, senders: Mapping[str, Sender], clock: Callable[[], datetime], luck: Callable[[], float] = random.random
    ) -> None:
        self._senders, self._clock, self._luck = senders, clock, luck

    @property
    def channels(self) -> tuple[str | None, ...]:
        """The configured channels, and None for messages through channels that are configured no longer."""
        return (*self._senders, None)

    async def turn(self, channel: str | None) -> bool:
        """Send the next batch of due messages of a channel; return whether there may be more."""
        due = await outbox.due(self._clock(), _AT_ONCE, channel=channel, but=self._senders)
        rows = await notifications.awake(due, self._clock()) if due else []
        for start in range(0, len(rows), _TOGETHER):
            part = rows[start : start + _TOGETHER]
            if not any(await asyncio.gather(*(self._try(row) for row in part))):
                # All attempts failed, so the channel is down: postpone the others instead of trying each.
                again = self._clock() + pause(part[0].attempts + 1, self._luck())
                await outbox.postpone(rows[start + _TOGETHER :], again)
                return False
        return len(due) == _AT_ONCE

    async def _try(self, row: Delivery) -> bool:
        """Make an attempt; return False if it failed in a way that suggests that the channel is down."""
        now = self._clock()
        taken = await outbox.claim(row, now, now + _TAKEN)
        if taken is None:
            return True  # claimed by another process
        try:
            if row.channel not in self._senders:
                raise NotSent("it is not configured on this server")
            message = await notifications.written(taken)
            if message is None:
                await notifications.dropped(taken, self._clock())
                prometheus.DELIVERIES.labels(row.channel, "dropped").inc()
                return True
            await self._senders[row.channel].send(message)
        except NotSent as failure:
            await self._failed(taken, failure)
            return failure.for_good  # a permanent failure is one of the message, not of the channel
        await notifications.sent(taken, self._clock())
        prometheus.DELIVERIES.labels(row.channel, "sent").inc()
        return True

    async def _failed(self, row: Delivery, failure: NotSent) -> None:
        dead = await notifications.failed(row, self._clock(), self._luck(), for_good=failure.for_good)
        prometheus.DELIVERIES.labels(row.channel, "dead" if dead else "failed").inc()
        if dead:
            log.error(
                "A message to employee %d through channel %s is given up after %d attempts: %s. It contains %d alerts.",
                row.recipient_id, row.channel, row.attempts, failure, len(row.alerts),
            )  # fmt: skip
        elif row.attempts == 1:
            log.warning("Channel %s did not accept a message (%s); retrying for a day.", row.channel, failure)
