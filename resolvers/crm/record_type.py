"""Create, update and delete CRM records, one or in batches: the base class `RecordType` and the upsert pipeline.

A subclass of `RecordType` defines what is specific to deals, calls or leads; the steps are
the same for all: resolve the ids of the input, create or find the row, apply the input to
it, save the columns that changed, and hand the change to `apply_change_effects`. An identical
repeat changes no column and therefore has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import ClassVar, Generic, TypeVar

from domain.alerts.rules import AlertKind
from domain.errors.user_errors import Conflict, UserError
from domain.ledger.record_facts import RecordFacts
from domain.primitives.calendar import Calendar
from domain.primitives.unset import UNSET, Unset
from models.crm import records
from models.crm.activities import ActivityKind
from models.crm.records import CrmRecord, OwnedRecord
from models.goals.goals import Goal
from models.organization.company import Company, ExchangeRateTable
from models.organization.people import TeamMembershipHistory
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.crm.change_effects import apply_change_effects
from resolvers.crm.inputs import OwnedRecordInput, RecordInput
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import OWNER_FIELDS, IdResolver, owner_id_of

Row = TypeVar("Row", bound=CrmRecord)
Input = TypeVar("Input", bound=RecordInput)


@dataclass
class EditContext:
    """Data that the edits of one call need, loaded once for one record or five hundred."""

    context: Context
    company: Company
    calendar: Calendar
    rates: ExchangeRateTable
    resolver: IdResolver
    memberships: TeamMembershipHistory
    now: datetime
    first_stage_id: int | None = None  # the default stage of a new record, for record types with stages


@dataclass
class PendingChange(Generic[Row]):
    """A record being edited: the row with the new values, a copy with the old ones, and its facts before the edit."""

    row: Row
    previous: Row | None  # None for a new record
    before: RecordFacts | None
    move_credit: bool = False
    occurred_at: datetime | None = None  # when it happened; None means now
    stage_entry_unknown: bool = False  # of an imported deal: the time it entered its stage is unknown

    @property
    def is_new(self) -> bool:
        return self.previous is None

    @property
    def original(self) -> dict[str, object]:
        """Return the columns before the edit; empty for a new record."""
        return {name: getattr(self.previous, name) for name in records.list_columns(type(self.row)) if self.previous}

    @property
    def changed_columns(self) -> dict[str, object]:
        """Return the columns that changed, with their old values."""
        return {name: old for name, old in self.original.items() if getattr(self.row, name) != old}

    @property
    def is_restored(self) -> bool:
        """Return whether the record was deleted before the edit."""
        return self.previous is not None and self.previous.deleted_at is not None

    def has_changed(self, column: str) -> bool:
        return self.previous is None or getattr(self.previous, column) != getattr(self.row, column)


class RecordType(Generic[Row, Input]):
    """Base class of record types: the hooks of the upsert pipeline, in the order in which they are called."""

    kind: ClassVar[str]
    creation_activity: ClassVar[ActivityKind | None] = None
    has_stages: ClassVar[bool] = False  # whether its records go through pipeline stages

    def required_employees(self, resolver: IdResolver) -> Collection[int | None]:
        """Return the ids of employees to load in addition to those in the inputs and the owners."""
        return ()

    def new_row(self, edit: EditContext, input: Input) -> Row:
        """Return a new row with its mandatory columns set."""
        raise NotImplementedError

    def apply_input(self, edit: EditContext, change: PendingChange[Row], input: Input) -> None:
        """Apply the input to the row."""
        raise NotImplementedError

    def derive_fields(self, edit: EditContext, change: PendingChange[Row]) -> None:
        """Set the columns that follow from the others and are decided once: days, credit, frozen rates."""

    def activity_entries(self, edit: EditContext, change: PendingChange[Row]) -> Sequence[ActivityEntry]:
        """Return the entries of the activity feed for the change."""
        return (
            [self.make_entry(change, self.creation_activity, edit.now)]
            if self.creation_activity and change.is_new
            else []
        )

    def alert_conditions(self, edit: EditContext, row: Row) -> Mapping[AlertKind, bool]:
        """Return whether the condition of each kind of alert holds for the record in its current state.

        An alert is resolved when its condition no longer holds; one of a kind that is not returned stays until
        the record is deleted.
        """
        return {}

    def alert_occurrences(self, row: Row) -> Mapping[AlertKind, str]:
        """Return which occurrence the condition of a kind of alert is about, for kinds with an `occurrence`.

        The texts are those that the activity stores.
        """
        return {}

    async def check_deletable(self, edit: EditContext, row: Row, *path: str) -> None:
        """Raise Conflict if other records depend on the record: they are to be deleted or moved first."""

    async def after_save(self, edit: EditContext, changes: Sequence[PendingChange[Row]]) -> list[RecordChange]:
        """Update dependent rows after the records are saved and before anything is posted; return their changes."""
        return []

    async def after_posting(self, edit: EditContext, changes: Sequence[PendingChange[Row]]) -> None:
        """Run what follows after posting, in the same transaction; not called for an import."""

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
    context: Context,
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
    edit = await _load_edit_context(context, record_type, inputs, allows_departed=not notify)
    # By id(row), as new rows have no key yet: the same externalId twice is one record.
    changes: dict[int, PendingChange[Row]] = {}
    rows: list[Row] = []
    for index, input in enumerate(inputs):
        try:
            change = _find_or_create(edit, record_type, input, changes)
            record_type.apply_input(edit, change, input)
            record_type.derive_fields(edit, change)
        except UserError as error:
            raise error.with_path_prefix(*path, *([str(index)] if path == ("inputs",) else [])) from None
        changes[id(change.row)] = change
        rows.append(change.row)
    return rows, await _save_changes(edit, record_type, list(changes.values()), notify=notify)


class ImportOutcome(Enum):
    """Result of importing one record of another system."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


