"""Takes back the last change of a deal within ten minutes: then everything is as if it had not been.

A correction leaves its trace: the ledger gets postings of the difference, the feed another line. This is for slips: the
change itself is removed, with all that followed from it. What others have recorded since stays, and is computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Final

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound
from domain.goals.tiers import Mark, amount_of
from domain.primitives.global_ids import decode_global_id, encode_global_id
from models.alerts import alerts
from models.crm import activities as activity_rows
from models.crm import deals, refunds, undo
from models.crm.activities import Activity, ActivityKind
from models.crm.deals import Deal
from models.crm.undo import UndoRecord
from models.db import row_store
from models.goals.goals import Goal
from resolvers.activities.log import write_activity_entries
from resolvers.activities.queries import select_activities
from resolvers.alerts.evaluation import evaluate_alerts
from resolvers.alerts.restoration import restore_alerts
from resolvers.alerts.settlement import MovedGoals
from resolvers.crm import refund_shares, sale_kinds
from resolvers.crm.change_effects import move_goals, publish_records_of
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_type import load_edit_context
from resolvers.crm.undo_records import UNDO_PERIOD, StateBefore, read_state_before
from resolvers.crm.win_announcements import list_announcements
from resolvers.leaderboards.wins import announce_win
from resolvers.ledger.withdrawal import RestoredRecord, withdraw_postings
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver
from resolvers.request.topic_positions import records_topic

UNDOABLE_KINDS: Final = frozenset(
    {
        ActivityKind.DEAL_STAGE_CHANGED,
        ActivityKind.DEAL_WON,
        ActivityKind.DEAL_LOST,
        ActivityKind.DEAL_REOPENED,
        ActivityKind.DEAL_UPDATED,  # of a hand-over
        ActivityKind.DEAL_REFUNDED,
    }
)
_PATH: Final = "activity"


async def undo_change(context: RequestContext, global_id: str) -> tuple[Deal, list[Goal]]:
    """Take back the change of a deal that an activity tells of. Return the deal and the goals that moved.

    The viewer needs the rights that the opposite change needs: to change the deal, and to hand it over between the two
    owners if they differ. Raises Conflict if it is too late, was taken back already, or another change followed.
    """
    activity = await _find_activity(context, global_id)
    if activity.kind not in UNDOABLE_KINDS:
        raise Invalid(
            "This cannot be taken back: only moves, wins, losses, reopenings, hand-overs and refunds of deals can.",
            _PATH,
        )
    deal_id, recorded_at = activity.subject_id, activity.recorded_at
    edit = await load_edit_context(context, DealType(), [DealInput(id=encode_global_id("Deal", deal_id))])
    deal = edit.resolver.resolve_record(Deal, encode_global_id("Deal", deal_id), _PATH, with_deleted=True)
    edit.resolver.ensure_can_change(deal, _PATH)
    if context.now() - recorded_at > UNDO_PERIOD:
        raise Conflict("This can be taken back for ten minutes only: reopen, move or correct the deal instead.", _PATH)
    newest_changes = await undo.fetch_newest_changes([deal_id], recorded_at)
    if newest_changes[deal_id] != recorded_at:
        raise Conflict("This deal was changed again since: take that back first, or correct the deal.", _PATH)
    record = await undo.find_undo_record(deal_id, recorded_at)
    if record is None:
        raise Invalid(
            "This cannot be taken back: it changed neither stage, status nor owner, or was recorded together with others.",
            _PATH,
        )
    before = read_state_before(record)
    await _ensure_can_hand_back(edit.resolver, deal, before)
    return deal, await _restore(edit, deal, before, record)


async def find_undo_deadlines(
    context: RequestContext, changes: Sequence[tuple[str, str, int, datetime]]
) -> list[datetime | None]:
    """Return until when the viewer may take each change back, in the order of the changes; None if they may not.

    changes  kind, kind and id of the subject, and time of recording of each activity
    """
    now = context.now()
    recent_ids = {
        deal_id
        for kind, subject_kind, deal_id, recorded_at in changes
        if kind in UNDOABLE_KINDS and subject_kind == "Deal" and now - recorded_at <= UNDO_PERIOD
    }
    if not recent_ids:
        return [None] * len(changes)
    since = now - UNDO_PERIOD
    records = {(row.deal_id, row.recorded_at): row for row in await undo.fetch_undo_records(recent_ids, since)}
    newest_changes = await undo.fetch_newest_changes(recent_ids, since)
    resolver = IdResolver(context)
    await resolver.load_by_row_ids("Deal", recent_ids)
    await resolver.load_owners()
    deadlines: list[datetime | None] = []
    for kind, subject_kind, deal_id, recorded_at in changes:
        record = records.get((deal_id, recorded_at)) if subject_kind == "Deal" and kind in UNDOABLE_KINDS else None
        is_undoable = (
            record is not None
            and newest_changes[deal_id] == recorded_at
            and await _may_undo(resolver, resolver.get_row(Deal, deal_id), read_state_before(record))
        )
        deadlines.append(recorded_at + UNDO_PERIOD if is_undoable else None)
    return deadlines


async def _may_undo(resolver: IdResolver, deal: Deal, before: StateBefore) -> bool:
    try:
        resolver.ensure_can_change(deal)
        await _ensure_can_hand_back(resolver, deal, before)
    except Forbidden:
        return False
    return True


async def _find_activity(context: RequestContext, global_id: str) -> Activity:
    """Return an activity that the viewer may see. Raises NotFound, and Conflict if it was taken back."""
    type_and_id = decode_global_id(global_id)
    if type_and_id is None or type_and_id[0] != "Activity":
        raise NotFound("There is no such activity.", _PATH)
    query = await select_activities(context, await scopes.company_scope(context), None)
    activity = await query.find(type_and_id[1])
    if activity is not None:
        return activity
    undone = await undo.find_undone_activity(type_and_id[1])
    if undone is not None and undone.subject_kind == "Deal":
        resolver, deal_global_id = IdResolver(context), encode_global_id("Deal", undone.subject_id)
        await resolver.load_by_global_ids("Deal", [deal_global_id])
        resolver.resolve_record(Deal, deal_global_id, _PATH, with_deleted=True)
        raise Conflict("This has been taken back already.", _PATH)
    raise NotFound("There is no such activity.", _PATH)


async def _ensure_can_hand_back(resolver: IdResolver, deal: Deal, before: StateBefore) -> None:
    """Raise Forbidden if owner or credit would change and the viewer may not hand over between these employees."""
    columns = before.deal
    pairs = [
        (getattr(deal, name), columns[name])
        for name in ("owner_id", "won_by")
        if name in columns and columns[name] is not None and getattr(deal, name) is not None
    ]
    await resolver.load_by_row_ids("Employee", [employee_id for pair in pairs for employee_id in pair])
    for present_id, previous_id in pairs:
        resolver.ensure_can_reassign(present_id, previous_id, _PATH)


async def _restore(edit: EditContext, deal: Deal, before: StateBefore, record: UndoRecord) -> list[Goal]:
    context, recorded_at = edit.context, record.recorded_at
    change = PendingChange(deal, copy(deal), deal.facts())
    for name, value in before.deal.items():
        setattr(deal, name, value)
    restored_deals = await _save_deals(edit, change)
    if before.entered_stage:
        assert change.previous is not None
        await deals.delete_newest_stage_entry(deal.id, change.previous.stage_id)
    restored_records = [RestoredRecord("Deal", row.id, row.facts(), is_newest=row is deal) for row in restored_deals]
    if before.refund_id is not None:
        await refunds.delete(before.refund_id)
        restored_records.append(RestoredRecord("Refund", before.refund_id, None, is_newest=True))
    restored_records += [
        RestoredRecord("Refund", refund_change.subject_id, refund_change.after)
        for refund_change in await refund_shares.follow_deals(restored_deals)
    ]
    scores = await withdraw_postings(context, restored_records, recorded_at)
    moved_goals = await move_goals(context, scores)
    withdrawn_marks = _withdraw_achievements(context, before, moved_goals)
    await _withdraw_announcement(edit, change, recorded_at)
    taken_back = await undo.fetch_activities_of_change(deal.id, withdrawn_marks, recorded_at)
    vanished = await _restore_alerts(context, before, withdrawn_marks, recorded_at)
    await undo.delete_change(record, taken_back, vanished, context.now(), context.viewer.id)
    await write_activity_entries(context, moved_goals.achievements)
    await evaluate_alerts(context, (), moved_goals, notify=True)
    publish_records_of(context, [row for row in (change.previous, *restored_deals) if row is not None])
    context.publish(
        "deals",
        "activities",
        "undone",
        *{records_topic(row.employee_id) for row in taken_back if row.employee_id is not None},
    )
    return moved_goals.goals


async def _save_deals(edit: EditContext, change: PendingChange[Deal]) -> list[Deal]:
    """Store the restored deal, and other deals of the client with another sale kind by that; return all of them."""
    flipped = [pending.row for pending in sale_kinds.update_sale_kinds(edit, [change])]
    await row_store.store_all([], [change.row, *flipped])
    assert change.previous is not None
    if change.previous.created_at != change.row.created_at:
        await deals.move_first_stage_entry(change.row, change.previous.created_at)
    corrected = [pending.row for pending in await sale_kinds.correct_sale_kinds(edit, [change])]
    return [change.row, *flipped, *corrected]


def _withdraw_achievements(
    context: RequestContext, before: StateBefore, moved_goals: MovedGoals
) -> dict[int, list[Mark]]:
    """Let tiers of goals count as not reached yet that the change reached first; return their marks by goal.

    A tier that others have reached since stays announced.
    """
    withdrawn_marks: dict[int, list[Mark]] = {}
    for goal, value in zip(moved_goals.goals, moved_goals.values, strict=True):
        marks = [mark for mark in before.achieved.get(goal.id, ()) if value < amount_of(mark)]
        if marks:
            withdrawn_marks[goal.id] = marks
            context.open_unit_of_work.withdraw_announcements(goal, marks)
    return withdrawn_marks


async def _withdraw_announcement(edit: EditContext, change: PendingChange[Deal], recorded_at: datetime) -> None:
    """Revoke the announced win, or announce a win again of which the change has revoked the announcement."""
    for announcement in list_announcements(edit, [change], with_old_wins=True):
        last = await activity_rows.find_last_announcement(change.row.id)
        if last is not None and last.rung_at >= recorded_at and last.revoked is not announcement.revoked:
            await announce_win(edit.context, announcement)


async def _restore_alerts(
    context: RequestContext, before: StateBefore, withdrawn_marks: Mapping[int, list[Mark]], recorded_at: datetime
) -> list[tuple[int, int]]:
    """Let alerts be as before the change, but for those of tiers that others have reached since."""
    raised_ids = before.raised_alert_ids
    lasting_occurrences = {
        (goal_id, str(mark))
        for goal_id, marks in before.achieved.items()
        for mark in marks
        if mark not in withdrawn_marks.get(goal_id, ())
    }
    if lasting_occurrences:
        rows = await alerts.fetch_raised(raised_ids)
        raised_ids = [
            row.id
            for row in rows
            if row.subject_kind != "Goal" or (row.subject_id, row.occurrence) not in lasting_occurrences
        ]
    return await restore_alerts(context, raised_ids, before.resolved_before, before.timers, recorded_at)
