"""The outbox: what is to be sent through outside channels, until it is, or is given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.columns import link


class Delivery(Model):
    """A message to somebody through a channel, about one alert of his inbox or several.

    `also` are the others whom the same message is for, in a place that they share. `key` goes with the message, the same at each attempt. `due_at` is the next attempt, `since` when
    the first was made. One that waits for its hour still takes further alerts in; `attempts` says that it no longer does.
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
    due_at: datetime | None = fields.DatetimeField(null=True)  # None once it is over
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
    """Add alerts to a message that waits; return whether it still took them."""
    return bool(await Delivery.filter(id=delivery.id, attempts=0).update(alerts=[*delivery.alerts, *more]))


async def waiting(recipients: tuple[int, ...], channel: str, after: datetime, until: datetime) -> Delivery | None:
    """Return the message that just these will get within that time and that still takes alerts in."""
    rows = await Delivery.filter(
        recipient_id=recipients[0], channel=channel, due_at__gt=after, due_at__lte=until, attempts=0
    ).order_by("id")
    return next((row for row in rows if row.recipients == recipients), None)


async def due(now: datetime, limit: int, *, channel: str | None = None, but: Collection[str] = ()) -> list[Delivery]:
    """Return what is to be tried now, what has waited longest first: through a channel, or through all but some."""
    names = sorted(but) if channel is None else [channel]
    which = f"AND channel {'NOT IN' if channel is None else 'IN'} ({connection.marks(names)})" if names else ""
    sql = f"SELECT * FROM delivery WHERE due_at <= ? {which} ORDER BY due_at, id LIMIT ?"  # noqa: S608 - our own words
    return [Delivery._init_from_db(**row) for row in await connection.rows(sql, [now, *names, limit])]


async def postpone(rows: Sequence[Delivery], until: datetime) -> None:
    """Put off messages that nobody has begun with."""
    if rows:
        await Delivery.filter(id__in=[row.id for row in rows], due_at__lt=until).update(due_at=until)


async def claim(delivery: Delivery, now: datetime, until: datetime) -> Delivery | None:
    """Take a message for an attempt and return it as it stands; None when another process has it.

    until  when it is tried again if nothing is heard of this attempt
    """
    taken = await Delivery.filter(id=delivery.id, attempts=delivery.attempts).update(
        attempts=delivery.attempts + 1, due_at=until, since=delivery.since or now
    )
    return await Delivery.get(id=delivery.id) if taken else None
