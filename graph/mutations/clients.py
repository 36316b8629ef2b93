"""Mutations of clients and contacts."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.input_mapping import to_input
from graph.base.lazy_types import ClientRef, ContactRef, GoalRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.mutations.records import unwrap_single
from resolvers.crm import clients
from resolvers.crm.inputs import ClientInput, ContactInput


@strawberry.input
class RecordClientInput:
    id: ID | None = UNSET
    name: str
    owner: ID | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class RecordContactInput:
    id: ID | None = UNSET
    name: str
    client: ID | None = UNSET
    owner: ID | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The client, and the goals that moved.")
class ClientPayload:
    client: ClientRef | None
    goals: list[GoalRef]


@payload("The contact, and the goals that moved.")
class ContactPayload:
    contact: ContactRef | None
    goals: list[GoalRef]


@strawberry.type
class ClientMutation:
    @mutation("Record a client, or change one.", edits_records=True)
    async def record_client(self, info: Info, input: RecordClientInput) -> ClientPayload:
        client, goals = unwrap_single(await clients.upsert_clients(info.context, [to_input(ClientInput, input)]))
        return ClientPayload(client=client, goals=goals)

    @mutation("Record a contact, or change one.", edits_records=True)
    async def record_contact(self, info: Info, input: RecordContactInput) -> ContactPayload:
        contact, goals = unwrap_single(await clients.upsert_contacts(info.context, [to_input(ContactInput, input)]))
        return ContactPayload(contact=contact, goals=goals)
