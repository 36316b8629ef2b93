"""Merges two clients, contacts or leads that are the same into one.

What refers to the one that goes refers to the other afterwards. The one that goes is marked as deleted, so that it counts
no longer, and keeps the ids by which others know it: they stand for the other one (`IdResolver`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from domain.alerts.rules import AlertKind
from domain.alerts.states import AlertState
from domain.errors.user_errors import Conflict, Invalid
from models.crm.activities import ActivityKind
from models.crm.clients import Client
from models.crm.merging import MergedRecord, MovedReferences, move_references
from models.db import row_store
from models.goals.goals import Goal
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.crm import refund_shares
from resolvers.crm.change_effects import apply_effects, compute_effects, publish_records_of
from resolvers.crm.inputs import RecordInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import to_history_value
from resolvers.crm.record_type import RecordType, load_edit_context, start_change
from resolvers.crm.sale_kinds import grade_clients
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import owner_id_of
from resolvers.request.topic_positions import records_topic

Merged = TypeVar("Merged", bound=MergedRecord)
Input = TypeVar("Input", bound=RecordInput)


async def merge_records(
    context: RequestContext, record_type: RecordType[Merged, Input], into_id: str, from_id: str
) -> tuple[Merged, list[Goal]]:
    """Merge a record into another of its kind; return the other one, and the goals that moved.

    into_id, from_id  ids of the record that stays and of the one that goes; the viewer may change both
    """
    edit = await load_edit_context(context, record_type, [RecordInput(id=into_id), RecordInput(id=from_id)])
    row = _resolve(edit, record_type, into_id, "into")
    other = _resolve(edit, record_type, from_id, "from")
    if row is other:
        raise Invalid("Name two different records.", "input", "from")
    change, other_change = start_change(row), start_change(other)
    record_type.merge_rows(row, other)
    row.update_duplicate_keys()
    other.deleted_at, other.merged_into_id = edit.now, row.id
    references = await move_references(record_type.model, other.id, row.id)
    await row_store.store_all([], [row, other])
    graded = await grade_clients(context, [row.id]) if isinstance(row, Client) else []
    deal_changes = [RecordChange("Deal", change.row.id, change.before, change.row.facts()) for change in graded]
    deal_changes += await refund_shares.follow_deals([change.row for change in graded])
    _publish(context, row, other, references)
    not_alerted = AlertState(dict.fromkeys(AlertKind, False))
    own_changes = [
        RecordChange(
            record_type.kind,
            row.id,
            change.before,
            row.facts(),
            _list_entries(edit, record_type, change, other),
            change.previous,
            record_type.alert_state(edit, row),
        ),
        RecordChange(
            record_type.kind, other.id, other_change.before, None, (), other_change.previous, alert_state=not_alerted
        ),
    ]
    effects = compute_effects([*own_changes, *deal_changes])
    return row, await apply_effects(context, effects, alerts_before=edit.rows.alerts)


def _resolve(edit: EditContext, record_type: RecordType[Merged, Input], global_id: str, field: str) -> Merged:
    """Return the record with an id. Raises Conflict for one that was merged into another."""
    row = edit.resolver.resolve_for_change(record_type.model, global_id, "input", field)
    if edit.resolver.was_merged(record_type.model, global_id):
        raise Conflict("This record was merged into another already: give that one's id.", "input", field)
    return row


def _publish(context: RequestContext, row: MergedRecord, other: MergedRecord, references: MovedReferences) -> None:
    publish_records_of(context, [row, other])
    context.publish(*map(records_topic, references.owner_ids), *(["deals"] if references.has_deals else []))


def _list_entries(
    edit: EditContext, record_type: RecordType[Merged, Input], change: PendingChange[Merged], other: Merged
) -> list[ActivityEntry]:
    """Return the entry that says what was taken over and what was kept, and one for another owner who has lost a record."""
    row, previous = change.row, change.previous
    new_values, conflicts = dict[str, object](), dict[str, object]()
    for column in record_type.merged_columns:
        value, other_value = getattr(row, column), getattr(other, column)
        if getattr(previous, column) is None and value is not None:
            new_values[column] = to_history_value(value)
        elif other_value is not None and other_value != value:
            conflicts[column] = [to_history_value(value), to_history_value(other_value)]
    name = getattr(other, "title", None) or getattr(other, "name", None)
    entry = record_type.make_entry(
        change,
        ActivityKind.RECORD_MERGED,
        edit.now,
        record=record_type.kind,
        merged=name,
        taken=new_values,
        kept=conflicts,
    )
    if owner_id_of(other) == owner_id_of(row):
        return [entry]
    data = {"record": record_type.kind, "title": name, "gone": True}
    return [entry, replace(entry, employee_id=owner_id_of(other), data=data)]
