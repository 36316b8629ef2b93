"""Stage history of deals: records when a deal enters a stage, and imports entries from another system.

A new deal enters its stage at its creation time, a moved deal at the time of the move, and a
reopened deal enters its stage again. An import that knows only the current stage of a deal records
no entry; earlier entries are imported separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from domain.errors.user_errors import Invalid, UserError
from domain.ledger.record_facts import DealStatus
from models.crm import deals
from models.crm.deals import Deal
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver


async def record_stage_entries(edit: EditContext, changes: Sequence[PendingChange[Deal]]) -> None:
    """Insert the stage entries that follow from these changes of deals."""
    entries = []
    for change in changes:
        deal, previous = change.row, change.previous
        is_reopened = deal.status is DealStatus.OPEN and previous and previous.status is not DealStatus.OPEN
        if change.stage_entry_unknown or not (change.has_changed("stage_id") or is_reopened):
            continue
        entries.append((deal.id, deal.stage_id, change.occurred_at or (deal.created_at if change.is_new else edit.now)))
    await deals.insert_stage_entries(
        (deal_id, stage_id, at, edit.calendar.day_of(at)) for deal_id, stage_id, at in entries
    )
    for change in changes:
        deal, previous = change.row, change.previous
        if previous and previous.created_at != deal.created_at:  # the first entry has the creation time
            await deals.move_first_stage_entry(deal, previous.created_at)


@dataclass(frozen=True)
class ImportedStageEntry:
    """An imported stage entry; the deal is given by a global id, or by `ext:` and its id in another system."""

    deal_global_id: str
    stage_id: int
    entered_at: datetime


async def import_stage_entries(
    context: RequestContext, imported_entries: Sequence[ImportedStageEntry]
) -> list[ImportOutcome | UserError]:
    """Add stage entries of another system without notifications; an error in one does not stop the others.

    returns  outcome or error of each entry, in their order: NEW, or UNCHANGED if the same entry exists already
    """
    if not imported_entries:
        return []
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Deal", (entry.deal_global_id for entry in imported_entries))
    stored_entries = await deals.fetch_stage_entries(resolver.loaded_ids("Deal"))
    existing_keys = {(entry.deal_id, entry.stage_id, entry.entered_at) for entry in stored_entries}
    calendar, now = await context.calendar(), context.now()
    results: list[ImportOutcome | UserError] = []
    new_entries: list[tuple[int, int, datetime, date]] = []
    for entry in imported_entries:
        try:
            deal = resolver.resolve_for_change(Deal, entry.deal_global_id, "input", "deal")
            entered_at = validation.clean_past_time(entry.entered_at, now, "input", "entered")
            _check_within_life(deal, calendar.day_of(entered_at))
        except UserError as error:
            results.append(error)
            continue
        key = (deal.id, entry.stage_id, entered_at)
        results.append(ImportOutcome.UNCHANGED if key in existing_keys else ImportOutcome.NEW)
        if key not in existing_keys:
            existing_keys.add(key)
            new_entries.append((deal.id, entry.stage_id, entered_at, calendar.day_of(entered_at)))
    await deals.insert_stage_entries(new_entries)
    return results


def _check_within_life(deal: Deal, entered_on: date) -> None:
    """Raise Invalid for a stage entered before the day on which the deal was created, or after that of its closing."""
    if entered_on < deal.created_on:
        raise Invalid(
            "The deal was created on {day}, after it entered this stage: check both.",
            "input",
            "entered",
            day=deal.created_on,
        )
    if deal.closed_on is not None and entered_on > deal.closed_on:
        raise Invalid(
            "The deal was closed on {day}, before it entered this stage: check both.",
            "input",
            "entered",
            day=deal.closed_on,
        )
