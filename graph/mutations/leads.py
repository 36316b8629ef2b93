"""Mutations of leads."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import LeadStatus
from graph.base.input_mapping import to_input
from graph.base.lazy_types import DealRef, GoalRef, LeadRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.mutations.deals import RecordDealInput
from graph.mutations.records import unwrap_single
from resolvers.crm import leads
from resolvers.crm.inputs import DealInput, LeadInput


@strawberry.input
class RecordLeadInput:
    id: ID | None = UNSET
    title: str
    owner: ID | None = UNSET
    source: str | None = UNSET
    status: LeadStatus | None = UNSET
    client: ID | None = UNSET
    contact_name: str | None = UNSET
    phone: str | None = UNSET
    email: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class ConvertLeadInput:
    id: ID
    deal: RecordDealInput
    idempotency_key: str | None = UNSET


@payload("The lead, and the goals that moved.")
class LeadPayload:
    lead: LeadRef | None
    goals: list[GoalRef]


@payload("The lead, its new deal, and the goals that moved.")
class ConvertLeadPayload:
    lead: LeadRef | None
    deal: DealRef | None
    goals: list[GoalRef]


@strawberry.type
class LeadMutation:
    @mutation("Record a lead, or change one.", edits_records=True)
    async def record_lead(self, info: Info, input: RecordLeadInput) -> LeadPayload:
        lead, goals = unwrap_single(await leads.upsert_leads(info.context, [to_input(LeadInput, input)]))
        return LeadPayload(lead=lead, goals=goals)

    @mutation("Convert a lead into a deal, with the owner and client of the lead unless others are given.")
    async def convert_lead(self, info: Info, input: ConvertLeadInput) -> ConvertLeadPayload:
        lead, deal, goals = await leads.convert_lead(info.context, input.id, to_input(DealInput, input.deal))
        return ConvertLeadPayload(lead=lead, deal=deal, goals=goals)

    @mutation("Reject a lead.")
    async def reject_lead(self, info: Info, id: ID, reason: str | None = None) -> LeadPayload:
        lead, goals = await leads.reject_lead(info.context, id, reason)
        return LeadPayload(lead=lead, goals=goals)
