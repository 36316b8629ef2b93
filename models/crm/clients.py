"""Clients and their contacts: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from tortoise import fields
from tortoise.models import Model

from domain.ledger.record_facts import ClientFacts, ContactFacts, Credit, Moment
from domain.primitives.duplicate_keys import name_key, phone_key
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
from models.db.conditions import EVERY_ROW, Condition, contains, equals, is_one_of
from models.db.row_query import CountQuery, RowQuery, fetch_all


class Client(PlainAttributes, Model):
    """A client. `merged_into_id` is the client that a merged one stands for; it is marked as deleted itself."""

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
    merged_into_id: int | None = fields.IntField(null=True)
    phone_key: str | None = text_column(10, null=True)
    name_key: str | None = text_column(400, null=True)

    class Meta:
        table = "client"
        indexes = (("owner_id",), ("created_at", "id"))

    def update_duplicate_keys(self) -> None:
        """Set the keys by which duplicates are found."""
        self.phone_key, self.name_key = phone_key(self.phone), name_key(self.name)

    def facts(self) -> ClientFacts | None:
        """Return the facts that metrics are computed from; None once the client is deleted."""
        if self.deleted_at is not None:
            return None
        return ClientFacts(self.id, Credit(self.opened_by, self.opened_team), Moment(self.created_on, self.created_at))

    def set_name(self, name: str) -> None:
        self.name, self.search_key = name, search_key(name)


class Contact(PlainAttributes, Model):
    """A contact: a person in the client base, with or without a client. `merged_into_id` as in `Client`."""

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
    merged_into_id: int | None = fields.IntField(null=True)
    phone_key: str | None = text_column(10, null=True)
    name_key: str | None = text_column(400, null=True)

    class Meta:
        table = "contact"
        indexes = (("owner_id",), ("client_id",))

    def update_duplicate_keys(self) -> None:
        """Set the keys by which duplicates are found."""
        self.phone_key, self.name_key = phone_key(self.phone), name_key(self.name)

    def facts(self) -> ContactFacts | None:
        """Return the facts that metrics are computed from; None once the contact is deleted."""
        if self.deleted_at is not None:
            return None
        return ContactFacts(self.id, Credit(self.opened_by, self.opened_team), Moment(self.created_on, self.created_at))


def select_existing() -> RowQuery[Client]:
    """Return the clients that are not deleted."""
    return RowQuery(Client, equals("deleted_at", None))


def select_existing_contacts() -> RowQuery[Contact]:
    """Return the contacts that are not deleted."""
    return RowQuery(Contact, equals("deleted_at", None))


async def count_dependents(
    client_id: int, owner_filter: Callable[[str], Condition] | None = None
) -> tuple[int, int, int, int]:
    """Return how many deals, contacts, leads and open tasks a client has.

    owner_filter  returns the condition for the owner in a column, to count those within a viewer's reach only; None: all
    """
    filter_owner = owner_filter or (lambda column: EVERY_ROW)
    condition = Condition("deleted_at IS NULL AND client_id = ?", (client_id,))
    deals, contacts, leads, tasks = await fetch_all(
        [
            CountQuery(RowQuery(Deal, condition & filter_owner("owner"))),
            CountQuery(RowQuery(Contact, condition & filter_owner("owner"))),
            CountQuery(RowQuery(Lead, condition & filter_owner("owner"))),
            CountQuery(RowQuery(Task, condition & filter_owner("assignee") & equals("completed_at", None))),
        ]
    )
    return deals, contacts, leads, tasks


def narrow(query: RowQuery[Client], *, search: str | None = None) -> RowQuery[Client]:
    """Return the query for the clients with a text in their name; None does not restrict."""
    return query.where(contains("needle", search_key(search))) if search else query


async def fetch_names(*, after_id: int, limit: int) -> list[tuple[int, str | None, str]]:
    """Return id, external id and name of the clients that are not deleted, in order of id, from an id on."""
    query = Client.filter(deleted_at=None, id__gt=after_id).order_by("id").limit(limit)
    rows = query.values_list("id", "external_id", "name")
    return [(row_id, external_id, name) for row_id, external_id, name in await rows]


async def fetch_contacts(client_ids: Sequence[int], condition: Condition) -> list[list[Contact]]:
    """Return the contacts of each client that meet the condition, in name order."""
    query = RowQuery(Contact, is_one_of("client_id", set(client_ids)) & equals("deleted_at", None)).where(condition)
    rows = await query.order_by("name", "id").fetch()
    return [[row for row in rows if row.client_id == client_id] for client_id in client_ids]
