"""Resolves what the rows of a file refer to: owners, clients, teams, products, amounts and times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from domain.permissions import Role
from domain.primitives.calendar import Calendar
from domain.primitives.global_ids import encode_global_id
from domain.primitives.unset import UNSET, Unset
from imports.cell_parsing import CellError, DateOrTime, RowValues, errors_in_column
from imports.map_file import FileMap, ImportMap
from imports.name_index import derive_external_id, external_reference
from imports.name_lookup import NameLookup
from imports.stage_mapping import StageResolver
from resolvers.crm.inputs import ClientInput
from resolvers.organization.inputs import EmployeeInput, TeamInput
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money

Choice = TypeVar("Choice", bound=StrEnum)

_EMPLOYEE: Final = EmployeeInput(role=Role.EMPLOYEE)
_TEAM: Final = TeamInput()


class NeedsUnitOfWork(Exception):
    """A row names an employee who has to be created first, outside of a unit of work."""


@dataclass
class RowReferences:
    """Resolves the names in the rows of one file to ids, by the policies of the map.

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

    def resolve_product(self, values: RowValues) -> str | Unset:
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

    async def resolve_ownership(self, values: RowValues) -> tuple[str, datetime | None]:
        """Return the id of the owner of a row's record, and the time of its creation."""
        created_at = self.find_instant(values, "created") or self.as_of_instant()
        return await self.resolve_owner(values), created_at

    def find_instant(self, values: RowValues, name: str) -> datetime | None:
        return self.to_instant(find_moment(values, name)) if name in values else None

    def deal_reference(self, values: RowValues) -> str | Unset:
        return external_reference(f"{self.file_map.prefix}{values['deal']}") if values.get("deal") else UNSET

    async def resolve_manager(self, values: RowValues) -> str | Unset:
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


def find_text(values: RowValues, name: str) -> str | Unset:
    return str(values[name]) if name in values else UNSET


def find_choice(choices: type[Choice], values: RowValues, name: str) -> Choice | None:
    return choices(str(values[name])) if name in values else None


def find_moment(values: RowValues, name: str) -> DateOrTime:
    value = values[name]
    assert isinstance(value, DateOrTime)
    return value
