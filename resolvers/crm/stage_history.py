"""Stage history of deals: records when a deal enters a stage, and imports entries from another system.

A new deal enters its stage at its creation time, a moved deal at the time of the move, and a
reopened deal enters its stage again. An import that knows only the current stage of a deal records
no entry; earlier entries are imported separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from domain.errors.user_errors import Refusal
from domain.ledger.record_facts import DealStatus
from models.crm import deals
from models.crm.deals import StageVisit
from resolvers.crm.record_type import Bench, Draft, Outcome
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import References


async def follow(bench: Bench, drafts: Sequence[Draft]) -> None:
    """Insert the stage entries that follow from these changes of deals."""
    entries = []
    for draft in drafts:
        deal, was = draft.row, draft.was
        reopened = deal.status is DealStatus.OPEN and was.get("status", DealStatus.OPEN) is not DealStatus.OPEN
        if draft.untold or not (draft.changed("stage_id") or reopened):
            continue
        entries.append((deal.id, deal.stage_id, draft.at or (deal.created_at if draft.is_new else bench.now)))
    await deals.enter((deal, stage, at, bench.calendar.day_of(at)) for deal, stage, at in entries)
    for draft in drafts:
        if not draft.is_new and draft.changed("created_at"):  # the first entry has the creation time
            deal, was = draft.row, draft.was
            first = StageVisit.filter(deal_id=deal.id, entered_at=was["created_at"])
            await first.update(entered_at=deal.created_at, entered_on=deal.created_on)


@dataclass(frozen=True)
class Visit:
    """An imported stage entry; the deal is given by a global id, or by `ext:` and its id in another system."""

    deal: str
    stage: int
    at: datetime


async def bring_in(context: Context, told: Sequence[Visit]) -> list[Outcome | Refusal]:
    """Add stage entries of another system without notifications; an error in one does not stop the others.

    returns  outcome or error of each entry, in their order: NEW, or UNCHANGED if the same entry exists already
    """
    refs = References(context)
    await refs.want("Deal", (visit.deal for visit in told))
    known = await StageVisit.filter(deal_id__in=list(refs.numbers("Deal")) or [0])
    there = {(visit.deal_id, visit.stage_id, visit.entered_at) for visit in known}
    calendar, now = await context.calendar(), context.now()
    found: list[Outcome | Refusal] = []
    new: list[tuple[int, int, datetime, date]] = []
    for visit in told:
        try:
            deal = refs.to_change("Deal", visit.deal, "input", "deal")
            at = validation.past(visit.at, now, "input", "entered")
        except Refusal as refusal:
            found.append(refusal)
            continue
        key = (deal.id, visit.stage, at)
        found.append(Outcome.UNCHANGED if key in there else Outcome.NEW)
        if key not in there:
            there.add(key)
            new.append((deal.id, visit.stage, at, calendar.day_of(at)))
    await deals.enter(new)
    return found
