"""Mutations that merge two records that are the same."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.mutations import mutation
from graph.base.row_types import Info
from graph.mutations.clients import ClientPayload, ContactPayload
from graph.mutations.leads import LeadPayload
from resolvers.crm import merging
from resolvers.crm.clients import ClientType, ContactType
from resolvers.crm.leads import LeadType


@strawberry.input(description="Two records of one kind that are the same; the viewer may change both.")
class MergeInput:
    into: ID = strawberry.field(description="The one that stays.")
    from_: ID = strawberry.field(name="from", description="The one that goes.")
    idempotency_key: str | None = UNSET


_CONSEQUENCES = """The other one is withdrawn from the scores, as if it had been deleted, and fills what is empty in the one
that stays. Its ids stand for the one that stays from then on, also in imports. CONFLICT for one that was merged already"""


@strawberry.type
class MergeMutation:
    @mutation(
        f"""Merge a client into another: its deals, contacts, leads, tasks and calls move to it, and which sale was the
first is decided anew. {_CONSEQUENCES}."""
    )
    async def merge_clients(self, info: Info, input: MergeInput) -> ClientPayload:
        client, goals = await merging.merge_records(info.context, ClientType(), input.into, input.from_)
        return ClientPayload(client=client, goals=goals)

    @mutation(f"Merge a contact into another. {_CONSEQUENCES}.")
    async def merge_contacts(self, info: Info, input: MergeInput) -> ContactPayload:
        contact, goals = await merging.merge_records(info.context, ContactType(), input.into, input.from_)
        return ContactPayload(contact=contact, goals=goals)

    @mutation(
        f"""Merge a lead into another: a conversion of either is that of the one that stays. {_CONSEQUENCES}, and for two
that were converted into different deals."""
    )
    async def merge_leads(self, info: Info, input: MergeInput) -> LeadPayload:
        lead, goals = await merging.merge_records(info.context, LeadType(), input.into, input.from_)
        return LeadPayload(lead=lead, goals=goals)
