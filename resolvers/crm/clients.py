"""Clients and their contacts: record, update and list them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.errors.user_errors import Conflict
from domain.permissions import Action
from domain.primitives.money import from_minor
from domain.primitives.text import search_key
from models.crm import activities, clients
from models.crm.activities import ActivityKind
from models.crm.clients import Client, Contact
from models.crm.deals import ClientWins
from models.goals.goals import Goal
from resolvers.crm.record_type import (
    EditContext,
    PendingChange,
    RecordType,
    reassign_owner,
    resolve_creation_time,
    set_creation_credit,
    set_references,
    set_text_fields,
    update_created_at,
    upsert_records,
)
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.employee_reach import filter_reached
from resolvers.request.scopes import ScopeArgument, filter_records_in_scope
from resolvers.request.validation import InputFields


class ClientType(RecordType):
    kind = "Client"
    reference_fields = {"owner": "Employee"}
    creation_activity = ActivityKind.CLIENT_ADDED

    def new_row(self, edit: EditContext, input: InputFields) -> Client:
        client = Client()
        set_creation_credit(
            edit,
            client,
            edit.resolver.resolve_new_owner(
                input.get("owner"), "input", "owner", at=(created_at := resolve_creation_time(edit, input))
            ),
            created_at,
        )
        return client

    def apply_input(self, edit: EditContext, change: PendingChange, input: InputFields) -> None:
        if "name" in input:
            change.row.set_name(validation.clean_name(input["name"], "input", "name"))
        reassign_owner(edit, change, input.get("owner"), "owner")
        set_text_fields(change, input, email="email", phone="phone")
        update_created_at(edit, change, input)

    async def check_deletable(self, edit: EditContext, row: Client, *path: str) -> None:
        """Raise Conflict if the client has deals, contacts, leads or open tasks."""
        deals, contacts, leads, tasks = await clients.count_dependents(
            row.id, lambda owner: edit.context.viewer.scope_filter(Action.VIEW_CARD, owner)
        )
        if deals or contacts or leads or tasks:
            raise Conflict(
                "This client has {deals} deals, {contacts} contacts, {leads} leads and {tasks} open tasks:"
                " delete them or give them another client first.",
                *path,
                deals=deals,
                contacts=contacts,
                leads=leads,
                tasks=tasks,
            )
        if any(await clients.count_dependents(row.id, lambda owner: Q())):
            raise Conflict(
                "Records out of your reach belong to this client: ask a manager who stands above their owners.", *path
            )


class ContactType(RecordType):
    kind = "Contact"
    reference_fields = {"owner": "Employee", "client": "Client"}
    creation_activity = ActivityKind.CONTACT_ADDED

    def new_row(self, edit: EditContext, input: InputFields) -> Contact:
        contact = Contact()
        set_creation_credit(
            edit,
            contact,
            edit.resolver.resolve_new_owner(
                input.get("owner"), "input", "owner", at=(created_at := resolve_creation_time(edit, input))
            ),
            created_at,
        )
        return contact

    def apply_input(self, edit: EditContext, change: PendingChange, input: InputFields) -> None:
        if "name" in input:
            change.row.name = validation.clean_name(input["name"], "input", "name")
        reassign_owner(edit, change, input.get("owner"), "owner")
        set_references(edit, change, input, client="Client")
        set_text_fields(change, input, email="email", phone="phone")
        update_created_at(edit, change, input)


async def upsert_clients(
    context: Context, inputs: Sequence[InputFields], *, notify: bool = True
) -> tuple[list[Client], list[Goal]]:
    return await upsert_records(context, ClientType(), inputs, notify=notify)


async def upsert_contacts(
    context: Context, inputs: Sequence[InputFields], *, notify: bool = True
) -> tuple[list[Contact], list[Goal]]:
    return await upsert_records(context, ContactType(), inputs, notify=notify)


async def fetch_visible_contacts(context: Context, client_ids: Sequence[int]) -> list[list[Contact]]:
    """Return the contacts of each client that the viewer may see, in name order."""
    rows = await clients.select_contacts(client_ids).filter(context.viewer.scope_filter(Action.VIEW_CARD, "owner"))
    return [[row for row in rows if row.client_id == client_id] for client_id in client_ids]


async def sum_visible_wins(context: Context, wins: ClientWins) -> Decimal:
    """Return the total value of the wins that the viewer may see, in the company's currency."""
    visible_ids = await filter_reached(context, Action.VIEW_CARD, wins.value_by_owner)
    total = sum(value for owner_id, value in wins.value_by_owner.items() if owner_id in visible_ids)
    return from_minor(total, (await context.company()).currency)


async def fetch_visible_activity_times(context: Context, client_ids: Sequence[int]) -> list[datetime | None]:
    """Return for each client the time of the last activity of an employee with a visible card; None without any."""
    return await activities.fetch_last_activity_times(
        client_ids, context.viewer.scope_filter(Action.VIEW_CARD, "employee")
    )


async def select_clients(context: Context, scope: ScopeArgument, search: str | None) -> QuerySet[Client]:
    """Return a query of the clients in the scope and within the viewer's reach, with the text in their name."""
    query = await filter_records_in_scope(context, clients.select_existing(), "owner", scope)
    return query.filter(search_key__contains=search_key(search)) if search else query
