"""Clients and their contacts: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from domain.ledger.record_facts import ClientFacts, ContactFacts, Credit, Moment
from domain.primitives.text import search_key
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task
from models.db.columns import (
    PlainAttributes,
    external_id_column,
    foreign_key,
    search_key_column,
    short_text_column,
    text_column,
)
from models.db.row_query import Condition, RowQuery


class Client(PlainAttributes, Model):
    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    name: str = short_text_column()
    search_key: str = search_key_column()
    owner = foreign_key("Employee")
    owner_id: int
    email: str | None = text_column(254, null=True)
    phone: str | None = text_column(800, null=True)
    created_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    created_on: date = fields.DateField()
    opened_by: int = fields.IntField()
    opened_team: int = fields.IntField(default=0)

    class Meta:
        table = "client"
        indexes = (("owner_id",), ("created_at", "id"))

    def facts(self) -> ClientFacts | None:
        """Return the facts that metrics are computed from; None once the client is deleted."""
        if self.deleted_at is not None:
            return None
        return ClientFacts(self.id, Credit(self.opened_by, self.opened_team), Moment(self.created_on, self.created_at))

    def set_name(self, name: str) -> None:
        self.name, self.search_key = name, search_key(name)


class Contact(PlainAttributes, Model):
    """A contact: a person in the client base, with or without a client."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    name: str = short_text_column()
    client = foreign_key("Client", null=True)
    client_id: int | None
    owner = foreign_key("Employee")
    owner_id: int
    email: str | None = text_column(254, null=True)
    phone: str | None = text_column(800, null=True)
    created_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    created_on: date = fields.DateField()
    opened_by: int = fields.IntField()
    opened_team: int = fields.IntField(default=0)

    class Meta:
        table = "contact"
        indexes = (("owner_id",), ("client_id",))

    def facts(self) -> ContactFacts | None:
        """Return the facts that metrics are computed from; None once the contact is deleted."""
        if self.deleted_at is not None:
            return None
        return ContactFacts(self.id, Credit(self.opened_by, self.opened_team), Moment(self.created_on, self.created_at))


def select_existing() -> RowQuery[Client]:
    """Return the clients that are not deleted."""
    return RowQuery(Client.filter(deleted_at=None))


async def count_dependents(
    client_id: int, owner_filter: Callable[[str], Condition] | None = None
) -> tuple[int, int, int, int]:
    """Return how many deals, contacts, leads and open tasks a client has.

    owner_filter  returns the condition for the owner in a column, to count those within a viewer's reach only; None: all
    """
    filter_owner = owner_filter or (lambda column: Q())
    condition = {"client_id": client_id, "deleted_at": None}
    return (
        await Deal.filter(filter_owner("owner"), **condition).count(),
        await Contact.filter(filter_owner("owner"), **condition).count(),
        await Lead.filter(filter_owner("owner"), **condition).count(),
        await Task.filter(filter_owner("assignee"), completed_at=None, **condition).count(),
    )


def narrow(query: RowQuery[Client], *, search: str | None = None) -> RowQuery[Client]:
    """Return the query for the clients with a text in their name; None does not restrict."""
    return query.where(Q(search_key__contains=search_key(search))) if search else query


async def fetch_names(*, after_id: int, limit: int) -> list[tuple[int, str | None, str]]:
    """Return id, external id and name of the clients that are not deleted, in order of id, from an id on."""
    query = Client.filter(deleted_at=None, id__gt=after_id).order_by("id").limit(limit)
    rows = query.values_list("id", "external_id", "name")
    return [(row_id, external_id, name) for row_id, external_id, name in await rows]


async def fetch_contacts(client_ids: Sequence[int], condition: Condition) -> list[list[Contact]]:
    """Return the contacts of each client that meet the condition, in name order."""
    query = Contact.filter(client_id__in=set(client_ids), deleted_at=None).order_by("name", "id")
    rows = await query.filter(condition)
    return [[row for row in rows if row.client_id == client_id] for client_id in client_ids]
