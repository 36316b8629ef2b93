"""Leads, incoming requests that may become deals: Tortoise model and queries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from domain.ledger.record_facts import Credit, LeadFacts, LeadStatus, Moment
from domain.primitives.duplicate_keys import name_key, phone_key
from models.db.columns import (
    PlainAttributes,
    enum_column,
    external_id_column,
    foreign_key,
    short_text_column,
    text_column,
)
from models.db.conditions import equals, is_between, is_one_of
from models.db.row_query import RowQuery


class Lead(PlainAttributes, Model):
    """A lead. `touched_at` is when it was first worked on; None before that, or if it was not recorded yet.

    `merged_into_id` as in `Client`.
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    title: str = short_text_column()
    owner = foreign_key("Employee")
    owner_id: int
    source: str | None = short_text_column(null=True)
    client = foreign_key("Client", null=True)
    client_id: int | None
    deal = foreign_key("Deal", null=True)
    deal_id: int | None
    contact_name: str | None = short_text_column(null=True)
    phone: str | None = text_column(800, null=True)
    email: str | None = text_column(254, null=True)
    status: LeadStatus = enum_column(LeadStatus, default=LeadStatus.NEW)
    rejected_reason: str | None = fields.TextField(null=True)
    created_at: datetime = fields.DatetimeField()
    touched_at: datetime | None = fields.DatetimeField(null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    created_on: date = fields.DateField()
    opened_by: int = fields.IntField()
    opened_team: int = fields.IntField(default=0)
    converted_at: datetime | None = fields.DatetimeField(null=True)
    converted_on: date | None = fields.DateField(null=True)
    converted_by: int | None = fields.IntField(null=True)
    converted_team: int | None = fields.IntField(null=True)
    merged_into_id: int | None = fields.IntField(null=True)
    phone_key: str | None = text_column(10, null=True)
    name_key: str | None = text_column(400, null=True)

    class Meta:
        table = "lead"
        indexes = (("owner_id", "status"), ("created_at", "id"))

    def update_duplicate_keys(self) -> None:
        """Set the keys by which duplicates are found."""
        self.phone_key, self.name_key = phone_key(self.phone), name_key(self.contact_name)

    def facts(self) -> LeadFacts | None:
        """Return the facts that metrics are computed from; None once the lead is deleted."""
        if self.deleted_at is not None:
            return None
        is_converted = self.status is LeadStatus.CONVERTED and self.converted_by is not None
        converted = None
        if is_converted and self.converted_on is not None:
            # A server of an older version does not set `converted_at`; it converts a lead when it updates it
            converted = Moment(self.converted_on, self.converted_at or self.created_at)
        return LeadFacts(
            self.id,
            Credit(self.opened_by, self.opened_team),
            Moment(self.created_on, self.created_at),
            Credit(self.converted_by or 0, self.converted_team or 0) if is_converted else None,
            converted,
        )


def select_existing() -> RowQuery[Lead]:
    """Return the leads that are not deleted."""
    return RowQuery(Lead, equals("deleted_at", None))


def narrow(
    query: RowQuery[Lead], *, statuses: Collection[LeadStatus] | None = None, days: tuple[date, date] | None = None
) -> RowQuery[Lead]:
    """Return the query for the leads with one of these statuses, created on these days; None does not restrict."""
    if statuses:
        query = query.where(is_one_of("status", statuses))
    return query.where(is_between("created_on", *days)) if days else query


async def fetch_existing_of_deals(deal_ids: Collection[int]) -> list[Lead]:
    """Return the leads that were converted to these deals."""
    return await Lead.filter(deal_id__in=list(deal_ids), deleted_at=None)


async def fetch_created_since(moment: datetime) -> list[Lead]:
    """Return the leads created from a time on, deleted ones included."""
    return await Lead.filter(created_at__gte=moment)
