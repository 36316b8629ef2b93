"""Company metrics and the results recorded for them: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from domain.ledger import metrics
from domain.ledger.record_facts import Credit, Moment, ResultFacts
from domain.primitives.units import Unit
from models.db.columns import (
    enum_column,
    external_id_column,
    foreign_key,
    minor_units_column,
    short_text_column,
    text_column,
)


class CompanyMetric(Model):
    """A metric defined by the company; the built-in ones are `METRICS` of the domain layer."""

    id = fields.IntField(primary_key=True)
    key: str = text_column(40, unique=True)
    name: str = short_text_column()
    description: str = fields.TextField(default="")
    unit: Unit = enum_column(Unit, default=Unit.COUNT)
    created_at = fields.DatetimeField()

    class Meta:
        table = "company_metric"


class Result(Model):
    """A measured value of a company metric; `amount` is in its smallest unit."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    metric: str = text_column(40)
    employee = foreign_key("Employee")
    employee_id: int
    amount: int = minor_units_column()
    at: datetime = fields.DatetimeField()
    note: str | None = fields.TextField(null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    achieved_on: date = fields.DateField()
    credit_by: int = fields.IntField()
    credit_team: int = fields.IntField(default=0)

    class Meta:
        table = "result"
        indexes = (("employee_id", "at"),)

    def facts(self) -> ResultFacts | None:
        """Return the facts that metrics are computed from; None once the result is deleted."""
        if self.deleted_at is not None:
            return None
        return ResultFacts(
            self.id,
            self.metric,
            Credit(self.credit_by, self.credit_team),
            Moment(self.achieved_on, self.at),
            self.amount,
        )


async def fetch_metrics() -> dict[str, metrics.Metric]:
    """Return every metric by its key: the built-in ones, then the company metrics by name."""
    return index_metrics(await CompanyMetric.all().order_by("name", "id"))


def index_metrics(company_metrics: Sequence[CompanyMetric]) -> dict[str, metrics.Metric]:
    """Return every metric by its key, given the rows of the company metrics."""
    return dict(metrics.METRICS) | {
        row.key: metrics.make_company_metric(row.key, row.unit, row.name, row.description) for row in company_metrics
    }
