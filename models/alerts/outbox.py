"""The outbox of notifications: messages to send through outside channels, until they are sent or given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.columns import link


class Delivery(Model):
    """A message through one channel about one or more alerts of the recipient's inbox.

    key       sent with the message, the same at each attempt, so that receivers can drop repeats
    also      further recipients of the same message in a shared place such as a chat
    since     time of the first attempt
    due_at    time of the next attempt; None once the message is sent or given up
    attempts  while 0, the message waits for its send time and further alerts can be appended
    """

    id = fields.BigIntField(primary_key=True)
    key: str = fields.CharField(max_length=36, unique=True)  # type: ignore[assignment]
    channel: str = fields.CharField(max_length=100)  # type: ignore[assignment]
    recipient = link("Employee")
    recipient_id: int
    also: list[int] | None = fields.JSONField(null=True)
    alerts: list[int] = fields.JSONField(default=list)
    created_at: datetime = fields.DatetimeField()
    since: datetime | None = fields.DatetimeField(null=True)
    due_at: datetime | None = fields.DatetimeField(null=True)
    attempts: int = fields.IntField(default=0)
    sent_at: datetime | None = fields.DatetimeField(null=True)
    dead_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery"
        indexes = (("due_at",), ("recipient_id", "channel", "due_at"))

    @property
    def recipients(self) -> tuple[int, ...]:
        return (self.recipient_id, *(self.also or ()))


async def take_in(delivery: Delivery, more: Collection[int]) -> bool:
    """Append alerts to a waiting message; return False if an attempt to send it has begun meanwhile."""
    return bool(await Delivery.filter(id=delivery.id, attempts=0).update(alerts=[*delivery.alerts, *more]))


async def waiting(recipients: tuple[int, ...], channel: str, after: datetime, until: datetime) -> Delivery | None:
    """Return the unsent message due within the time span for exactly these recipients, or None."""
    rows = await Delivery.filter(
        recipient_id=recipients[0], channel=channel, due_at__gt=after, due_at__lte=until, attempts=0
    ).order_by("id")
    return next((row for row in rows if row.recipients == recipients), None)


async def due(now: datetime, limit: int, *, channel: str | None = None, but: Collection[str] = ()) -> list[Delivery]:
    """Return the messages due now, the longest due first: of one channel, or of all but the excluded channels."""
    names = sorted(but) if channel is None else [channel]
    which = f"AND channel {'NOT IN' if channel is None else 'IN'} ({connection.marks(names)})" if names else ""
    sql = f"SELECT * FROM delivery WHERE due_at <= ? {which} ORDER BY due_at, id LIMIT ?"  # noqa: S608 - no user input
    return [Delivery._init_from_db(**row) for row in await connection.rows(sql, [now, *names, limit])]


async def postpone(rows: Sequence[Delivery], until: datetime) -> None:
    """Postpone messages to `until`, except those that are due later already."""
    if rows:
        await Delivery.filter(id__in=[row.id for row in rows], due_at__lt=until).update(due_at=until)


async def claim(delivery: Delivery, now: datetime, until: datetime) -> Delivery | None:
    """Claim a message for an attempt and return its current row; None if another process has claimed it.

    The update succeeds only at the number of attempts that was read, so two processes cannot both
    claim it. `until` is when the message is due again if this process dies during the attempt.
    """
    taken = await Delivery.filter(id=delivery.id, attempts=delivery.attempts).update(
        attempts=delivery.attempts + 1, due_at=until, since=delivery.since or now
    )
    return await Delivery.get(id=delivery.id) if taken else None
