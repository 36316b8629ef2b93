"""What happens to converted leads when their deals are deleted or recorded again."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from domain.ledger.record_facts import LeadStatus
from models.crm import leads
from models.crm.deals import Deal
from models.db import row_store
from models.organization.people import Employee
from resolvers.activities.entries import RecordChange
from resolvers.crm.pending_changes import EditContext, PendingChange

_OPEN = (LeadStatus.NEW, LeadStatus.IN_PROGRESS)


async def follow_deals(edit: EditContext, deal_changes: Sequence[PendingChange[Deal]]) -> list[RecordChange]:
    """Reopen the leads of deleted deals, and convert those of restored deals again; return their changes.

    The conversion of a deleted deal is withdrawn. One of a restored deal counts on the day on which it is restored.
    """
    deleted_ids = {change.row.id for change in deal_changes if change.row.deleted_at and not change.was_deleted}
    restored_ids = {change.row.id for change in deal_changes if not change.row.deleted_at and change.was_deleted}
    if not deleted_ids and not restored_ids:
        return []
    rows = await leads.fetch_existing_of_deals([*deleted_ids, *restored_ids])
    await edit.resolver.load_by_row_ids("Employee", [lead.owner_id for lead in rows])
    record_changes = []
    for lead in rows:
        before, previous = lead.facts(), copy(lead)
        if lead.deal_id in deleted_ids and previous.status is LeadStatus.CONVERTED:
            lead.status = LeadStatus.IN_PROGRESS
            lead.converted_at = lead.converted_on = lead.converted_by = lead.converted_team = None
        elif lead.deal_id in restored_ids and previous.status in _OPEN:
            owner = edit.resolver.get_row(Employee, lead.owner_id)
            lead.status, lead.converted_at = LeadStatus.CONVERTED, edit.now
            lead.converted_on = edit.calendar.day_of(edit.now)
            lead.converted_by, lead.converted_team = owner.id, edit.memberships.team_id_at(owner, edit.now)
        else:
            continue
        await row_store.save(lead, "status", "converted_at", "converted_on", "converted_by", "converted_team")
        record_changes.append(RecordChange("Lead", lead.id, before, lead.facts(), previous=previous))
    return record_changes
