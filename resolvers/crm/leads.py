"""Leads: record them, convert them into deals, or reject them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from domain.alerts.rules import AlertKind
from domain.alerts.states import AlertState
from domain.errors.user_errors import Conflict
from domain.ledger.record_facts import LeadFacts, LeadStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.activities import ActivityKind
from models.crm.clients import Client
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.db import row_store
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import ActivityEntry
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealInput, LeadInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import reassign_owner, resolve_reference, set_creation_credit, update_created_at
from resolvers.crm.record_type import RecordType, edit_record, upsert_records
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver
from resolvers.request.validation import clean_update

_HAND_OVER: Final = frozenset(
    {"owner_id", "opened_by", "opened_team", "deleted_at"}
)  # a change of these columns is no work on a lead


class LeadType(RecordType[Lead, LeadInput]):
    model = Lead
    facts_type = LeadFacts
    merged_columns = ("source", "client_id", "deal_id", "contact_name", "phone", "email")

    def new_row(self, edit: EditContext, input: LeadInput) -> Lead:
        lead = row_store.new(Lead, status=LeadStatus.NEW)
        set_creation_credit(edit, lead, input)
        return lead

    def apply_input(self, edit: EditContext, change: PendingChange[Lead], input: LeadInput) -> None:
        lead, clean_line = change.row, validation.clean_optional_line
        lead.title = clean_update(input.title, lead.title, validation.clean_name, "input", "title")
        reassign_owner(edit, change, input.owner)
        lead.client_id = resolve_reference(edit, Client, input.client, lead.client_id, "input", "client")
        lead.source = clean_update(input.source, lead.source, clean_line, "input", "source")
        lead.contact_name = clean_update(input.contact_name, lead.contact_name, clean_line, "input", "contactName")
        lead.phone = clean_update(input.phone, lead.phone, clean_line, "input", "phone")
        lead.email = clean_update(input.email, lead.email, validation.clean_optional_email, "input", "email")
        lead.rejected_reason = clean_update(input.reason, lead.rejected_reason, validation.clean_note, "reason")
        lead.status = input.status or lead.status
        update_created_at(edit, change, input)

    def derive_fields(self, edit: EditContext, change: PendingChange[Lead]) -> None:
        """Credit a conversion to the owner of the lead at the time of conversion."""
        lead = change.row
        lead.update_duplicate_keys()
        if lead.status is not LeadStatus.CONVERTED:
            lead.converted_at = lead.converted_on = lead.converted_by = lead.converted_team = None
        elif lead.converted_on is None:
            owner = edit.resolver.get_row(Employee, lead.owner_id)
            at = lead.created_at if change.is_new else edit.now  # recorded as converted from the start: past data
            lead.converted_at, lead.converted_on = at, edit.calendar.day_of(at)
            lead.converted_by, lead.converted_team = owner.id, edit.memberships.team_id_at(owner, at)
        if lead.status is not LeadStatus.REJECTED:
            lead.rejected_reason = None
        if lead.touched_at is None and (
            lead.status is not LeadStatus.NEW or change.changed_columns.keys() - _HAND_OVER
        ):
            lead.touched_at = lead.created_at if change.is_new else edit.now

    def merge_rows(self, row: Lead, other: Lead) -> None:
        """Take over what the lead lacks, the conversion of the other included, and what was done about either.

        Raises Conflict if both were converted into deals: these would be one sale counted twice, or two requests.
        """
        is_converted = row.status is LeadStatus.CONVERTED
        if other.status is LeadStatus.CONVERTED:
            if is_converted and row.deal_id and other.deal_id and row.deal_id != other.deal_id:
                raise Conflict("Both leads were converted into deals: delete one of the deals first.", "input", "from")
            if not is_converted:
                row.status, row.deal_id, row.rejected_reason = other.status, other.deal_id, None
                row.converted_at, row.converted_on = other.converted_at, other.converted_on
                row.converted_by, row.converted_team = other.converted_by, other.converted_team
        elif row.status is LeadStatus.NEW and other.status is LeadStatus.IN_PROGRESS:
            row.status = other.status
        row.touched_at = min(filter(None, [row.touched_at, other.touched_at]), default=None)
        super().merge_rows(row, other)

    def alert_state(self, edit: EditContext, row: Lead) -> AlertState:
        conditions = {
            AlertKind.LEAD_UNTOUCHED: row.status is LeadStatus.NEW and row.touched_at is None,
        }
        return AlertState(conditions)

    def activity_entries(self, edit: EditContext, change: PendingChange[Lead]) -> Sequence[ActivityEntry]:
        lead = change.row
        entries = [self.make_entry(change, ActivityKind.LEAD_CREATED, lead.created_at)] if change.is_new else []
        if (change.previous.status if change.previous else LeadStatus.NEW) is not lead.status:
            if lead.status is LeadStatus.CONVERTED:
                entries.append(self.make_entry(change, ActivityKind.LEAD_CONVERTED, edit.now, deal=lead.deal_id))
            elif lead.status is LeadStatus.REJECTED:
                entries.append(
                    self.make_entry(change, ActivityKind.LEAD_REJECTED, edit.now, reason=lead.rejected_reason)
                )
        return entries


async def upsert_leads(
    context: RequestContext, inputs: Sequence[LeadInput], *, notify: bool = True
) -> tuple[list[Lead], list[Goal]]:
    return await upsert_records(context, LeadType(), inputs, notify=notify)


async def convert_lead(context: RequestContext, global_id: str, deal_input: DealInput) -> tuple[Lead, Deal, list[Goal]]:
    """Convert a lead into a deal, with the owner and client of the lead unless the input names others.

    Return the lead, the deal and the goals that moved.
    """
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Lead", [global_id])
    lead = resolver.resolve_for_change(Lead, global_id, "input", "id")
    if lead.status is LeadStatus.CONVERTED:
        raise Conflict("This lead has been converted already.", "input", "id")
    if deal_input.owner is None:
        deal_input = replace(deal_input, owner=encode_global_id("Employee", lead.owner_id))
    new_deals, goals_moved_by_deal = await upsert_records(
        context, DealType(lead.client_id), [deal_input], path=("input", "deal")
    )
    deal = new_deals[0]

    def link_deal(edit: EditContext, change: PendingChange[Lead]) -> None:
        change.row.deal_id = deal.id
        change.row.client_id = change.row.client_id or deal.client_id

    converted_lead, goals_moved_by_lead = await edit_record(
        context, LeadType(), global_id, LeadInput(status=LeadStatus.CONVERTED), link_deal
    )
    return converted_lead, deal, list({goal.id: goal for goal in [*goals_moved_by_deal, *goals_moved_by_lead]}.values())


async def reject_lead(context: RequestContext, global_id: str, reason: str | None) -> tuple[Lead, list[Goal]]:
    return await edit_record(
        context, LeadType(), global_id, LeadInput(status=LeadStatus.REJECTED, reason=reason), path=("id",)
    )
