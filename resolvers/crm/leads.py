"""Leads: record them, convert them into deals, or reject them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from domain.alerts.rules import AlertKind
from domain.errors.user_errors import Conflict
from domain.ledger.record_facts import LeadStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.activities import ActivityKind
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.goals.goals import Goal
from resolvers.activities.entries import ActivityEntry
from resolvers.crm.deals import DealType
from resolvers.crm.record_type import (
    EditContext,
    PendingChange,
    RecordType,
    edit_record,
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
from resolvers.request.id_resolution import IdResolver
from resolvers.request.validation import InputFields

_HAND_OVER: Final = frozenset(
    {"owner_id", "opened_by", "opened_team", "deleted_at"}
)  # a change of these columns is no work on a lead


class LeadType(RecordType):
    kind = "Lead"
    reference_fields = {"owner": "Employee", "client": "Client"}

    def new_row(self, edit: EditContext, input: InputFields) -> Lead:
        lead = Lead(status=LeadStatus.NEW)
        set_creation_credit(
            edit,
            lead,
            edit.resolver.resolve_new_owner(
                input.get("owner"), "input", "owner", at=(created_at := resolve_creation_time(edit, input))
            ),
            created_at,
        )
        return lead

    def apply_input(self, edit: EditContext, change: PendingChange, input: InputFields) -> None:
        lead: Lead = change.row
        if "title" in input:
            lead.title = validation.clean_name(input["title"], "input", "title")
        reassign_owner(edit, change, input.get("owner"), "owner")
        set_references(edit, change, input, client="Client")
        set_text_fields(change, input, source="source", contactName="contact_name", phone="phone", email="email")
        if "reason" in input:
            lead.rejected_reason = validation.clean_note(input["reason"], "reason")
        lead.status = input.get("status") or lead.status
        update_created_at(edit, change, input)

    def derive_fields(self, edit: EditContext, change: PendingChange) -> None:
        """Credit a conversion to the owner of the lead at the time of conversion."""
        lead: Lead = change.row
        if lead.status is not LeadStatus.CONVERTED:
            lead.converted_at = lead.converted_on = lead.converted_by = lead.converted_team = None
        elif lead.converted_on is None:
            owner = edit.resolver.get_row("Employee", lead.owner_id)
            at = lead.created_at if change.is_new else edit.now  # recorded as converted from the start: past data
            lead.converted_at, lead.converted_on = at, edit.calendar.day_of(at)
            lead.converted_by, lead.converted_team = owner.id, edit.memberships.team_id_at(owner, at)
        if lead.status is not LeadStatus.REJECTED:
            lead.rejected_reason = None
        if lead.touched_at is None and (
            lead.status is not LeadStatus.NEW or change.changed_columns.keys() - _HAND_OVER
        ):
            lead.touched_at = lead.created_at if change.is_new else edit.now

    def alert_conditions(self, edit: EditContext, row: Lead) -> Mapping[AlertKind, bool]:
        return {
            AlertKind.LEAD_UNTOUCHED: row.status is LeadStatus.NEW and row.touched_at is None,
        }

    def activity_entries(self, edit: EditContext, change: PendingChange) -> Sequence[ActivityEntry]:
        lead: Lead = change.row
        entries = [self.make_entry(change, ActivityKind.LEAD_CREATED, lead.created_at)] if change.is_new else []
        if change.original.get("status", LeadStatus.NEW) is not lead.status:
            if lead.status is LeadStatus.CONVERTED:
                entries.append(self.make_entry(change, ActivityKind.LEAD_CONVERTED, edit.now, deal=lead.deal_id))
            elif lead.status is LeadStatus.REJECTED:
                entries.append(
                    self.make_entry(change, ActivityKind.LEAD_REJECTED, edit.now, reason=lead.rejected_reason)
                )
        return entries


async def upsert_leads(
    context: Context, inputs: Sequence[InputFields], *, notify: bool = True
) -> tuple[list[Lead], list[Goal]]:
    return await upsert_records(context, LeadType(), inputs, notify=notify)


async def convert_lead(context: Context, global_id: str, deal_input: InputFields) -> tuple[Lead, Deal, list[Goal]]:
    """Convert a lead into a deal, with the owner and client of the lead unless the input names others.

    Return the lead, the deal and the goals that moved.
    """
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Lead", [global_id])
    lead: Lead = resolver.resolve_for_change("Lead", global_id, "input", "id")
    if lead.status is LeadStatus.CONVERTED:
        raise Conflict("This lead has been converted already.", "input", "id")
    inherited_fields = (
        {} if deal_input.get("owner") is not None else {"owner": encode_global_id("Employee", lead.owner_id)}
    )
    new_deals, goals_moved_by_deal = await upsert_records(
        context, DealType(lead.client_id), [{**deal_input, **inherited_fields}], path=("input", "deal")
    )
    deal = new_deals[0]

    def link_deal(edit: EditContext, change: PendingChange) -> None:
        change.row.deal_id = deal.id
        change.row.client_id = change.row.client_id or deal.client_id

    converted_lead, goals_moved_by_lead = await edit_record(
        context, LeadType(), global_id, {"status": LeadStatus.CONVERTED}, link_deal
    )
    return converted_lead, deal, list({goal.id: goal for goal in [*goals_moved_by_deal, *goals_moved_by_lead]}.values())


async def reject_lead(context: Context, global_id: str, reason: str | None) -> tuple[Lead, list[Goal]]:
    return await edit_record(
        context, LeadType(), global_id, {"status": LeadStatus.REJECTED, "reason": reason}, path=("id",)
    )
