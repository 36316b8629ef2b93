"""Applies input fields that several record types share: creation, owner and references."""

from __future__ import annotations

from datetime import date, datetime

from domain.primitives.unset import UNSET, Unset
from models.crm.records import CrmRecord, OwnedRecord
from resolvers.crm.inputs import OwnedRecordInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_type import Row
from resolvers.request import validation
from resolvers.request.id_resolution import OWNER_FIELDS


def resolve_creation_time(edit: EditContext, input: OwnedRecordInput) -> datetime:
    """Return the creation time of a new record: `createdAt` of the input, else now."""
    return (
        validation.clean_past_time(input.created_at, edit.now, "input", "createdAt") if input.created_at else edit.now
    )


def set_creation_credit(
    edit: EditContext, row: OwnedRecord, input: OwnedRecordInput, created_at: datetime | None = None
) -> None:
    """Set the owner and the creation of a new record, and credit it to the owner in the team of that time.

    created_at  None for that of the input
    """
    created_at = created_at or resolve_creation_time(edit, input)
    owner = edit.resolver.resolve_new_owner(input.owner, "input", "owner", at=created_at)
    row.owner_id, row.created_at = owner.id, created_at
    row.created_on = edit.calendar.day_of(created_at)
    row.opened_by, row.opened_team = owner.id, edit.memberships.team_id_at(owner, created_at)


def update_created_at(edit: EditContext, change: PendingChange[Row], input: OwnedRecordInput) -> None:
    """Apply `createdAt` to an existing record: correct the creation time and the day it counts on."""
    row = change.row
    if input.created_at and not change.is_new and isinstance(row, OwnedRecord):
        row.created_at = resolve_creation_time(edit, input)
        if change.has_changed("created_at"):
            row.created_on = edit.calendar.day_of(row.created_at)


def reassign_owner(edit: EditContext, change: PendingChange[Row], global_id: str | None) -> None:
    """Assign an existing record to a new owner."""
    if global_id is not None and not change.is_new:
        field = OWNER_FIELDS[type(change.row).__name__]
        new_owner = edit.resolver.resolve_reassignment(change.row, global_id, "input", field)
        setattr(change.row, f"{field}_id", new_owner.id)


def resolve_reference(
    edit: EditContext, model: type[CrmRecord], global_id: str | Unset | None, current_id: int | None, *path: str
) -> int | None:
    """Return the id of the record that an input refers to; null clears it, and a field left out keeps the current one."""
    if global_id is UNSET:
        return current_id
    return None if global_id is None else edit.resolver.resolve_record(model, global_id, *path).id


def to_history_value(value: object) -> str | None:
    """Return a column's value as stored in activity data: a string, dates in ISO format."""
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)
