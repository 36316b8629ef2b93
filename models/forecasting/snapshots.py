"""Forecast snapshots: the daily stored forecasts of teams and the company."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from models.db.columns import enum_column, minor_units_column, text_column
from models.db.conditions import Condition
from models.db.row_query import RowQuery
from models.organization.scopes import OwnerKind, ScopeKey


class ForecastSnapshot(Model):
    """The forecast of a team or the company for a period, as of the start of `day`; amounts in the smallest unit.

    A unique index allows one per day, scope, period and basis. Rows are added, never changed.
    """

    id = fields.BigIntField(primary_key=True)
    day: date = fields.DateField()
    owner_kind: OwnerKind = enum_column(OwnerKind)
    owner_id: int = fields.IntField()
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    basis: str = text_column(20)
    booked: int = minor_units_column()
    expected: int = minor_units_column()
    low: int = minor_units_column()
    median: int = minor_units_column()
    high: int = minor_units_column()
    confidence: str = text_column(20)
    taken_at: datetime = fields.DatetimeField()

    class Meta:
        table = "forecast_snapshot"
        indexes = (("owner_kind", "owner_id", "first_day", "last_day"),)


async def exists_for_day(day: date) -> bool:
    """Return whether the snapshots of the day have been stored."""
    return await ForecastSnapshot.filter(day=day).exists()


async def save_all(rows: Sequence[ForecastSnapshot]) -> None:
    """Store the snapshots of a day; rows that another process has stored meanwhile stay unchanged."""
    await ForecastSnapshot.bulk_create(rows, batch_size=50, ignore_conflicts=True)


async def list_for_period(scope: ScopeKey, first: date, last: date, basis: str) -> list[ForecastSnapshot]:
    """Return the snapshots of exactly this scope, period and basis, oldest first."""
    is_of_period = Condition("first_day = ? AND last_day = ? AND basis = ?", (first, last, basis))
    return await RowQuery(ForecastSnapshot, scope.is_owner & is_of_period).order_by("day").fetch()
