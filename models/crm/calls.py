"""Phone calls, made and received: Tortoise model and queries."""

from __future__ import annotations

from datetime import date, datetime

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from domain.ledger.record_facts import CallDirection, CallFacts, CallOutcome, Credit, Moment
from models.db.columns import PlainAttributes, enum_column, external_id_column, foreign_key
from models.db.row_query import RowQuery


class Call(PlainAttributes, Model):
    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    employee = foreign_key("Employee")
    employee_id: int
    direction: CallDirection = enum_column(CallDirection)
    outcome: CallOutcome = enum_column(CallOutcome)
    started_at: datetime = fields.DatetimeField()
    duration_seconds: int = fields.IntField(default=0)
    client = foreign_key("Client", null=True)
    client_id: int | None
    deal = foreign_key("Deal", null=True)
    deal_id: int | None
    note: str | None = fields.TextField(null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    made_on: date = fields.DateField()
    credit_by: int = fields.IntField()
    credit_team: int = fields.IntField(default=0)

    class Meta:
        table = "call"
        indexes = (("employee_id", "started_at"), ("started_at", "id"), ("client_id",))

    def facts(self) -> CallFacts | None:
        """Return the facts that metrics are computed from; None once the call is deleted."""
        if self.deleted_at is not None:
            return None
        return CallFacts(
            self.id,
            Credit(self.credit_by, self.credit_team),
            Moment(self.made_on, self.started_at),
            self.outcome,
            self.duration_seconds,
            self.direction,
        )


def select_existing() -> RowQuery[Call]:
    """Return the calls that are not deleted."""
    return RowQuery(Call.filter(deleted_at=None))


def narrow(query: RowQuery[Call], *, days: tuple[date, date] | None = None) -> RowQuery[Call]:
    """Return the query for the calls made on these days, the first and the last one; None does not restrict."""
    return query.where(Q(made_on__gte=days[0], made_on__lte=days[1])) if days else query