async def import_records(
    context: Context, record_type: RecordType[Row, Input], inputs: Sequence[Input]
) -> list[ImportOutcome | UserError]:
    """Create or update records of another system without notifications; an error in one input does not stop the others.

    inputs   each with a different externalId
    returns  the outcome or the error of each input, in their order
    """
    edit = await _load_edit_context(context, record_type, inputs, allows_departed=True)
    changes: dict[int, PendingChange[Row]] = {}
    results: list[PendingChange[Row] | UserError] = []
    for input in inputs:
        try:
            change = _find_or_create(edit, record_type, input, {})
            record_type.apply_input(edit, change, input)
            record_type.derive_fields(edit, change)
        except UserError as error:
            results.append(error)
            continue
        changes[id(change.row)] = change
        results.append(change)
    await _save_changes(edit, record_type, list(changes.values()), notify=False)
    return [result if isinstance(result, UserError) else _to_import_outcome(result) for result in results]


def _to_import_outcome(change: PendingChange[Row]) -> ImportOutcome:
    if change.is_new:
        return ImportOutcome.NEW
    return ImportOutcome.CHANGED if change.changed_columns else ImportOutcome.UNCHANGED


async def edit_record(
    context: Context,
    record_type: RecordType[Row, Input],
    global_id: str,
    input: Input,
    modify: Callable[[EditContext, PendingChange[Row]], None] | None = None,
    *,
    path: Sequence[str] = ("input", "id"),
) -> tuple[Row, list[Goal]]:
    """Update one record: apply the input, then `modify`. Return the row and the goals that moved."""
    edit = await _load_edit_context(context, record_type, [replace(input, id=global_id)])
    change = _start_change(edit.resolver.resolve_for_change(record_type.kind, global_id, *path))
    record_type.apply_input(edit, change, input)
    if modify:
        modify(edit, change)
    record_type.derive_fields(edit, change)
    return change.row, await _save_changes(edit, record_type, [change], notify=True)


async def soft_delete_record(
    context: Context, record_type: RecordType[Row, Input], global_id: str, *path: str
) -> tuple[Row, list[Goal]]:
    """Mark a record as deleted, which withdraws all its scores; the activity feed keeps it. A repetition changes nothing."""
    edit = await _load_edit_context(context, record_type, [RecordInput(id=global_id)])
    change = _start_change(edit.resolver.resolve_for_deletion(record_type.kind, global_id, *path))
    if change.row.deleted_at is None:
        await record_type.check_deletable(edit, change.row, *path)
    change.row.deleted_at = change.row.deleted_at or edit.now
    return change.row, await _save_changes(edit, record_type, [change], notify=True)


