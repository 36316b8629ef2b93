"""Forecast calls: what people expect a period to bring, beside the machine's forecast."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.db.columns import enum_column, minor_units_column, text_column
from models.db.conditions import Condition, equals
from models.db.row_query import RowQuery
from models.forecasting.deal_tables import Basis
from models.organization.scope_queries import owned_by_any
from models.organization.scopes import OwnerKind, ScopeKey, scope_key


class CallKind(StrEnum):
    """The kind of a call.

    SUBMISSION  what a seller promises to bring, or the manager of a team
    ADJUSTMENT  what a manager expects in place of the machine's forecast
    """

    SUBMISSION = "SUBMISSION"
    ADJUSTMENT = "ADJUSTMENT"


class ForecastCall(Model):
    """A call for a scope and period. Rows are only added: the newest of a kind holds, earlier ones are its history.

    basis             what is expected: revenue or profit
    amount            in the smallest unit of the company's currency; None: the call before was withdrawn
    machine_expected  what the machine had expected on the morning of that day, if it was kept
    """

    id = fields.BigIntField(primary_key=True)
    kind: CallKind = enum_column(CallKind)
    owner_kind: OwnerKind = enum_column(OwnerKind)
    owner_id: int = fields.IntField()
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    basis: str = text_column(20)
    amount: int | None = minor_units_column(null=True)
    note: str | None = fields.TextField(null=True)
    machine_expected: int | None = minor_units_column(null=True)
    author_id: int = fields.IntField()
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "forecast_call"
        indexes = (("first_day", "last_day", "basis"), ("owner_kind", "owner_id", "last_day"))

    @property
    def scope(self) -> ScopeKey:
        return scope_key(self.owner_kind, self.owner_id)


async def fetch_of_period(first_day: date, last_day: date, basis: Basis) -> list[ForecastCall]:
    """Return the calls of all scopes for exactly this period, the newest first."""
    return await RowQuery(ForecastCall, _match_period(first_day, last_day, basis)).order_by("-id").fetch()


async def find_latest(
    kind: CallKind, scope: ScopeKey, first_day: date, last_day: date, basis: Basis
) -> ForecastCall | None:
    """Return the call of a scope and period that holds, which may be a withdrawal."""
    is_of_period = _match_period(first_day, last_day, basis)
    query = RowQuery(ForecastCall, scope.is_owner & equals("kind", kind) & is_of_period)
    rows = await query.order_by("-id").limit(1).fetch()
    return rows[0] if rows else None


def _match_period(first_day: date, last_day: date, basis: Basis) -> Condition:
    return Condition("first_day = ? AND last_day = ? AND basis = ?", (first_day, last_day, basis))


async def fetch_of_ended_periods(scopes: Collection[ScopeKey], before: date, basis: Basis) -> list[ForecastCall]:
    """Return the calls of these scopes for periods that ended before a day, the newest first."""
    has_ended = Condition("last_day < ? AND basis = ?", (before, basis))
    return await RowQuery(ForecastCall, owned_by_any(scopes) & has_ended).order_by("-id").fetch()
