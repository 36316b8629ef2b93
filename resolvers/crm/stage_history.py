"""The stage history of deals: which stage each entered when, kept from the day it is recorded.

A new deal enters its stage when it was created, a moved one when it is moved, and one that is
opened again enters its stage again. An import that knows no more than where a deal stands
today says so; what another system knows of the way there is brought in apart.
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
    """Note the stages that these deals have entered with their change."""
    entries = []
    for draft in drafts:
        deal, was = draft.row, draft.was
        reopened = deal.status is DealStatus.OPEN and was.get("status", DealStatus.OPEN) is not DealStatus.OPEN
        if draft.untold or not (draft.changed("stage_id") or reopened):
            continue
        entries.append((deal.id, deal.stage_id, draft.at or (deal.created_at if draft.is_new else bench.now)))
    await deals.enter((deal, stage, at, bench.calendar.day_of(at)) for deal, stage, at in entries)
    for draft in drafts:
        if not draft.is_new and draft.changed("created_at"):  # it entered its first stage when it was created
            deal, was = draft.row, draft.was
            first = StageVisit.filter(deal_id=deal.id, entered_at=was["created_at"])
            await first.update(entered_at=deal.created_at, entered_on=deal.created_on)


@dataclass(frozen=True)
class Visit:
    """That a deal, by an id of ours or `ext:` and another system's, entered a stage at a moment."""

    deal: str
    stage: int
    at: datetime


async def bring_in(context: Context, told: Sequence[Visit]) -> list[Outcome | Refusal]:
    """Add what another system knows of the way of deals, silently and each by itself; what is known stays one.

    returns  what became of each, in their order: NEW, or UNCHANGED for one that is known
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
