"""Mutations of leads."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import LeadStatus
from graph.base.input_mapping import to_input
from graph.base.mutations import mutation, payload, present
from graph.base.row_types import Info
from graph.mutations.deals import RecordDealInput
from graph.mutations.records import unwrap_single
from graph.types.deals import Deal
from graph.types.goals import Goal
from graph.types.leads import Lead
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
    lead: Lead | None
    goals: list[Goal]


@payload("The lead, its new deal, and the goals that moved.")
class ConvertLeadPayload:
    lead: Lead | None
    deal: Deal | None
    goals: list[Goal]


@strawberry.type
class LeadMutation:
    @mutation("Record a lead, or change one.")
    async def record_lead(self, info: Info, input: RecordLeadInput) -> LeadPayload:
        lead, goals = unwrap_single(await leads.upsert_leads(info.context, [to_input(LeadInput, input)]))
        return LeadPayload(lead=present(lead), goals=present(goals))

    @mutation("Convert a lead into a deal, with the owner and client of the lead unless others are given.")
    async def convert_lead(self, info: Info, input: ConvertLeadInput) -> ConvertLeadPayload:
        lead, deal, goals = await leads.convert_lead(info.context, input.id, to_input(DealInput, input.deal))
        return ConvertLeadPayload(lead=present(lead), deal=present(deal), goals=present(goals))

    @mutation("Reject a lead.")
    async def reject_lead(self, info: Info, id: ID, reason: str | None = None) -> LeadPayload:
        lead, goals = await leads.reject_lead(info.context, id, reason)
        return LeadPayload(lead=present(lead), goals=present(goals))
