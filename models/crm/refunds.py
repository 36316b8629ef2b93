"""Refunds of won deals: Tortoise model and queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from domain.ledger.record_facts import Credit, Moment, RefundFacts, SaleKind
from models.db.columns import (
    PlainAttributes,
    currency_column,
    enum_column,
    external_id_column,
    foreign_key,
    minor_units_column,
)
from models.db.conditions import Condition, equals, is_one_of
from models.db.row_query import RowQuery


class Refund(PlainAttributes, Model):
    """Money given back for a won deal.

    amount       in the currency of the deal
    refunded_on  the day that it counts on
    value, profit, sale_kind, credit_by, credit_team  follow from the deal, see `resolvers.crm.refunds.derive_refunds`
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    deal = foreign_key("Deal")
    deal_id: int
    amount: int = minor_units_column()
    currency: str = currency_column()
    reason: str | None = fields.TextField(null=True)
    at: datetime = fields.DatetimeField()
    recorded_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    refunded_on: date = fields.DateField()
    value: int = minor_units_column()
    profit: int | None = minor_units_column(null=True)
    sale_kind: SaleKind | None = enum_column(SaleKind, null=True)
    credit_by: int = fields.IntField()
    credit_team: int = fields.IntField(default=0)

    class Meta:
        table = "refund"
        indexes = (("deal_id",),)

    def facts(self) -> RefundFacts | None:
        """Return the facts that metrics are computed from; None once the refund is deleted."""
        if self.deleted_at is not None:
            return None
        return RefundFacts(
            self.id,
            Credit(self.credit_by, self.credit_team),
            Moment(self.refunded_on, self.at),
            self.value,
            self.profit,
            self.sale_kind,
        )


async def fetch_of_deals(deal_ids: Collection[int]) -> list[Refund]:
    """Return the refunds of these deals that are not deleted, in the order in which they were recorded."""
    query = RowQuery(Refund, is_one_of("deal_id", deal_ids) & equals("deleted_at", None))
    return await query.order_by("id").fetch() if deal_ids else []


async def fetch_by_deal(deal_ids: Sequence[int]) -> list[list[Refund]]:
    """Return the refunds of each deal that are not deleted, the earliest first, in the order of the ids."""
    rows = sorted(await fetch_of_deals(set(deal_ids)), key=lambda row: (row.at, row.id))
    return [[row for row in rows if row.deal_id == deal_id] for deal_id in deal_ids]


def select_with_deals(refund_ids: Collection[int], deal_condition: Condition) -> RowQuery[Refund]:
    """Return the query for refunds with these ids that are not deleted, of deals that meet a condition."""
    of_deals = Condition(f"deal_id IN (SELECT id FROM deal WHERE {deal_condition.sql})", deal_condition.values)  # noqa: S608
    return RowQuery(Refund, is_one_of("id", refund_ids) & equals("deleted_at", None) & of_deals)


async def delete(refund_id: int) -> None:
    """Delete a refund as if it had never been recorded."""
    await Refund.filter(id=refund_id).delete()
