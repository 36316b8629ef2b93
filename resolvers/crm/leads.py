"""Leads (заявки): record them, convert them into deals, or reject them."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors.user_errors import Conflict
from domain.ledger.record_facts import LeadStatus
from domain.primitives.global_ids import encoded
from models.crm.activities import ActivityKind
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.goals.goals import Goal
from resolvers.activities.entries import Line
from resolvers.crm.deals import Deals
from resolvers.crm.record_type import (
    Bench,
    Draft,
    Given,
    Keeper,
    created,
    edit,
    handed_over,
    lines_of,
    opened,
    record_many,
    recreated,
    referred,
)
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import References


class Leads(Keeper):
    kind = "Lead"
    refers = {"owner": "Employee", "client": "Client"}

    def begin(self, bench: Bench, given: Given) -> Lead:
        lead = Lead(status=LeadStatus.NEW)
        opened(bench, lead, bench.refs.new_owner(given.get("owner"), "input", "owner"), created(bench, given))
        return lead

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        lead: Lead = draft.row
        if "title" in given:
            lead.title = validation.name(given["title"], "input", "title")
        handed_over(bench, draft, given.get("owner"), "owner")
        referred(bench, draft, given, client="Client")
        lines_of(draft, given, source="source", contactName="contact_name", phone="phone", email="email")
        if "reason" in given:
            lead.rejected_reason = validation.note(given["reason"], "reason")
        lead.status = given.get("status") or lead.status
        recreated(bench, draft, given)

    def settle(self, bench: Bench, draft: Draft) -> None:
        """Credit a conversion to the owner of the lead at the time of conversion."""
        lead: Lead = draft.row
        if lead.status is not LeadStatus.CONVERTED:
            lead.converted_on = lead.converted_by = lead.converted_team = None
        elif lead.converted_on is None:
            owner = bench.refs.row("Employee", lead.owner_id)
            at = lead.created_at if draft.is_new else bench.now  # recorded as converted from the start: past data
            lead.converted_on = bench.calendar.day_of(at)
            lead.converted_by, lead.converted_team = owner.id, bench.places.team(owner, at)
        if lead.status is not LeadStatus.REJECTED:
            lead.rejected_reason = None

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        lead: Lead = draft.row
        lines = [self.line(draft, ActivityKind.LEAD_CREATED, lead.created_at)] if draft.is_new else []
        if draft.was.get("status", LeadStatus.NEW) is not lead.status:
            if lead.status is LeadStatus.CONVERTED:
                lines.append(self.line(draft, ActivityKind.LEAD_CONVERTED, bench.now, deal=lead.deal_id))
            elif lead.status is LeadStatus.REJECTED:
                lines.append(self.line(draft, ActivityKind.LEAD_REJECTED, bench.now, reason=lead.rejected_reason))
        return lines


async def record(context: Context, givens: Sequence[Given], *, aloud: bool = True) -> tuple[list[Lead], list[Goal]]:
    return await record_many(context, Leads(), givens, aloud=aloud)


async def convert(context: Context, id_: str, deal_given: Given) -> tuple[Lead, Deal, list[Goal]]:
    """Convert a lead into a deal, with the owner and client of the lead unless the input names others.

    Return the lead, the deal and the goals that moved.
    """
    refs = References(context)
    await refs.want("Lead", [id_])
    lead: Lead = refs.to_change("Lead", id_, "input", "id")
    if lead.status is LeadStatus.CONVERTED:
        raise Conflict("This lead has been converted already.", "input", "id")
    inherited = {} if deal_given.get("owner") is not None else {"owner": encoded("Employee", lead.owner_id)}
    made, moved = await record_many(
        context, Deals(lead.client_id), [{**deal_given, **inherited}], path=("input", "deal")
    )
    deal = made[0]

    def converted(bench: Bench, draft: Draft) -> None:
        draft.row.deal_id = deal.id
        draft.row.client_id = draft.row.client_id or deal.client_id

    changed, also = await edit(context, Leads(), id_, {"status": LeadStatus.CONVERTED}, converted)
    return changed, deal, list({goal.id: goal for goal in [*moved, *also]}.values())


async def reject(context: Context, id_: str, reason: str | None) -> tuple[Lead, list[Goal]]:
    return await edit(context, Leads(), id_, {"status": LeadStatus.REJECTED, "reason": reason}, path=("id",))
