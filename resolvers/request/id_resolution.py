"""Resolves the ids in inputs to rows that the viewer may access, in batches; checks changes of owner.

An id is a global id, or `ext:` and the record's id in another system. A row that does not
exist, is of another type or out of reach raises NotFound in each case; a row that the viewer
can see but not change raises Forbidden. The ids of a record that was merged stand for the one it was merged into, except
in a deletion.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

from domain.errors.user_errors import Conflict, Forbidden, NotFound, Required
from domain.ledger.record_facts import DealStatus, LeadStatus
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id, parse_external_id
from models.crm.calls import Call
from models.crm.clients import Client, Contact
from models.crm.custom_metrics import Result
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.pipelines import Stage
from models.crm.records import CrmRecord
from models.crm.tasks import Task
from models.db import row_store
from models.db.row_store import TableRow
from models.edits.edit_rows import EditRows
from models.organization import people
from models.organization.people import Employee, Team, TeamMembershipHistory
from resolvers.request.context import RequestContext
from resolvers.request.record_messages import NO_SUCH_RECORD, READ_ONLY_RECORD

Row = TypeVar("Row", bound=TableRow)
Record = TypeVar("Record", bound=CrmRecord)

RECORD_MODELS: Final[dict[str, type[CrmRecord]]] = {
    "Deal": Deal,
    "Lead": Lead,
    "Client": Client,
    "Contact": Contact,
    "Call": Call,
    "Task": Task,
    "Result": Result,
}
OWNER_FIELDS: Final = {
    "Deal": "owner",
    "Lead": "owner",
    "Client": "owner",
    "Contact": "owner",
    "Call": "employee",
    "Task": "assignee",
    "Result": "employee",
}
_OWNER_COLUMNS: Final = {RECORD_MODELS[kind]: f"{field}_id" for kind, field in OWNER_FIELDS.items()}
REFERRED_MODELS: Final[dict[str, type[TableRow]]] = {
    **RECORD_MODELS,
    "Employee": Employee,
    "Team": Team,
    "Stage": Stage,
}


def owner_id_of(row: CrmRecord) -> int:
    """Return the id of the employee that owns the record."""
    return int(getattr(row, _OWNER_COLUMNS[type(row)]))


def split_ids(kind: str, global_ids: Iterable[str | None]) -> tuple[set[int], set[str]]:
    """Return the ids of rows of a type, and the ids in another system, that are among global ids."""
    requested_ids = {global_id for global_id in global_ids if global_id}
    external_ids = {external_id for global_id in requested_ids if (external_id := parse_external_id(global_id))}
    types_and_ids = (decode_global_id(global_id) for global_id in requested_ids)
    return {type_and_id[1] for type_and_id in types_and_ids if type_and_id and type_and_id[0] == kind}, external_ids


def list_merged_into_ids(rows: Iterable[TableRow]) -> set[int]:
    """Return the ids of the records that others among the rows were merged into."""
    return {row_id for row in rows if (row_id := getattr(row, "merged_into_id", None)) is not None}


class IdResolver:
    """Rows referred to by the ids of one input or of a batch: load them with `request_*`, then resolve each id."""

    def __init__(self, context: RequestContext, *, allows_departed: bool = False) -> None:
        self.context = context
        self.allows_departed = allows_departed  # of an import: employees who have left own records, too
        self._rows: dict[tuple[str, int], TableRow] = {}
        self._rows_by_external_id: dict[tuple[str, str], TableRow] = {}
        self.memberships = TeamMembershipHistory()  # of the loaded employees
        self._new_owners: dict[str, Employee] = {}  # by global id: who may get records, as far as it has been asked

    async def load_by_global_ids(self, kind: str, global_ids: Iterable[str | None]) -> None:
        """Load the rows of one type with these ids in one query, and the owners of the records."""
        row_ids, external_ids = split_ids(kind, global_ids)
        if await self._fetch(kind, row_ids, external_ids if kind != "Stage" else set()):
            await self.load_owners()

    def add_edit_rows(self, edit_rows: EditRows) -> None:
        """Add the rows of an edit, which were read together, and the team membership history of the employees."""
        for kind, rows in edit_rows.rows.items():
            for row in rows:
                self.add_row(kind, row)
        for employee in edit_rows.employees:
            self.add_row("Employee", employee)
            self.context.loaded_employees[employee.id] = employee
        self.memberships = edit_rows.memberships
        self.context.invalidate_if_changed(edit_rows.position)

    async def load_by_row_ids(self, kind: str, row_ids: Iterable[int | None]) -> None:
        """Load the rows of one type with these database ids, without the owners of the records."""
        await self._fetch(kind, {row_id for row_id in row_ids if row_id} - self.loaded_ids(kind), set())

    async def load_owners(self) -> None:
        """Load the owners of all loaded records, in one query for all types."""
        records = [row for (kind, _), row in self._rows.items() if kind in RECORD_MODELS and isinstance(row, CrmRecord)]
        await self.load_by_row_ids("Employee", [owner_id_of(row) for row in records])

    def loaded_ids(self, kind: str) -> set[int]:
        """Return the ids of the loaded rows of one type."""
        return {row_id for loaded_kind, row_id in self._rows if loaded_kind == kind}

    def register_new_row(self, kind: str, external_id: str, row: CrmRecord) -> None:
        """Make an unsaved row available by its id in another system, so that a batch can repeat it."""
        self._rows_by_external_id[kind, external_id] = row

    async def _fetch(self, kind: str, row_ids: set[int], external_ids: set[str]) -> bool:
        """Load rows of one type; return whether there are records, which have owners, among them."""
        if not row_ids and not external_ids:
            return False
        if kind == "Employee":
            await self._fetch_employees(row_ids, external_ids)
            return False
        rows = await row_store.fetch(REFERRED_MODELS[kind], row_ids, external_ids)
        for row in rows:
            self.add_row(kind, row)
        if merged_into_ids := list_merged_into_ids(rows) - self.loaded_ids(kind):
            await self._fetch(kind, merged_into_ids, set())
        return bool(rows) and kind in RECORD_MODELS

    async def _fetch_employees(self, row_ids: set[int], external_ids: set[str]) -> None:
        """Load employees with their team membership history, always including the viewer.

        The query also returns the change-log position of the reference data; passing it to the context
        detects a stale cache without a statement of its own.
        """
        viewer_ids = {self.context.viewer.id} if self.context.viewer.id else set()
        missing_ids = (row_ids | viewer_ids) - self.loaded_ids("Employee")
        employees = await people.load_with_teams(missing_ids, external_ids, self.memberships)
        for row in employees.employees.values():
            self.add_row("Employee", row)
        self.context.loaded_employees |= employees.employees
        if employees.employees:
            self.context.invalidate_if_changed(employees.position)

    def add_row(self, kind: str, row: TableRow) -> None:
        self._rows[kind, row.pk] = row
        if external_id := getattr(row, "external_id", None):
            self._rows_by_external_id[kind, external_id] = row

    def loaded_rows(self, model: type[Row]) -> list[Row]:
        """Return the loaded rows of one type."""
        return [row for row in self._rows.values() if isinstance(row, model)]

    def get_row(self, model: type[Row], row_id: int) -> Row:
        """Return a loaded row; it must have been requested and exist."""
        row = self._rows[model.__name__, row_id]
        assert isinstance(row, model)
        return row

    def find_loaded(self, kind: str, row_id: int) -> TableRow | None:
        return self._rows.get((kind, row_id))

    def find_by_external_id(self, model: type[Row], external_id: str) -> Row | None:
        """Return the loaded row with this id in another system, even if deleted or out of reach."""
        return self._follow_merge(model, self._rows_by_external_id.get((model.__name__, external_id)))

    def _look_up(self, model: type[Row], global_id: str) -> Row | None:
        return self._follow_merge(model, self._find_row(model, global_id))

    def _find_row(self, model: type[Row], global_id: str) -> TableRow | None:
        """Return the loaded row that has this id itself, also one that was merged into another."""
        if external_id := parse_external_id(global_id):
            return self._rows_by_external_id.get((model.__name__, external_id))
        type_and_id = decode_global_id(global_id)
        return self._rows.get(type_and_id) if type_and_id else None

    def _follow_merge(self, model: type[Row], row: TableRow | None) -> Row | None:
        if (merged_into_id := getattr(row, "merged_into_id", None)) is not None:
            row = self._rows.get((model.__name__, merged_into_id))
        return row if isinstance(row, model) else None

    def was_merged(self, model: type[Record], global_id: str) -> bool:
        """Return whether the id is that of a loaded record that was merged into another."""
        return getattr(self._find_row(model, global_id), "merged_into_id", None) is not None

    def resolve_employee(self, global_id: str, *path: str) -> Employee:
        row = self._look_up(Employee, global_id)
        if row is None or not self.context.viewer.can(Action.VIEW_PEOPLE, row):
            raise NotFound("There is no such employee.", *path)
        return row

    def resolve_team(self, global_id: str, *path: str) -> Team:
        row = self._look_up(Team, global_id)
        if row is None or row.id not in self.context.viewer.visible_team_ids:
            raise NotFound("There is no such team.", *path)
        return row

    def resolve_stage(self, global_id: str, *path: str) -> Stage:
        row = self._look_up(Stage, global_id)
        if row is None:
            raise NotFound("There is no such stage.", *path)
        return row

    def resolve_record(self, model: type[Record], global_id: str, *path: str, with_deleted: bool = False) -> Record:
        """Return a record that the viewer can see. Raises NotFound."""
        row, kind = self._look_up(model, global_id), model.__name__
        if row is None or (row.deleted_at is not None and not with_deleted) or not self.can_see(row):
            raise NotFound(NO_SUCH_RECORD[kind], *path)
        return row

    def can_see(self, row: CrmRecord) -> bool:
        return self.context.viewer.can(Action.VIEW_CARD, self.get_row(Employee, owner_id_of(row)))

    def resolve_for_change(self, model: type[Record], global_id: str, *path: str) -> Record:
        """Return a record that the viewer can change. Raises NotFound, Forbidden."""
        row = self.resolve_record(model, global_id, *path)
        self.ensure_can_change(row, *path)
        return row

    def ensure_can_change(self, row: CrmRecord, *path: str) -> None:
        """Raise Forbidden unless the viewer can change the record."""
        if not self.context.viewer.can(Action.RECORD, self.get_row(Employee, owner_id_of(row))):
            raise Forbidden(READ_ONLY_RECORD[type(row).__name__], *path)

    def resolve_for_deletion(self, model: type[Record], global_id: str, *path: str) -> Record:
        """Return a record that the viewer can delete, or one that is deleted already. Raises NotFound, Forbidden.

        The right to record does not suffice: employees must not delete tasks assigned to them.
        """
        row = self.resolve_record(model, global_id, *path, with_deleted=True)
        if not self.context.viewer.can(Action.DELETE, self.get_row(Employee, owner_id_of(row))):
            raise Forbidden("Only a manager above the owner can delete this: ask them, or correct the record.", *path)
        if self.was_merged(model, global_id):
            raise Conflict("This record was merged into another: give that one's id to delete it.", *path)
        return row

    def find_existing(self, model: type[Record], global_id: str | None, external_id: str | None) -> Record | None:
        """Return the record that an input with `id` or `externalId` updates; None if it creates a new one.

        A deleted record with that `externalId` is returned too: recording it again restores it.
        """
        if global_id is not None:
            return self.resolve_for_change(model, global_id, "input", "id")
        row, kind = self.find_by_external_id(model, external_id) if external_id else None, model.__name__
        if row is None:
            return None
        if not self.can_see(row):
            raise Conflict("This externalId is taken by a record out of your reach.", "input", "externalId")
        if not self.context.viewer.can(Action.RECORD, self.get_row(Employee, owner_id_of(row))):
            raise Forbidden(READ_ONLY_RECORD[kind], "input", "externalId")
        return row

    def resolve_new_owner(self, global_id: str | None, *path: str, at: datetime | None = None) -> Employee:
        """Return the owner of a new record: the employee named in the input, else the viewer.

        at  the time of the record, None for now; Conflict if the employee had left by then
        """
        viewer = self.context.viewer
        if global_id is None:
            if viewer.employee is None:
                raise Required("Name the owner of this record: a device has no records of its own.", *path)
            return viewer.employee
        employee = self._new_owners.get(global_id)
        if employee is None:
            employee = self.resolve_employee(global_id, *path)
            if not viewer.can(Action.RECORD, employee):
                raise Forbidden("You can record only for yourself and for those below you.", *path)
            self._new_owners[global_id] = employee
        self.ensure_not_departed(employee, *path, at=at)
        return employee

    def ensure_not_departed(self, employee: Employee, *path: str, at: datetime | None = None) -> None:
        """Raise Conflict if the employee had left at a time (None: now), except in an import."""
        if not self.allows_departed and self.memberships.has_left_by(employee, at or self.context.now()):
            raise Conflict("{name} has left the company: name someone who works there.", *path, name=employee.name)

    def resolve_reassignment(self, row: CrmRecord, global_id: str, *path: str) -> Employee:
        """Return the new owner of a record; the viewer needs the right to reassign over both owners."""
        new_owner = self.resolve_employee(global_id, *path)
        self.ensure_can_reassign(owner_id_of(row), new_owner.id, *path)
        if new_owner.id != owner_id_of(row) and _is_work_ahead(row):
            self.ensure_not_departed(new_owner, *path)
        return new_owner

    def ensure_can_reassign(self, owner_id: int, new_owner_id: int, *path: str) -> None:
        """Raise Forbidden unless the owner stays the same or the viewer may reassign records of both employees."""
        employees = [self.get_row(Employee, employee_id) for employee_id in (owner_id, new_owner_id)]
        if owner_id != new_owner_id and not all(
            self.context.viewer.can(Action.REASSIGN, employee) for employee in employees
        ):
            raise Forbidden("Only a manager above both employees can hand this over.", *path)


def _is_work_ahead(row: CrmRecord) -> bool:
    """Return whether the owner of a record still has to act on it; what is over may be corrected to any owner."""
    match row:
        case Deal():
            return row.status is DealStatus.OPEN
        case Lead():
            return row.status in (LeadStatus.NEW, LeadStatus.IN_PROGRESS)
        case Task():
            return row.completed_at is None
        case Client() | Contact():
            return True
    return False