async def _load_edit_context(
    context: Context,
    record_type: RecordType[Row, Input],
    inputs: Sequence[RecordInput],
    *,
    allows_departed: bool = False,
) -> EditContext:
    resolver = IdResolver(context, allows_departed=allows_departed)
    references = [input.references() for input in inputs]
    for kind in references[0] if references else ():
        await resolver.load_by_global_ids(kind, ((ids[kind] or None) for ids in references))
    await resolver.load_by_global_ids(record_type.kind, (input.id for input in inputs))
    await resolver.load_by_external_ids(record_type.kind, (input.external_id for input in inputs))
    await resolver.load_by_row_ids("Employee", [*record_type.required_employees(resolver), context.viewer.id])
    company = await context.company()
    first_stage = await context.first_stage() if record_type.has_stages else None
    return EditContext(
        context,
        company,
        company.calendar,
        await context.rates(),
        resolver,
        resolver.memberships,
        context.now(),
        first_stage.id if first_stage else None,
    )


def _start_change(row: Row) -> PendingChange[Row]:
    return PendingChange(row, copy(row), row.facts())


def _find_or_create(
    edit: EditContext, record_type: RecordType[Row, Input], input: Input, changes: Mapping[int, PendingChange[Row]]
) -> PendingChange[Row]:
    external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    # A row that this call has edited already goes on with its pending change, so that a batch that repeats an
    # externalId or id saves and posts one difference.
    row_found: Row | None = edit.resolver.find_existing(record_type.kind, input.id, external_id)
    if row_found is None:
        row = record_type.new_row(edit, input)
        row.external_id = external_id
        if external_id:
            edit.resolver.register_new_row(record_type.kind, external_id, row)
        return PendingChange(row, None, None)
    change = changes.get(id(row_found)) or _start_change(row_found)
    if external_id and row_found.external_id != external_id:  # found by its id
        if edit.resolver.find_by_external_id(record_type.kind, external_id) is not None:
            raise Conflict("Another record has this externalId: leave it out, or give its `id`.", "input", "externalId")
        row_found.external_id = external_id
        edit.resolver.register_new_row(record_type.kind, external_id, row_found)
    row_found.deleted_at = None  # recording a deleted record again restores it
    return change


async def _save_changes(
    edit: EditContext, record_type: RecordType[Row, Input], changes: Sequence[PendingChange[Row]], *, notify: bool
) -> list[Goal]:
    new_changes = [change for change in changes if change.is_new]
    updates = [(change, columns) for change in changes if (columns := change.changed_columns)]
    await records.insert_records([change.row for change in new_changes])
    for change, columns in updates:
        await records.update_record(change.row, columns)
    effective_changes = [*new_changes, *(change for change, _ in updates)]
    if not effective_changes:
        return []
    related_changes = await record_type.after_save(edit, effective_changes)
    record_changes = [_build_record_change(edit, record_type, change) for change in effective_changes]
    goals = await apply_change_effects(edit.context, [*record_changes, *related_changes], notify=notify)
    if notify:
        await record_type.after_posting(edit, effective_changes)
    return goals


def _build_record_change(
    edit: EditContext, record_type: RecordType[Row, Input], change: PendingChange[Row]
) -> RecordChange:
    row = change.row
    if row.deleted_at is not None:
        kind = ActivityKind.DEAL_DELETED if record_type.kind == "Deal" else ActivityKind.RECORD_DELETED
        entries: Sequence[ActivityEntry] = [record_type.make_entry(change, kind, edit.now, record=record_type.kind)]
        alert_conditions: Mapping[AlertKind, bool] = dict.fromkeys(AlertKind, False)
    else:
        entries, alert_conditions = record_type.activity_entries(edit, change), record_type.alert_conditions(edit, row)
    return RecordChange(
        record_type.kind,
        row.id,
        change.before,
        row.facts(),
        tuple(entries),
        change.original,
        alert_conditions,
        record_type.alert_occurrences(row),
    )


# Helpers shared by record types


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
    edit: EditContext, kind: str, global_id: str | Unset | None, current_id: int | None, *path: str
) -> int | None:
    """Return the id of the record that an input refers to; null clears it, and a field left out keeps the current one."""
    if global_id is UNSET:
        return current_id
    return None if global_id is None else int(edit.resolver.resolve_record(kind, global_id, *path).id)


def to_history_value(value: object) -> str | None:
    """Return a column's value as stored in activity data: a string, dates in ISO format."""
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)
