"""Mutations of clients and contacts."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.input_mapping import to_input_fields
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.mutations.records import _unwrap_single
from graph.types.deals import Client, Contact
from graph.types.goals import Goal
from resolvers.crm import clients


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
    client: Client | None
    goals: list[Goal]


@payload("The contact, and the goals that moved.")
class ContactPayload:
    contact: Contact | None
    goals: list[Goal]


@strawberry.type
class ClientMutation:
    @mutation("Record a client, or change one.")
    async def record_client(self, info: Info, input: RecordClientInput) -> ClientPayload:
        client, goals = _unwrap_single(await clients.upsert_clients(info.context, [to_input_fields(input)]))
        return ClientPayload(client=client, goals=goals)

    @mutation("Record a contact, or change one.")
    async def record_contact(self, info: Info, input: RecordContactInput) -> ContactPayload:
        contact, goals = _unwrap_single(await clients.upsert_contacts(info.context, [to_input_fields(input)]))
        return ContactPayload(contact=contact, goals=goals)
