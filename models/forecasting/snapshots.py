"""What was forecast on each day, kept so that what was said then can be read later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from models.db.columns import choice, minor
from models.goals.goals import OwnerKind


class ForecastSnapshot(Model):
    """The forecast of a team or the company for a period, as it stood when `day` began; in the smallest unit.

    A unique index keeps one for each day, scope, period and basis. Rows are added, never changed.
    """

    id = fields.BigIntField(primary_key=True)
    day: date = fields.DateField()
    owner_kind: OwnerKind = choice(OwnerKind)
    owner_id: int = fields.IntField()
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    basis: str = fields.CharField(max_length=20)  # type: ignore[assignment]
    booked: int = minor()
    expected: int = minor()
    low: int = minor()
    median: int = minor()
    high: int = minor()
    confidence: str = fields.CharField(max_length=20)  # type: ignore[assignment]
    taken_at: datetime = fields.DatetimeField()

    class Meta:
        table = "forecast_snapshot"
        indexes = (("owner_kind", "owner_id", "first_day", "last_day"),)


async def taken_on(day: date) -> bool:
    """Return whether the day's forecasts have been kept."""
    return await ForecastSnapshot.filter(day=day).exists()


async def keep(rows: Sequence[ForecastSnapshot]) -> None:
    """Keep the forecasts of a day; those that another process has kept meanwhile stay as they are."""
    await ForecastSnapshot.bulk_create(rows, batch_size=50, ignore_conflicts=True)


async def said(kind: OwnerKind, number: int, first: date, last: date, basis: str) -> list[ForecastSnapshot]:
    """Return what was said of the very period, the oldest first."""
    return await ForecastSnapshot.filter(
        owner_kind=kind, owner_id=number, first_day=first, last_day=last, basis=basis
    ).order_by("day")
