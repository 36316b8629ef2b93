"""Clients and their contacts: record, update and list them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from domain.errors.user_errors import Conflict
from domain.ledger.record_facts import ClientFacts, ContactFacts
from domain.permissions import Action
from domain.primitives.money import from_minor
from domain.primitives.unset import UNSET
from models.crm import activities, clients
from models.crm.activities import ActivityKind
from models.crm.clients import Client, Contact
from models.crm.deals import ClientWins
from models.db import row_store
from models.db.row_query import RowQuery
from models.goals.goals import Goal
from resolvers.crm.inputs import ClientInput, ContactInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import reassign_owner, resolve_reference, set_creation_credit, update_created_at
from resolvers.crm.record_type import RecordType, upsert_records
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached
from resolvers.request.scopes import ScopeArgument, filter_records_in_scope
from resolvers.request.validation import clean_update


class ClientType(RecordType[Client, ClientInput]):
    model = Client
    facts_type = ClientFacts
    creation_activity = ActivityKind.CLIENT_ADDED
    merged_columns = ("email", "phone")

    def new_row(self, edit: EditContext, input: ClientInput) -> Client:
        client = row_store.new(Client)
        set_creation_credit(edit, client, input)
        return client

    def apply_input(self, edit: EditContext, change: PendingChange[Client], input: ClientInput) -> None:
        client = change.row
        if input.name is not UNSET:
            client.set_name(validation.clean_name(input.name, "input", "name"))
        reassign_owner(edit, change, input.owner)
        client.email = clean_update(input.email, client.email, validation.clean_optional_email, "input", "email")
        client.phone = clean_update(input.phone, client.phone, validation.clean_optional_line, "input", "phone")
        update_created_at(edit, change, input)

    def derive_fields(self, edit: EditContext, change: PendingChange[Client]) -> None:
        change.row.update_duplicate_keys()


class ContactType(RecordType[Contact, ContactInput]):
    model = Contact
    facts_type = ContactFacts
    creation_activity = ActivityKind.CONTACT_ADDED
    merged_columns = ("client_id", "email", "phone")

    def new_row(self, edit: EditContext, input: ContactInput) -> Contact:
        contact = row_store.new(Contact)
        set_creation_credit(edit, contact, input)
        return contact

    def apply_input(self, edit: EditContext, change: PendingChange[Contact], input: ContactInput) -> None:
        contact = change.row
        contact.name = clean_update(input.name, contact.name, validation.clean_name, "input", "name")
        reassign_owner(edit, change, input.owner)
        contact.client_id = resolve_reference(edit, Client, input.client, contact.client_id, "input", "client")
        contact.email = clean_update(input.email, contact.email, validation.clean_optional_email, "input", "email")
        contact.phone = clean_update(input.phone, contact.phone, validation.clean_optional_line, "input", "phone")
        update_created_at(edit, change, input)

    def derive_fields(self, edit: EditContext, change: PendingChange[Contact]) -> None:
        change.row.update_duplicate_keys()


async def ensure_deletable(context: RequestContext, row: Client) -> None:
    """Raise Conflict if the client has deals, contacts, leads or open tasks."""
    deals, contacts, leads, tasks = await clients.count_dependents(
        row.id, lambda owner: context.viewer.scope_filter(Action.VIEW_CARD, owner)
    )
    if deals or contacts or leads or tasks:
        raise Conflict(
            "This client has {deals} deals, {contacts} contacts, {leads} leads and {tasks} open tasks:"
            " merge it into another client, or delete them first.",
            "id",
            deals=deals,
            contacts=contacts,
            leads=leads,
            tasks=tasks,
        )
    if any(await clients.count_dependents(row.id)):
        raise Conflict(
            "Records out of your reach belong to this client: ask a manager who stands above their owners.", "id"
        )


async def upsert_clients(
    context: RequestContext, inputs: Sequence[ClientInput], *, notify: bool = True
) -> tuple[list[Client], list[Goal]]:
    return await upsert_records(context, ClientType(), inputs, notify=notify)


async def upsert_contacts(
    context: RequestContext, inputs: Sequence[ContactInput], *, notify: bool = True
) -> tuple[list[Contact], list[Goal]]:
    return await upsert_records(context, ContactType(), inputs, notify=notify)


async def fetch_visible_contacts(context: RequestContext, client_ids: Sequence[int]) -> list[list[Contact]]:
    """Return the contacts of each client that the viewer may see, in name order."""
    return await clients.fetch_contacts(client_ids, context.viewer.scope_filter(Action.VIEW_CARD, "owner"))


async def sum_visible_wins(context: RequestContext, wins: ClientWins) -> Decimal:
    """Return the total value of the wins that the viewer may see, in the company's currency."""
    visible_ids = await filter_reached(context, Action.VIEW_CARD, wins.value_by_owner)
    total = sum(value for owner_id, value in wins.value_by_owner.items() if owner_id in visible_ids)
    return from_minor(total, (await context.company()).currency)


async def fetch_visible_activity_times(context: RequestContext, client_ids: Sequence[int]) -> list[datetime | None]:
    """Return for each client the time of the last activity of an employee with a visible card; None without any."""
    return await activities.fetch_last_activity_times(
        client_ids, context.viewer.scope_filter(Action.VIEW_CARD, "employee")
    )


async def select_clients(context: RequestContext, scope: ScopeArgument, search: str | None) -> RowQuery[Client]:
    """Return a query of the clients in the scope and within the viewer's reach, with the text in their name."""
    query = await filter_records_in_scope(context, clients.select_existing(), "owner", scope)
    return clients.narrow(query, search=search)
