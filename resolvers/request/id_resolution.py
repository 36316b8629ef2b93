"""Resolves ids in inputs to rows the viewer may access, in batches.

An id is a global id, or `ext:` and the record's id in another system. A row that does not
exist, is of another type or out of reach raises NotFound in each case; a row that the viewer
can see but not change raises Forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.models import Model

from domain.errors.user_errors import Conflict, Forbidden, NotFound, Required
from domain.permissions import Action
from domain.primitives.global_ids import LONGEST_EXTERNAL, decoded, external
from models.crm.calls import Call
from models.crm.clients import Client, Contact
from models.crm.custom_metrics import Result
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.pipelines import Stage
from models.crm.tasks import Task
from models.organization import people
from models.organization.people import Employee, Places, Team
from resolvers.request.context import Context

RECORDS: Final[dict[str, type[Model]]] = {
    "Deal": Deal,
    "Lead": Lead,
    "Client": Client,
    "Contact": Contact,
    "Call": Call,
    "Task": Task,
    "Result": Result,
}
OWNER: Final = {
    "Deal": "owner",
    "Lead": "owner",
    "Client": "owner",
    "Contact": "owner",
    "Call": "employee",
    "Task": "assignee",
    "Result": "employee",
}
_KINDS: Final[dict[str, type[Model]]] = {**RECORDS, "Employee": Employee, "Team": Team, "Stage": Stage}


def owner_of(row: Any) -> int:
    """Return the id of the employee that owns the record."""
    return int(getattr(row, f"{OWNER[type(row).__name__]}_id"))


class References:
    """Rows referred to by the ids of one input or of a batch: load them with `request_*`, then resolve each id."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._rows: dict[tuple[str, int], Any] = {}
        self._external: dict[tuple[str, str], Any] = {}
        self.places = Places()  # of the loaded employees

    async def want(self, kind: str, ids: Iterable[str | None]) -> None:
        """Load the rows of one type with these ids in one query, and the owners of the records."""
        wanted = {id_ for id_ in ids if id_}
        externals = {found for id_ in wanted if (found := external(id_))}
        parsed = (decoded(id_) for id_ in wanted)
        numbers = {pair[1] for pair in parsed if pair and pair[0] == kind}
        await self._fetch(kind, numbers, externals if kind != "Stage" else set())
        await self.want_owners()

    async def want_numbers(self, kind: str, numbers: Iterable[int | None]) -> None:
        """Load the rows of one type with these database ids, without the owners of the records."""
        await self._fetch(kind, {number for number in numbers if number} - self.numbers(kind), set())

    async def want_external(self, kind: str, externals: Iterable[str | None]) -> None:
        await self._fetch(kind, set(), {id_ for id_ in externals if id_ and len(id_) <= LONGEST_EXTERNAL})
        await self.want_owners()

    async def want_owners(self) -> None:
        """Load the owners of all loaded records, in one query for all types."""
        await self.want_numbers("Employee", [owner_of(row) for (kind, _), row in self._rows.items() if kind in RECORDS])

    def numbers(self, kind: str) -> set[int]:
        """Return the ids of the loaded rows of one type."""
        return {number for known, number in self._rows if known == kind}

    def remember(self, kind: str, external_id: str, row: Any) -> None:
        """Make an unsaved row available by its id in another system, so that a batch can repeat it."""
        self._external[kind, external_id] = row

    async def _fetch(self, kind: str, numbers: set[int], externals: set[str]) -> None:
        if not numbers and not externals:
            return
        if kind == "Employee":
            await self._fetch_people(numbers, externals)
            return
        conditions = [Q(id__in=list(numbers))] if numbers else []
        if externals:
            conditions.append(Q(external_id__in=list(externals)))
        for row in await _KINDS[kind].filter(Q(*conditions, join_type="OR")):
            self.add(kind, row)

    async def _fetch_people(self, numbers: set[int], externals: set[str]) -> None:
        """Load employees with their team membership history, always including the viewer.

        The query also returns the change-log position of the reference data; passing it to the context
        detects a stale cache without a statement of its own.
        """
        own = {self.context.viewer.id} if self.context.viewer.id else set()
        new = (numbers | own) - self.numbers("Employee")
        found = await people.placed(new, externals, self.places)
        for row in found.rows.values():
            self.add("Employee", row)
        self.context.met |= found.rows
        if found.rows:
            self.context.office_is_at(found.position)

    def add(self, kind: str, row: Any) -> None:
        self._rows[kind, row.id] = row
        if getattr(row, "external_id", None):
            self._external[kind, row.external_id] = row

    def rows(self, kind: str) -> list[Any]:
        """Return the loaded rows of one type."""
        return [row for (known, _), row in self._rows.items() if known == kind]

    def row(self, kind: str, number: int) -> Any:
        """Return a loaded row; it must have been requested and exist."""
        return self._rows[kind, number]

    def at_hand(self, kind: str, number: int) -> Any | None:
        return self._rows.get((kind, number))

    def by_external(self, kind: str, external_id: str) -> Any | None:
        """Return the loaded row with this id in another system, even if deleted or out of reach."""
        return self._external.get((kind, external_id))

    def _meant(self, kind: str, id_: str) -> Any | None:
        if found := external(id_):
            return self._external.get((kind, found))
        pair = decoded(id_)
        return self._rows.get(pair) if pair and pair[0] == kind else None

    def employee(self, id_: str, *path: str) -> Employee:
        row = self._meant("Employee", id_)
        if not isinstance(row, Employee) or not self.context.viewer.may(Action.VIEW_PEOPLE, row):
            raise NotFound("There is no such employee.", *path)
        return row

    def team(self, id_: str, *path: str) -> Team:
        row = self._meant("Team", id_)
        if not isinstance(row, Team) or row.id not in self.context.viewer.teams:
            raise NotFound("There is no such team.", *path)
        return row

    def stage(self, id_: str, *path: str) -> Stage:
        row = self._meant("Stage", id_)
        if not isinstance(row, Stage):
            raise NotFound("There is no such stage.", *path)
        return row

    def record(self, kind: str, id_: str, *path: str) -> Any:
        """Return a record that the viewer can see. Raises NotFound."""
        row = self._meant(kind, id_)
        if row is None or row.deleted_at is not None or not self.sees(row):
            raise NotFound(f"There is no such {kind.lower()}.", *path)
        return row

    def sees(self, row: Any) -> bool:
        return self.context.viewer.may(Action.VIEW_CARD, self.row("Employee", owner_of(row)))

    def to_change(self, kind: str, id_: str, *path: str) -> Any:
        """Return a record that the viewer can change. Raises NotFound, Forbidden."""
        row = self.record(kind, id_, *path)
        if not self.context.viewer.may(Action.RECORD, self.row("Employee", owner_of(row))):
            raise Forbidden(f"You can see this {kind.lower()}, but not change it.", *path)
        return row

    def to_delete(self, kind: str, id_: str, *path: str) -> Any:
        """Return a record that the viewer can delete. Raises NotFound, Forbidden.

        The right to record does not suffice: employees must not delete tasks assigned to them.
        """
        row = self.record(kind, id_, *path)
        if not self.context.viewer.may(Action.DELETE, self.row("Employee", owner_of(row))):
            raise Forbidden("Only a manager above the owner can delete this: ask them, or correct the record.", *path)
        return row

    def existing(self, kind: str, id_: str | None, external_id: str | None) -> Any | None:
        """Return the record that an input with `id` or `externalId` updates; None if it creates a new one.

        A deleted record with that `externalId` is returned too: recording it again restores it.
        """
        if id_ is not None:
            return self.to_change(kind, id_, "input", "id")
        row = self.by_external(kind, external_id) if external_id else None
        if row is None:
            return None
        if not self.sees(row):
            raise Conflict("This externalId is taken by a record out of your reach.", "input", "externalId")
        if not self.context.viewer.may(Action.RECORD, self.row("Employee", owner_of(row))):
            raise Forbidden(f"You can see this {kind.lower()}, but not change it.", "input", "externalId")
        return row

    def new_owner(self, id_: str | None, *path: str) -> Employee:
        """Return the owner of a new record: the employee named in the input, else the viewer."""
        viewer = self.context.viewer
        if id_ is None:
            if viewer.employee is None:
                raise Required("Name the owner of this record: a device has no records of its own.", *path)
            return viewer.employee
        employee = self.employee(id_, *path)
        if not viewer.may(Action.RECORD, employee):
            raise Forbidden("You can record only for yourself and for those below you.", *path)
        return employee

    def heir(self, row: Any, id_: str, *path: str) -> Employee:
        """Return the new owner of a record; the viewer needs the right to reassign over both owners."""
        employee = self.employee(id_, *path)
        self.may_hand_over(owner_of(row), employee.id, *path)
        return employee

    def may_hand_over(self, holder: int, heir: int, *path: str) -> None:
        """Raise Forbidden unless the owner stays the same or the viewer may reassign records of both employees."""
        both = [self.row("Employee", number) for number in (holder, heir)]
        if holder != heir and not all(self.context.viewer.may(Action.REASSIGN, one) for one in both):
            raise Forbidden("Only a manager above both employees can hand this over.", *path)
