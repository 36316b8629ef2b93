"""Create, update and delete CRM records, one or in batches: the base class `RecordType` and the upsert pipeline.

A subclass of `RecordType` defines what is specific to deals, calls or leads; the steps are
the same for all: resolve the ids of the input, create or find the row, apply the input to
it, save the columns that changed, and compute and apply the effects of the change. An identical
repeat changes no column and therefore has no effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from domain.alerts.rules import AlertKind
from domain.alerts.states import AlertState
from domain.errors.user_errors import Conflict, UserError
from domain.ledger.record_facts import RecordFacts
from models.crm.activities import ActivityKind
from models.crm.records import CrmRecord
from models.db import row_store
from models.db.values import SqlRow
from models.edits.edit_rows import read_edit_rows
from models.goals.goals import Goal
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.crm.change_effects import apply_effects, compute_effects, publish_records_of
from resolvers.crm.edit_requests import build_edit_request
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import RecordInput
from resolvers.crm.pending_changes import EditContext, PendingChange, RelatedChanges
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.edit_groups import GroupDissolved
from resolvers.request.id_resolution import IdResolver, owner_id_of
from resolvers.request.idempotency import RequestRepeated

Row = TypeVar("Row", bound=CrmRecord)
Input = TypeVar("Input", bound=RecordInput)


class RecordType(Generic[Row, Input]):
    """Base class of record types: the pure functions of the upsert pipeline, in the order in which they are called."""

    model: type[Row]
    creation_activity: ClassVar[ActivityKind | None] = None
    credit_column: ClassVar[str | None] = None  # with an employee who need not be the owner any more
    facts_type: ClassVar[type[RecordFacts] | None] = None  # what metrics are computed from, except those of the company
    merged_columns: ClassVar[tuple[str, ...]] = ()  # that are filled in when another record is merged into one

    @cached_property
    def kind(self) -> str:
        """The GraphQL type of the records."""
        return self.model.__name__

    def needs_first_stage(self, inputs: Sequence[RecordInput]) -> bool:
        """Return whether a new record of the inputs may begin in the default stage, `EditContext.first_stage_id`."""
        return False

    def new_row(self, edit: EditContext, input: Input) -> Row:
        """Return a new row with its mandatory columns set."""
        raise NotImplementedError

    def apply_input(self, edit: EditContext, change: PendingChange[Row], input: Input) -> None:
        """Apply the input to the row."""
        raise NotImplementedError

    def derive_fields(self, edit: EditContext, change: PendingChange[Row]) -> None:
        """Set the columns that follow from the others and are decided once: days, credit, frozen rates."""

    def merge_rows(self, row: Row, other: Row) -> None:
        """Take over from another record, which is merged into the row, what the row lacks. May raise Conflict."""
        for column in self.merged_columns:
            if getattr(row, column) is None:
                setattr(row, column, getattr(other, column))

    def activity_entries(self, edit: EditContext, change: PendingChange[Row]) -> Sequence[ActivityEntry]:
        """Return the entries of the activity feed for the change."""
        return (
            [self.make_entry(change, self.creation_activity, edit.now)]
            if self.creation_activity and change.is_new
            else []
        )

    def alert_state(self, edit: EditContext, row: Row) -> AlertState:
        """Return which reasons for alerts hold for the record in its current state.

        An alert is resolved when its reason no longer holds; one of a kind that is not returned stays until the
        record is deleted.
        """
        return AlertState()

    def update_related(self, edit: EditContext, changes: Sequence[PendingChange[Row]]) -> Sequence[PendingChange[Row]]:
        """Set the columns that depend on other records, before the records are saved; return the changes of others."""
        return ()

    async def save_related(
        self, edit: EditContext, changes: Sequence[PendingChange[Row]], related_updates: Sequence[PendingChange[Row]]
    ) -> RelatedChanges:
        """Update dependent rows after the records are saved and before the effects are computed; return their changes.

        related_updates  what `update_related` has returned
        """
        return RelatedChanges()

    async def save_undo_record(self, edit: EditContext, changes: Sequence[PendingChange[Row]]) -> None:
        """Store what taking back the changes needs; called when all their effects stand, not for an import."""

    def make_entry(
        self, change: PendingChange[Row], kind: ActivityKind, at: datetime, /, **data: object
    ) -> ActivityEntry:
        row = change.row
        title = getattr(row, "title", None) or getattr(row, "name", None)
        deal_id = getattr(row, "deal_id", None)
        entry_data = {**({"title": title} if title else {}), **({"deal": deal_id} if deal_id else {}), **data}
        client_id = row.id if self.kind == "Client" else getattr(row, "client_id", None)
        return ActivityEntry(kind, self.kind, row.id, owner_id_of(row), at, entry_data, client_id)


async def upsert_records(
    context: RequestContext,
    record_type: RecordType[Row, Input],
    inputs: Sequence[Input],
    *,
    notify: bool = True,
    path: Sequence[str] = ("input",),
) -> tuple[list[Row], list[Goal]]:
    """Create records, and update those that an `id` or an existing `externalId` refers to: all or none.

    notify   False for an import: no alerts, no announcements
    path     path of the inputs in error paths; for ("inputs",) the index is appended
    returns  the rows in the order of the inputs, and the goals that moved
    """
    edit = await load_edit_context(context, record_type, inputs, allows_departed=not notify)
    # By id(row), as new rows have no key yet: the same externalId twice is one record.
    changes: dict[int, PendingChange[Row]] = {}
    rows: list[Row] = []
    for index, input in enumerate(inputs):
        try:
            change = _find_or_create(edit, record_type, input, changes)
            record_type.apply_input(edit, change, input)
            record_type.derive_fields(edit, change)
            if context.open_unit_of_work.is_group:
                _ensure_independent(change, changes.values())
        except UserError as error:
            raise error.with_path_prefix(*path, *([str(index)] if path == ("inputs",) else [])) from None
        changes[id(change.row)] = change
        rows.append(change.row)
    return rows, await _save_changes(edit, record_type, list(changes.values()), notify=notify)


async def import_records(
    context: RequestContext, record_type: RecordType[Row, Input], inputs: Sequence[Input]
) -> list[ImportOutcome | UserError]:
    """Create or update records of another system without notifications; an error in one input does not stop the others.

    inputs   each with a different externalId; those of records that were merged mean the same record
    returns  the outcome or the error of each input, in their order
    """
    edit = await load_edit_context(context, record_type, inputs, allows_departed=True)
    changes: dict[int, PendingChange[Row]] = {}
    results: list[PendingChange[Row] | UserError] = []
    for input in inputs:
        columns_before: SqlRow | None = None
        try:
            change = _find_or_create(edit, record_type, input, changes)
            if id(change.row) in changes:
                columns_before = row_store.column_values(change.row)
            record_type.apply_input(edit, change, input)
            record_type.derive_fields(edit, change)
        except UserError as error:
            results.append(error)
            if columns_before is not None:  # what an earlier input has changed is saved
                vars(change.row).update(columns_before)
            continue
        changes[id(change.row)] = change
        results.append(change)
    await _save_changes(edit, record_type, list(changes.values()), notify=False)
    return [
        result if isinstance(result, UserError) else ImportOutcome.of(result.is_new, result.changed_columns)
        for result in results
    ]


async def edit_record(
    context: RequestContext,
    record_type: RecordType[Row, Input],
    global_id: str,
    input: Input,
    modify: Callable[[EditContext, PendingChange[Row]], None] | None = None,
    *,
    path: Sequence[str] = ("input", "id"),
) -> tuple[Row, list[Goal]]:
    """Update one record: apply the input, then `modify`. Return the row and the goals that moved."""
    edit = await load_edit_context(context, record_type, [replace(input, id=global_id)])
    change = start_change(edit.resolver.resolve_for_change(record_type.model, global_id, *path))
    record_type.apply_input(edit, change, input)
    if modify:
        modify(edit, change)
    record_type.derive_fields(edit, change)
    return change.row, await _save_changes(edit, record_type, [change], notify=True)


async def soft_delete_record(
    context: RequestContext,
    record_type: RecordType[Row, Input],
    global_id: str,
    *path: str,
    ensure_deletable: Callable[[RequestContext, Row], Awaitable[None]] | None = None,
) -> tuple[Row, list[Goal]]:
    """Mark a record as deleted, which withdraws all its scores; the activity feed keeps it. A repetition changes nothing.

    ensure_deletable  raises Conflict if other records depend on the record: they are to be deleted or moved first
    """
    edit = await load_edit_context(context, record_type, [RecordInput(id=global_id)])
    change = start_change(edit.resolver.resolve_for_deletion(record_type.model, global_id, *path))
    if ensure_deletable and change.row.deleted_at is None:
        await ensure_deletable(context, change.row)
    change.row.deleted_at = change.row.deleted_at or edit.now
    return change.row, await _save_changes(edit, record_type, [change], notify=True)


async def load_edit_context(
    context: RequestContext,
    record_type: RecordType[Row, Input],
    inputs: Sequence[RecordInput],
    *,
    allows_departed: bool = False,
) -> EditContext:
    """Return what the edits of some inputs need, and raise RequestRepeated for a repeated idempotency key."""
    resolver = IdResolver(context, allows_departed=allows_departed)
    request = await build_edit_request(
        context, record_type.model, record_type.credit_column, record_type.facts_type, inputs
    )
    unit_of_work = context.open_unit_of_work
    reads_committed = unit_of_work.reads_committed
    edit_rows = await read_edit_rows(request)
    if edit_rows.saved_response is not None:
        raise RequestRepeated(edit_rows.saved_response)
    if edit_rows.merged_into_ids:  # some ids stand for other records, of which as much is needed
        edit_rows = await read_edit_rows(request.with_ids(edit_rows.merged_into_ids))
    if reads_committed:
        unit_of_work.goals_read = edit_rows.goals.goals
    resolver.add_edit_rows(edit_rows)
    context.edited_employees = {employee.id: employee for employee in edit_rows.employees}
    company, now = await context.company(), context.now()
    first_stage = await context.first_stage() if record_type.needs_first_stage(inputs) else None
    return EditContext(
        context,
        company,
        company.calendar,
        await context.rates(),
        resolver,
        resolver.memberships,
        now,
        company.calendar.day_of(now),
        edit_rows,
        first_stage.id if first_stage else None,
    )


def start_change(row: Row) -> PendingChange[Row]:
    """Return a change of a stored record, before anything is changed."""
    return PendingChange(row, copy(row), row.facts())


def _find_or_create(
    edit: EditContext, record_type: RecordType[Row, Input], input: Input, changes: Mapping[int, PendingChange[Row]]
) -> PendingChange[Row]:
    external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    # A row that this call has edited already goes on with its pending change, so that a batch that repeats an
    # externalId or id saves and posts one difference.
    row_found = edit.resolver.find_existing(record_type.model, input.id, external_id)
    if row_found is None:
        row = record_type.new_row(edit, input)
        row.external_id = external_id
        if external_id:
            edit.resolver.register_new_row(record_type.kind, external_id, row)
        return PendingChange(row, None, None)
    change = changes.get(id(row_found)) or start_change(row_found)
    if external_id and row_found.external_id != external_id:  # found by its id
        other = edit.resolver.find_by_external_id(record_type.model, external_id)
        if other is not None and other is not row_found:
            raise Conflict("Another record has this externalId: leave it out, or give its `id`.", "input", "externalId")
        if other is None:  # else it is that of a record that was merged into this one, and stays there
            row_found.external_id = external_id
            edit.resolver.register_new_row(record_type.kind, external_id, row_found)
    row_found.deleted_at = None  # recording a deleted record again restores it
    return change


def _ensure_independent(change: PendingChange[Row], others: Iterable[PendingChange[Row]]) -> None:
    """Raise GroupDissolved unless the record is new, and of another client and another deal than the others.

    Several ids may stand for one record, so this is known only now that they are resolved.
    """
    references = _list_references(change.row)
    if not change.is_new or any(
        other.row is change.row or not references.isdisjoint(_list_references(other.row)) for other in others
    ):
        raise GroupDissolved


def _list_references(row: CrmRecord) -> set[tuple[str, int]]:
    ids = {column: getattr(row, column, None) for column in ("client_id", "deal_id")}
    return {(column, row_id) for column, row_id in ids.items() if row_id is not None}


async def _save_changes(
    edit: EditContext, record_type: RecordType[Row, Input], changes: Sequence[PendingChange[Row]], *, notify: bool
) -> list[Goal]:
    new_changes = [change for change in changes if change.is_new]
    updates = [change for change in changes if change.changed_columns]
    for change, new_id in zip(new_changes, edit.rows.new_ids, strict=False):
        change.row.pk = new_id
    effective_changes = [*new_changes, *updates]
    if not effective_changes:
        return []
    related_updates = record_type.update_related(edit, effective_changes)
    await row_store.store_all(
        [change.row for change in new_changes], [change.row for change in [*updates, *related_updates]]
    )
    related = await record_type.save_related(edit, effective_changes, related_updates)
    publish_records_of(edit.context, [change.row for change in [*effective_changes, *related_updates]])
    record_changes = [_build_record_change(edit, record_type, change) for change in effective_changes]
    record_changes += [
        RecordChange(record_type.kind, change.row.id, change.before, change.row.facts()) for change in related_updates
    ]
    effects = compute_effects([*record_changes, *related.changes], related.announcements)
    tree = edit.current_tree
    new_subjects = {(record_type.kind, change.row.id) for change in new_changes}  # without alerts or timers so far
    alerts_before = edit.rows.alerts
    goals = await apply_effects(
        edit.context,
        effects,
        notify=notify,
        tree=tree,
        goals_before=None if tree is None else edit.rows.goals,
        alerts_before=replace(alerts_before, subjects=alerts_before.subjects | new_subjects),
    )
    if notify:
        await record_type.save_undo_record(edit, effective_changes)
    return goals


def _build_record_change(
    edit: EditContext, record_type: RecordType[Row, Input], change: PendingChange[Row]
) -> RecordChange:
    row, state = change.row, record_type.alert_state(edit, change.row)
    if row.deleted_at is not None:
        kind = ActivityKind.DEAL_DELETED if record_type.kind == "Deal" else ActivityKind.RECORD_DELETED
        entries: Sequence[ActivityEntry] = [record_type.make_entry(change, kind, edit.now, record=record_type.kind)]
        state = replace(state, conditions=dict.fromkeys(AlertKind, False))
    else:
        entries = record_type.activity_entries(edit, change)
        if change.was_deleted and change.previous:
            state = replace(state, deleted_before=change.previous.deleted_at)
    return RecordChange(record_type.kind, row.id, change.before, row.facts(), entries, change.previous, state)
