"""Stores what taking back a change of a deal needs, with the change itself.

What follows from the restored deal alone, such as sale kinds of other deals, is computed when the change is taken back.
Stored is what nothing else tells: the columns, alerts and inactivity timers as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.alerts.rules import Subject
from domain.goals.tiers import Mark
from domain.ledger.record_facts import DealStatus
from domain.primitives.json_values import JsonObject
from models.alerts.inactivity import InactivityTimer
from models.crm import undo
from models.crm.deals import Deal
from models.crm.undo import UndoRecord
from models.db import row_store
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.request.unit_of_work import UnitOfWork

UNDO_PERIOD: Final = timedelta(minutes=10)  # after which a change can only be corrected
_UNDOABLE_COLUMNS: Final = (
    "stage_id",
    "status",
    "owner_id",
    "won_by",
    "lost_by",
)  # a change of one of these can be taken back
_TIMER_COLUMNS: Final = ("id", "kind", "subject_id", "since", "imported_until", "look_at")


@dataclass(frozen=True)
class StateBefore:
    """The state before a change of a deal.

    deal             the columns that the change set, with their values before
    entered_stage    whether the change made a stage entry
    raised_alert_ids  alerts that it raised
    resolved_before  by id of an alert that it resolved or let stand again: when it was resolved before
    timers           the inactivity timers that it changed; None where there was none
    refund_id        the refund that the change recorded
    achieved         by id of a goal: the marks of the tiers that were reached for the first time
    """

    deal: Mapping[str, Any]
    entered_stage: bool
    raised_alert_ids: list[int]
    resolved_before: Mapping[int, datetime | None]
    timers: Mapping[Subject, InactivityTimer | None]
    achieved: Mapping[int, list[Mark]]
    refund_id: int | None = None


async def save_undo_record(edit: EditContext, change: PendingChange[Deal]) -> None:
    """Store the state before a change that has its effects, if it can be taken back."""
    deal, previous = change.row, change.previous
    if previous is None or change.was_deleted or deal.deleted_at is not None:
        return
    columns = change.changed_columns
    if not any(column in columns for column in _UNDOABLE_COLUMNS):
        return
    is_reopened = deal.status is DealStatus.OPEN and previous.status is not DealStatus.OPEN
    enters_stage = ("stage_id" in columns or is_reopened) and not change.stage_entry_unknown
    before = _to_json(columns, edit.context.open_unit_of_work, enters_stage=enters_stage)
    await undo.insert_undo_record(deal.id, edit.now, before)


async def save_refund_record(edit: EditContext, deal_id: int, refunded_before: int | None, refund_id: int) -> None:
    """Store the state before a new refund of a deal that has its effects.

    refunded_before  the sum of the refunds before
    """
    before = _to_json({"refunded": refunded_before}, edit.context.open_unit_of_work, enters_stage=False)
    await undo.insert_undo_record(deal_id, edit.now, before | {"refund": refund_id})


def _to_json(columns: Mapping[str, object], unit_of_work: UnitOfWork, *, enters_stage: bool) -> JsonObject:
    alert_changes = unit_of_work.alert_changes
    new_ids = set(alert_changes.raised_ids)
    return {
        "deal": {name: _to_json_value(value) for name, value in columns.items()},
        "entered": enters_stage,
        "raised": alert_changes.raised_ids,
        "resolved": [
            [alert_id, at.isoformat() if at else None]
            for alert_id, at in alert_changes.resolved_before.items()
            if alert_id not in new_ids
        ],
        "timers": [
            [*subject, None if timer is None else [getattr(timer, name) for name in _TIMER_COLUMNS]]
            for subject, timer in unit_of_work.timers_before.items()
        ],
        "achieved": sorted(unit_of_work.announced_marks.items()),
    }


def _to_json_value(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def read_state_before(record: UndoRecord) -> StateBefore:
    """Return what `save_undo_record` has stored."""
    before = record.before
    return StateBefore(
        row_store.attributes_from_json(Deal, before["deal"]),
        before["entered"],
        before["raised"],
        {alert_id: datetime.fromisoformat(at) if at else None for alert_id, at in before["resolved"]},
        {
            (kind, subject_id): None
            if values is None
            else row_store.new(InactivityTimer, **dict(zip(_TIMER_COLUMNS, values, strict=True)))
            for kind, subject_id, values in before["timers"]
        },
        dict(before["achieved"]),
        before.get("refund"),
    )
