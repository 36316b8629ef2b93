"""Builds the input of the mutation that records a row.

The inputs are those of the public schema. Names in a row (of an owner, a client, a stage) are resolved to ids here;
the map says what happens to unknown ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role
from domain.primitives.calendar import Calendar
from domain.primitives.global_ids import encode_global_id
from domain.primitives.unset import UNSET, Unset
from imports.cell_parsing import CellError, DateOrTime, RowValues, errors_in_column, require_fields
from imports.map_file import FileMap, ImportMap
from imports.name_index import derive_external_id, external_reference
from imports.name_lookup import NameLookup
from imports.stage_mapping import StageResolver
from models.organization.absences import AbsenceKind
from resolvers.crm.inputs import CallInput, ClientInput, ContactInput, DealInput, LeadInput, TaskInput
from resolvers.organization.inputs import AbsenceInput, EmployeeInput, TeamInput
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money

Choice = TypeVar("Choice", bound=StrEnum)

_EMPLOYEE: Final = EmployeeInput(role=Role.EMPLOYEE)
_TEAM: Final = TeamInput()

# Field in the path of an error → field of the map, where the names differ; to name the column in an error.
MAP_FIELD_NAMES: Final[Mapping[str, str]] = {
    "createdAt": "created", "closedAt": "closed", "expectedCloseOn": "expected", "lostReason": "reason",
    "saleKind": "sale", "forecastCategory": "category", "externalId": "id", "assignee": "owner", "employee": "owner", "startedAt": "started",
    "durationSeconds": "seconds", "dueAt": "due", "completedAt": "completed", "contactName": "contact",
    "initialAmount": "amount_created", "proRated": "pro_rated", "joinedOn": "joined", "leftOn": "left",
}  # fmt: skip


class NeedsUnitOfWork(Exception):
    """A row names an employee who has to be created first, outside of a unit of work."""


@dataclass
class InputBuilder:
    """Builds the inputs for the rows of one file.

    new_clients  inputs for clients that rows of the current batch name and that do not exist yet, by external id;
                 they are recorded before the rows
    """

    context: RequestContext
    import_map: ImportMap
    file_map: FileMap
    lookup: NameLookup
    stage_resolver: StageResolver
    calendar: Calendar
    new_clients: dict[str, ClientInput] = field(default_factory=dict)

    def to_instant(self, moment: DateOrTime) -> datetime:
        """Return the moment; for a day without time, its start in the company's time zone."""
        return moment.at or self.calendar.start_of(moment.day)

    def as_of_instant(self) -> datetime | None:
        return self.calendar.start_of(self.import_map.as_of) if self.import_map.as_of else None

    # references to other rows

    async def resolve_owner(self, values: RowValues) -> str:
        """Return the id of the record's owner. Raises CellError for an unknown one if the map says `reject`."""
        return await self.resolve_employee(str(values.get("owner", "")), "owner")

    async def resolve_employee(self, text: str, column: str, details: EmployeeInput = _EMPLOYEE) -> str:
        """Return the id of the employee that the text names; by the map's policy, create one with `details`.

        Raises NeedsUnitOfWork where one would have to be created outside of a unit of work.
        """
        unknown = self.file_map.unknown.get("owner", "create")
        importer_id = encode_global_id("Employee", self.context.viewer.id or 0)
        if not text:
            if unknown == "importer" or self.file_map.kind in ("clients", "contacts"):
                return importer_id
            raise CellError(
                'The row has no owner: `owner = "importer"` under file.unknown, in a copy of the map, '
                "gives such rows to the first administrator.",
                column,
            )
        with errors_in_column(column):
            global_id = self.lookup.find_employee(text, self.file_map.prefix)
        if global_id is not None:
            return global_id
        if unknown == "reject":
            raise CellError("There is no employee “{name}”.", column, name=text)
        if unknown == "importer":
            return importer_id
        if self.context.current_unit_of_work is None:
            raise NeedsUnitOfWork
        return await self.lookup.create_employee(text, self.file_map.prefix, details)

    def find_clients(self, rows: Iterable[RowValues]) -> None:
        """Look up the clients that rows name at once, for `resolve_client`."""
        texts = {str(values["client"]) for values in rows if "client" in values}
        self.lookup.clients.prefetch(texts, self.file_map.prefix)

    def resolve_client(self, values: RowValues, owner: str, created: datetime | None) -> str | None:
        """Return the id of the row's client, or None; add an unknown client to `new_clients`.

        Raises CellError for an unknown one if the map says `reject`.
        """
        text = str(values.get("client", ""))
        if not text:
            return None
        with errors_in_column("client"):
            global_id = self.lookup.clients.find(text, "clients", self.file_map.prefix)
        if global_id is not None:
            return global_id
        if self.file_map.unknown.get("client", "create") == "reject":
            raise CellError("There is no client “{name}”.", "client", name=text)
        external_id = derive_external_id(f"{self.file_map.prefix}{text}")
        if external_id not in self.new_clients:
            self.lookup.note_write()
            name = validation.clean_name(text, "input", "client")
            self.new_clients[external_id] = ClientInput(
                name=name, owner=owner, external_id=external_id, created_at=created
            )
        return external_reference(external_id)

    def _product(self, values: RowValues) -> str | Unset:
        if "product" not in values:
            return UNSET
        text = str(values["product"])
        if text and self.file_map.unknown.get("product") == "reject":
            with errors_in_column("product"):
                if self.lookup.products.find(text, "products") is None:
                    raise CellError("The price list has no product “{name}”.", name=text)
        return text

    def money(self, values: RowValues, name: str) -> Money | Unset:
        amount = values.get(name)
        currency = str(values.get("currency", self.import_map.currency or "")) or None
        return Money(amount, currency) if isinstance(amount, Decimal) else UNSET

    # deals

    async def deal_input(
        self, values: RowValues, external_id: str, *, exists: bool, has_stage_history: bool
    ) -> DealInput:
        """Return the input for a deal.

        exists             the deal exists already; it keeps its stage when it is closed
        has_stage_history  its stage entries come from a file or columns of their own
        """
        owner = await self.resolve_owner(values)
        stage, status = self.stage_resolver.resolve(values, exists)
        product = self._product(values)
        created_at, closed_at, expected_close_on = self._deal_times(values, status)
        stage_entered_at: datetime | Unset | None = UNSET
        if stage is not None and (has_stage_history or (not exists and status is not DealStatus.OPEN)):
            stage_entered_at = None
        elif stage is not None and not exists and stage.position > 0 and created_at is not None:
            stage_entered_at = max(created_at, self.context.now())  # it has been in the stage since now at the latest
        return DealInput(
            external_id=external_id,
            title=_text(values, "title"),
            problem=_text(values, "problem"),
            lost_reason=_text(values, "reason"),
            amount=self._deal_amount(values, status),
            initial_amount=self._initial_amount(values),
            cost=self.money(values, "cost"),
            product=product,
            created_at=created_at,
            closed_at=closed_at,
            expected_close_on=expected_close_on,
            owner=owner,
            status=status,
            stage=encode_global_id("Stage", stage.id) if stage else None,
            stage_entered_at=stage_entered_at,
            sale_kind=_choice(SaleKind, values, "sale") or UNSET,
            forecast_category=(status is DealStatus.OPEN and _choice(ForecastCategory, values, "category")) or UNSET,
            client=self.resolve_client(values, owner, created_at or closed_at) or UNSET,
        )

    def _deal_amount(self, values: RowValues, status: DealStatus) -> Money | Unset:
        """Return what a closed deal was closed with, else the present amount; of one not won, else that at creation.

        Raises CellError for an open deal with an amount at closing, unless the map accepts that it has a closing date.
        """
        if status is not DealStatus.OPEN and "amount_closed" in values:
            return self.money(values, "amount_closed")
        if status is DealStatus.OPEN and "amount_closed" in values and self.file_map.open_closing == "reject":
            raise CellError("An open deal has no amount at closing.", "amount_closed")
        if "amount" not in values and status is not DealStatus.WON:
            return self.money(values, "amount_created")
        return self.money(values, "amount")

    def _initial_amount(self, values: RowValues) -> Money | Unset:
        """Return the amount at creation; 0, for none, if the file has that amount of deals but not of this one."""
        if "amount_created" in self.file_map.columns and "amount_created" not in values:
            return Money(Decimal(0), None)
        return self.money(values, "amount_created")

    def _deal_times(
        self, values: RowValues, status: DealStatus
    ) -> tuple[datetime | None, datetime | None, date | Unset]:
        """Return the deal's creation, closing and expected dates. Raises CellError where they contradict its status.

        A deal with the same day for creation and closing, and no closing time, closes when it was created, not at the
        start of that day.
        """
        created, expected = values.get("created"), values.get("expected")
        closed = values.get(status.lower(), values.get("closed"))  # the `won` or `lost` field first
        expected_close_on = expected.day if isinstance(expected, DateOrTime) else UNSET
        closed_at = self.to_instant(closed) if isinstance(closed, DateOrTime) else None
        created_at = self.to_instant(created) if isinstance(created, DateOrTime) else self.as_of_instant()
        if status is DealStatus.OPEN:
            if isinstance(closed, DateOrTime) and self.file_map.open_closing == "expected":
                expected_close_on = closed.day
            elif isinstance(closed, DateOrTime) and self.file_map.open_closing == "reject":
                raise CellError("An open deal has no closing time.", "closed")
            return created_at, None, expected_close_on
        if closed_at is None or not isinstance(closed, DateOrTime):
            raise CellError("A closed deal needs its closing time.", "closed")
        if created_at and (not isinstance(created, DateOrTime)):
            created_at = min(created_at, closed_at)
        if created_at and isinstance(created, DateOrTime) and created.day == closed.day and closed.at is None:
            closed_at = max(created_at, closed_at)
        return created_at, closed_at, expected_close_on

    # other records

    async def client_input(self, values: RowValues, external_id: str) -> ClientInput:
        owner, created_at = await self._ownership(values)
        return ClientInput(
            external_id=external_id,
            name=_text(values, "name"),
            email=_text(values, "email"),
            phone=_text(values, "phone"),
            owner=owner,
            created_at=created_at,
        )

    async def contact_input(self, values: RowValues, external_id: str) -> ContactInput:
        owner, created_at = await self._ownership(values)
        return ContactInput(
            external_id=external_id,
            name=_text(values, "name"),
            email=_text(values, "email"),
            phone=_text(values, "phone"),
            owner=owner,
            created_at=created_at,
            client=self.resolve_client(values, owner, created_at) or UNSET,
        )

    async def lead_input(self, values: RowValues, external_id: str) -> LeadInput:
        owner, created_at = await self._ownership(values)
        return LeadInput(
            external_id=external_id,
            title=_text(values, "title"),
            source=_text(values, "source"),
            contact_name=_text(values, "contact"),
            phone=_text(values, "phone"),
            email=_text(values, "email"),
            reason=_text(values, "reason"),
            status=_choice(LeadStatus, values, "status"),
            owner=owner,
            created_at=created_at,
            client=self.resolve_client(values, owner, created_at) or UNSET,
        )

    async def call_input(self, values: RowValues, external_id: str) -> CallInput:
        seconds, employee = values.get("seconds"), await self.resolve_owner(values)
        started_at = self.to_instant(_moment(values, "started"))
        return CallInput(
            external_id=external_id,
            employee=employee,
            direction=CallDirection(str(values["direction"])),
            outcome=_choice(CallOutcome, values, "outcome"),
            started_at=started_at,
            duration_seconds=seconds if isinstance(seconds, int) else None,
            note=_text(values, "note"),
            client=self.resolve_client(values, employee, started_at) or UNSET,
            deal=self._deal_reference(values),
        )

    async def task_input(self, values: RowValues, external_id: str) -> TaskInput:
        assignee = await self.resolve_owner(values)
        completed_at = self._find_instant(values, "completed")
        created_at, as_of = self._find_instant(values, "created"), self.as_of_instant()
        if created_at is None and as_of:
            created_at = min(as_of, completed_at or as_of)
        return TaskInput(
            external_id=external_id,
            title=_text(values, "title"),
            kind=_choice(TaskKind, values, "kind"),
            assignee=assignee,
            created_at=created_at,
            due_at=self._find_instant(values, "due") or UNSET,
            completed_at=completed_at or UNSET,
            client=self.resolve_client(values, assignee, created_at) or UNSET,
            deal=self._deal_reference(values),
        )

    async def _ownership(self, values: RowValues) -> tuple[str, datetime | None]:
        """Return the id of the owner of a row's record, and the time of its creation."""
        created_at = self._find_instant(values, "created") or self.as_of_instant()
        return await self.resolve_owner(values), created_at

    def _find_instant(self, values: RowValues, name: str) -> datetime | None:
        return self.to_instant(_moment(values, name)) if name in values else None

    def _deal_reference(self, values: RowValues) -> str | Unset:
        return external_reference(f"{self.file_map.prefix}{values['deal']}") if values.get("deal") else UNSET

    # people, teams, products

    async def employee_input(self, values: RowValues) -> EmployeeInput:
        parent = await self.resolve_team(str(values["team_parent"]), "team_parent") if "team_parent" in values else None
        team: str | Unset = parent or UNSET
        if "team" in values:
            team_manager: str | Unset = UNSET
            if "team_manager" in values:
                manager_details = EmployeeInput(role=Role.MANAGER, team=parent)
                team_manager = await self.resolve_employee(str(values["team_manager"]), "team_manager", manager_details)
            team = await self.resolve_team(
                str(values["team"]), "team", TeamInput(parent=parent or UNSET, manager=team_manager)
            )
        active = values.get("active")
        if active is True and "left" in values:
            raise CellError(
                "The row says that the employee is active, and when they left: it can say one only.", "left"
            )
        return EmployeeInput(
            name=_text(values, "name") or None,
            email=_text(values, "email") or None,
            active=active if isinstance(active, bool) else None,
            role=_choice(Role, values, "role"),
            team=team,
            manager=await self._resolve_manager(values),
            joined_on=_moment(values, "joined").day if "joined" in values else UNSET,
        )

    async def absence_input(self, values: RowValues, external_id: str) -> AbsenceInput:
        """Return the input of an absence. Raises CellError for a missing field."""
        require_fields("absences", values)
        return AbsenceInput(
            employee=await self.resolve_owner(values),
            first_day=_moment(values, "from").day,
            last_day=_moment(values, "to").day,
            kind=AbsenceKind(str(values["kind"]).upper()),
            external_id=external_id,
        )

    async def team_input(self, values: RowValues) -> TeamInput:
        return TeamInput(
            name=_text(values, "name") or None,
            parent=await self.resolve_team(str(values["parent"]), "parent") if "parent" in values else UNSET,
            manager=await self._resolve_manager(values),
        )

    async def _resolve_manager(self, values: RowValues) -> str | Unset:
        if "manager" not in values:
            return UNSET
        return await self.resolve_employee(str(values["manager"]), "manager", EmployeeInput(role=Role.MANAGER))

    async def resolve_team(self, text: str, column: str, details: TeamInput = _TEAM) -> str:
        """Return the id of the team that the text names, created or updated with `details`."""
        with errors_in_column(column):
            global_id = self.lookup.teams.find(text, "teams", self.file_map.prefix)
        if global_id is None:
            external_id = derive_external_id(f"{self.file_map.prefix}{text}")
            self.lookup.note_created("teams", text)
            details = replace(details, name=text, external_id=external_id)
        elif details == _TEAM:
            return global_id
        return (await self.lookup.upsert_team(global_id, details))[0]


def _text(values: RowValues, name: str) -> str | Unset:
    return str(values[name]) if name in values else UNSET


def _choice(choices: type[Choice], values: RowValues, name: str) -> Choice | None:
    return choices(str(values[name])) if name in values else None


def _moment(values: RowValues, name: str) -> DateOrTime:
    value = values[name]
    assert isinstance(value, DateOrTime)
    return value
