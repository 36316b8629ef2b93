"""Clients and their contacts: record, update and list them."""

from __future__ import annotations

from collections.abc import Sequence

from tortoise.queryset import QuerySet

from domain.permissions import Action
from domain.primitives.text import search_key
from models.crm import clients
from models.crm.activities import ActivityKind
from models.crm.clients import Client, Contact
from models.goals.goals import Goal
from resolvers.crm.record_type import (
    Bench,
    Draft,
    Given,
    Keeper,
    created,
    handed_over,
    lines_of,
    opened,
    record_many,
    recreated,
    referred,
)
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.scopes import Asked, records_within


class Clients(Keeper):
    kind = "Client"
    refers = {"owner": "Employee"}
    added = ActivityKind.CLIENT_ADDED

    def begin(self, bench: Bench, given: Given) -> Client:
        client = Client()
        opened(bench, client, bench.refs.new_owner(given.get("owner"), "input", "owner"), created(bench, given))
        return client

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        if "name" in given:
            draft.row.renamed(validation.name(given["name"], "input", "name"))
        handed_over(bench, draft, given.get("owner"), "owner")
        lines_of(draft, given, email="email", phone="phone")
        recreated(bench, draft, given)


class Contacts(Keeper):
    kind = "Contact"
    refers = {"owner": "Employee", "client": "Client"}
    added = ActivityKind.CONTACT_ADDED

    def begin(self, bench: Bench, given: Given) -> Contact:
        contact = Contact()
        opened(bench, contact, bench.refs.new_owner(given.get("owner"), "input", "owner"), created(bench, given))
        return contact

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        if "name" in given:
            draft.row.name = validation.name(given["name"], "input", "name")
        handed_over(bench, draft, given.get("owner"), "owner")
        referred(bench, draft, given, client="Client")
        lines_of(draft, given, email="email", phone="phone")
        recreated(bench, draft, given)


async def record(context: Context, givens: Sequence[Given], *, aloud: bool = True) -> tuple[list[Client], list[Goal]]:
    return await record_many(context, Clients(), givens, aloud=aloud)


async def record_contacts(
    context: Context, givens: Sequence[Given], *, aloud: bool = True
) -> tuple[list[Contact], list[Goal]]:
    return await record_many(context, Contacts(), givens, aloud=aloud)


async def contacts(context: Context, ids: Sequence[int]) -> list[list[Contact]]:
    """Return the contacts of each client that the viewer may see, in name order."""
    rows = await clients.contacts_of(ids).filter(context.viewer.within(Action.VIEW_CARD, "owner"))
    return [[row for row in rows if row.client_id == client] for client in ids]


async def listed(context: Context, scope: Asked, search: str | None) -> QuerySet[Client]:
    """Return a query of the clients in the scope and within the viewer's reach, with the text in their name."""
    query = await records_within(context, clients.standing(), "owner", scope)
    return query.filter(needle__contains=search_key(search)) if search else query
