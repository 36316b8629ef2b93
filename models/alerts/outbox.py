"""The outbox of notifications: messages to send through outside channels, until they are sent or given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.db import connection, row_store
from models.db.columns import foreign_key, text_column


class Delivery(Model):
    """A message through one channel about one or more alerts of the recipient's inbox.

    key       sent with the message, the same at each attempt, so that receivers can drop repeats
    also      further recipients of the same message in a shared place such as a chat
    since     time of the first attempt
    due_at    time of the next attempt; None once the message is sent or given up
    attempts  while 0, the message waits for its send time and further alerts can be appended
    """

    id = fields.BigIntField(primary_key=True)
    key: str = text_column(36, unique=True)
    channel: str = text_column(100)
    recipient = foreign_key("Employee")
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
    def recipient_ids(self) -> tuple[int, ...]:
        return (self.recipient_id, *(self.also or ()))


async def insert(
    key: str,
    channel: str,
    recipient_ids: tuple[int, ...],
    alert_ids: Collection[int],
    *,
    created_at: datetime,
    due_at: datetime,
) -> None:
    """Insert a message about alerts, to be sent at `due_at`."""
    first_id, *other_ids = recipient_ids
    await Delivery.create(
        key=key,
        channel=channel,
        recipient_id=first_id,
        also=other_ids or None,
        alerts=list(alert_ids),
        created_at=created_at,
        due_at=due_at,
    )


async def mark_sent(delivery: Delivery, at: datetime) -> None:
    await Delivery.filter(id=delivery.id).update(sent_at=at, due_at=None)


async def mark_dead(delivery: Delivery, at: datetime) -> None:
    """Give a message up."""
    await Delivery.filter(id=delivery.id).update(dead_at=at, due_at=None)


async def retry_at(delivery: Delivery, at: datetime) -> None:
    """Set when to try to send a message again."""
    await Delivery.filter(id=delivery.id).update(due_at=at)


async def append_alerts(delivery: Delivery, alert_ids: Collection[int]) -> bool:
    """Append alerts to a waiting message; return False if an attempt to send it has begun meanwhile."""
    return bool(await Delivery.filter(id=delivery.id, attempts=0).update(alerts=[*delivery.alerts, *alert_ids]))


async def find_pending(
    recipient_ids: tuple[int, ...], channel: str, due_after: datetime, due_until: datetime
) -> Delivery | None:
    """Return the unsent message due within the time span for exactly these recipients, or None."""
    rows = await Delivery.filter(
        recipient_id=recipient_ids[0], channel=channel, due_at__gt=due_after, due_at__lte=due_until, attempts=0
    ).order_by("id")
    return next((row for row in rows if row.recipient_ids == recipient_ids), None)


async def find_due(
    now: datetime, limit: int, *, channel: str | None = None, excluded_channels: Collection[str] = ()
) -> list[Delivery]:
    """Return the messages due now, the longest due first: of one channel, or of all but the excluded channels."""
    channel_names = sorted(excluded_channels) if channel is None else [channel]
    channel_condition = (
        f"AND channel {'NOT IN' if channel is None else 'IN'} ({connection.placeholders(channel_names)})"
        if channel_names
        else ""
    )
    sql = f"SELECT * FROM delivery WHERE due_at <= ? {channel_condition} ORDER BY due_at, id LIMIT ?"  # noqa: S608 - no user input
    return [
        row_store.from_columns(Delivery, row) for row in await connection.fetch_rows(sql, [now, *channel_names, limit])
    ]


async def postpone(rows: Sequence[Delivery], until: datetime) -> None:
    """Postpone messages to `until`, except those that are due later already."""
    if rows:
        await Delivery.filter(id__in=[row.id for row in rows], due_at__lt=until).update(due_at=until)


async def claim(delivery: Delivery, now: datetime, until: datetime) -> Delivery | None:
    """Claim a message for an attempt and return its current row; None if another process has claimed it.

    The update succeeds only at the number of attempts that was read, so two processes cannot both
    claim it. `until` is when the message is due again if this process dies during the attempt.
    """
    is_claimed = await Delivery.filter(id=delivery.id, attempts=delivery.attempts).update(
        attempts=delivery.attempts + 1, due_at=until, since=delivery.since or now
    )
    return await Delivery.get(id=delivery.id) if is_claimed else None


async def withdraw_alerts(recipient_ids: Collection[int], alert_ids: Collection[int]) -> None:
    """Take alerts out of the messages to these recipients that still wait for their send time."""
    waiting = await Delivery.filter(recipient_id__in=[*recipient_ids], attempts=0, due_at__isnull=False)
    for delivery in waiting:
        remaining_ids = [alert_id for alert_id in delivery.alerts if alert_id not in alert_ids]
        if not remaining_ids:
            await delivery.delete()
        elif len(remaining_ids) < len(delivery.alerts):
            await Delivery.filter(id=delivery.id).update(alerts=remaining_ids)
