"""Sends the mails with password links, each as soon as it was requested, with growing delays after failures.

They do not go through the outbox of notifications: quiet hours do not concern them, and the link of a mail is created
only when it is sent, so that no table holds it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Final

from domain.alerts.delivery_policy import compute_retry_delay
from domain.auth.password_links import MAIL_LIFETIMES
from models.auth import password_links
from models.auth.password_links import PasswordMail
from resolvers.alerts.notifications import NotificationMessage
from resolvers.auth.password_links import render_mail
from server.background.notification_channels import DeliveryError, NotificationChannel
from server.observability import prometheus

_CHANNEL_LABEL: Final = "password links"

log = logging.getLogger(__name__)


class PasswordMailWorker:
    """Sends password links through a mail channel; `public_url` is the address of the server in them."""

    def __init__(
        self,
        channel: NotificationChannel,
        public_url: str,
        clock: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._channel, self._public_url, self._clock, self._jitter = channel, public_url, clock, jitter

    async def send_next(self) -> bool:
        """Send the next due mail; return whether there may be more."""
        mail = await password_links.claim_due_mail(self._clock())
        if mail is None:
            return False
        rendered = await render_mail(mail, self._public_url, self._clock())
        if rendered is None:
            await password_links.delete_mail(mail)
            prometheus.DELIVERIES.labels(_CHANNEL_LABEL, "dropped").inc()
            return True
        message = NotificationMessage(f"password-{mail.id}", rendered.email, rendered.title, rendered.text, {})
        try:
            await self._channel.send(message)
        except DeliveryError as error:
            await self._record_failure(mail, error)
        else:
            await password_links.delete_mail(mail)
            prometheus.DELIVERIES.labels(_CHANNEL_LABEL, "sent").inc()
        return True

    async def _record_failure(self, mail: PasswordMail, error: DeliveryError) -> None:
        retry_at = self._clock() + compute_retry_delay(mail.attempts, self._jitter())
        if error.permanent or retry_at >= mail.requested_at + MAIL_LIFETIMES[mail.purpose]:
            log.error("A mail with a password link is given up after %d attempts: %s.", mail.attempts, error)
            await password_links.delete_mail(mail)
            prometheus.DELIVERIES.labels(_CHANNEL_LABEL, "dead").inc()
            return
        if mail.attempts == 1:
            log.warning("A mail with a password link was not accepted (%s); retrying.", error)
        await password_links.postpone_mail(mail, retry_at)
        prometheus.DELIVERIES.labels(_CHANNEL_LABEL, "failed").inc()
