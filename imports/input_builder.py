"""Builds the input of the mutation that records a row.

The inputs are those of the public schema. Names in a row (of an owner, a client, a stage) are resolved to ids here;
the map says what happens to unknown ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role
from domain.primitives.calendar import Calendar
from domain.primitives.global_ids import encode_global_id
from imports.cell_parsing import CellError, DateOrTime, RowValues
from imports.field_specs import REQUIRED_FIELDS
from imports.map_file import FileMap, ImportMap
from imports.name_lookup import NameLookup, derive_external_id, external_reference
from imports.stage_mapping import StageResolver
from models.organization.absences import AbsenceKind
from resolvers.request import validation
from resolvers.request.context import Context

InputDict = dict[str, Any]

# Field of a mutation's input → field of the map, where the names differ; to name the column in an error.
MAP_FIELD_NAMES: Final[Mapping[str, str]] = {
    "createdAt": "created", "closedAt": "closed", "expectedCloseOn": "expected", "lostReason": "reason",
    "saleKind": "sale", "externalId": "id", "assignee": "owner", "employee": "owner", "startedAt": "started",
    "durationSeconds": "seconds", "dueAt": "due", "completedAt": "completed", "contactName": "contact",
    "joinedOn": "joined",
}  # fmt: skip


@dataclass
class InputBuilder:
    """Builds the inputs for the rows of one file.

    new_clients  inputs for clients that rows of the current batch name and that do not exist yet, by external id;
                 they are recorded before the rows
    """

    context: Context
    import_map: ImportMap
    file_map: FileMap
    lookup: NameLookup
    stage_resolver: StageResolver
    calendar: Calendar
    new_clients: dict[str, InputDict] = field(default_factory=dict)

    def to_instant(self, moment: DateOrTime) -> datetime:
        """Return the moment; for a day without time, its start in the company's time zone."""
        return moment.at or self.calendar.start_of(moment.day)

    def as_of_instant(self) -> datetime | None:
        return self.calendar.start_of(self.import_map.as_of) if self.import_map.as_of else None

    # references to other rows

    async def resolve_owner(self, values: RowValues) -> str:
        """Return the id of the record's owner. Raises CellError for an unknown one if the map says `reject`."""
        return await self.resolve_employee(str(values.get("owner", "")), "owner")

    async def resolve_employee(self, text: str, column: str, **details: Any) -> str:
        """Return the id of the employee that the text names; by the map's policy, create one with `details`."""
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
        global_id = self.lookup.find_employee(text, self.file_map.prefix)
        if global_id is not None:
            return global_id
        if unknown == "reject":
            raise CellError(f"There is no employee “{text}”.", column)
        return (
            importer_id
            if unknown == "importer"
            else await self.lookup.create_employee(text, self.file_map.prefix, **details)
        )

    def resolve_client(self, values: RowValues, owner: str, created: datetime | None) -> str | None:
        """Return the id of the row's client, or None; add an unknown client to `new_clients`.

        Raises CellError for an unknown one if the map says `reject`.
        """
        text = str(values.get("client", ""))
        if not text:
            return None
        global_id = self.lookup.clients.find(text, "clients", self.file_map.prefix)
        if global_id is not None:
            return global_id
        if self.file_map.unknown.get("client", "create") == "reject":
            raise CellError(f"There is no client “{text}”.", "client")
        external_id = derive_external_id(f"{self.file_map.prefix}{text}")
        if external_id not in self.new_clients:
            name = validation.clean_name(text, "input", "client")
            self.new_clients[external_id] = {
                "name": name,
                "owner": owner,
                "externalId": external_id,
                "createdAt": created,
            }
        return external_reference(external_id)

    def product_input(self, values: RowValues) -> InputDict:
        text = str(values.get("product", ""))
        strict = self.file_map.unknown.get("product") == "reject"
        if text and strict and self.lookup.products.find(text, "products") is None:
            raise CellError(f"The price list has no product “{text}”.", "product")
        return {"product": text} if text else {}

    def money_input(self, values: RowValues, name: str) -> InputDict:
        if name not in values:
            return {}
        return {name: {"amount": values[name], "currency": values.get("currency", self.import_map.currency)}}

    def pick_fields(self, values: RowValues, **field_names: str) -> InputDict:
        """Return the values that the row has; `field_names` are the input's names of the row's fields."""
        return {input_field: values[map_field] for input_field, map_field in field_names.items() if map_field in values}

    # deals

    async def deal_input(self, values: RowValues, *, exists: bool, has_stage_history: bool) -> InputDict:
        """Return the input for a deal.

        exists             the deal exists already; it keeps its stage when it is closed
        has_stage_history  its stage entries come from a file or columns of their own
        """
        owner = await self.resolve_owner(values)
        stage, status = self.stage_resolver.resolve(values, exists)
        input = {
            **self.pick_fields(values, title="title", problem="problem", lostReason="reason"),
            **self.money_input(values, "amount"),
            **self.money_input(values, "cost"),
            **self.product_input(values),
            **self._deal_times(values, status),
            "owner": owner,
            "status": status,
        }
        if stage is not None:
            input["stage"] = encode_global_id("Stage", stage.id)
            if has_stage_history or (not exists and status is not DealStatus.OPEN):
                input["entered"] = None
            elif not exists and stage.position > 0:
                input["entered"] = self.context.now()  # it has been in the stage since now at the latest
        if "sale" in values:
            input["saleKind"] = SaleKind(str(values["sale"]))
        if client := self.resolve_client(values, owner, input.get("createdAt") or input.get("closedAt")):
            input["client"] = client
        return input

    def _deal_times(self, values: RowValues, status: DealStatus) -> InputDict:
        """Return the deal's creation, closing and expected dates. Raises CellError where they contradict its status.

        A deal with the same day for creation and closing, and no closing time, closes when it was created, not at the
        start of that day.
        """
        input: InputDict = {}
        created, expected = values.get("created"), values.get("expected")
        closed = values.get(status.lower(), values.get("closed"))  # the `won` or `lost` field first
        if isinstance(expected, DateOrTime):
            input["expectedCloseOn"] = expected.day
        closed_at = self.to_instant(closed) if isinstance(closed, DateOrTime) else None
        created_at = self.to_instant(created) if isinstance(created, DateOrTime) else self.as_of_instant()
        if status is DealStatus.OPEN:
            if isinstance(closed, DateOrTime) and self.file_map.open_closing == "expected":
                input["expectedCloseOn"] = closed.day
            elif isinstance(closed, DateOrTime) and self.file_map.open_closing == "reject":
                raise CellError("An open deal has no closing time.", "closed")
            return {**input, "createdAt": created_at} if created_at else input
        if closed_at is None or not isinstance(closed, DateOrTime):
            raise CellError("A closed deal needs its closing time.", "closed")
        if created_at and (not isinstance(created, DateOrTime)):
            created_at = min(created_at, closed_at)
        if created_at and isinstance(created, DateOrTime) and created.day == closed.day and closed.at is None:
            closed_at = max(created_at, closed_at)
        return {**input, "closedAt": closed_at, **({"createdAt": created_at} if created_at else {})}

    # other records

    async def client_input(self, values: RowValues) -> InputDict:
        return {
            **self.pick_fields(values, name="name", email="email", phone="phone"),
            **await self._ownership_fields(values),
        }

    async def contact_input(self, values: RowValues) -> InputDict:
        input = {
            **self.pick_fields(values, name="name", email="email", phone="phone"),
            **await self._ownership_fields(values),
        }
        return self._with_client(values, input)

    async def lead_input(self, values: RowValues) -> InputDict:
        fields = self.pick_fields(
            values, title="title", source="source", contactName="contact", phone="phone", email="email", reason="reason"
        )
        input = {**fields, **await self._ownership_fields(values)}
        if "status" in values:
            input["status"] = LeadStatus(str(values["status"]))
        return self._with_client(values, input)

    async def call_input(self, values: RowValues) -> InputDict:
        input: InputDict = self.pick_fields(values, durationSeconds="seconds", note="note")
        input["employee"] = await self.resolve_owner(values)
        input["direction"] = CallDirection(str(values["direction"]))
        if "outcome" in values:
            input["outcome"] = CallOutcome(str(values["outcome"]))
        input["startedAt"] = self._instant_of(values, "started")
        return self._with_deal(values, self._with_client(values, input, "employee", input["startedAt"]))

    async def task_input(self, values: RowValues) -> InputDict:
        input: InputDict = {**self.pick_fields(values, title="title"), "assignee": await self.resolve_owner(values)}
        if "kind" in values:
            input["kind"] = TaskKind(str(values["kind"]))
        for map_field, input_field in (("created", "createdAt"), ("due", "dueAt"), ("completed", "completedAt")):
            if map_field in values:
                input[input_field] = self._instant_of(values, map_field)
        if "createdAt" not in input and (as_of := self.as_of_instant()):
            input["createdAt"] = min(as_of, input.get("completedAt", as_of))
        return self._with_deal(values, self._with_client(values, input, "assignee", input.get("createdAt")))

    async def _ownership_fields(self, values: RowValues) -> InputDict:
        created = self._instant_of(values, "created") if "created" in values else self.as_of_instant()
        return {"owner": await self.resolve_owner(values), **({"createdAt": created} if created else {})}

    def _instant_of(self, values: RowValues, name: str) -> datetime:
        value = values[name]
        assert isinstance(value, DateOrTime)
        return self.to_instant(value)

    def _day_of(self, values: RowValues, name: str) -> date:
        value = values[name]
        assert isinstance(value, DateOrTime)
        return value.day

    def _with_client(
        self, values: RowValues, input: InputDict, owner: str = "owner", created: datetime | None = None
    ) -> InputDict:
        client = self.resolve_client(values, input[owner], input.get("createdAt", created))
        return {**input, "client": client} if client else input

    def _with_deal(self, values: RowValues, input: InputDict) -> InputDict:
        return (
            {**input, "deal": external_reference(f"{self.file_map.prefix}{values['deal']}")}
            if values.get("deal")
            else input
        )

    # people, teams, products

    async def employee_input(self, values: RowValues) -> InputDict:
        input = self.pick_fields(values, name="name", email="email", active="active")
        if "role" in values:
            input["role"] = Role(str(values["role"]))
        parent_id = await self._resolve_team(str(values["team_parent"])) if "team_parent" in values else None
        if "team" in values:
            team_manager_id = None
            if "team_manager" in values:
                team_manager_id = await self.resolve_employee(
                    str(values["team_manager"]), "team_manager", role=Role.MANAGER, team=parent_id
                )
            input["team"] = await self._resolve_team(str(values["team"]), parent=parent_id, manager=team_manager_id)
        elif parent_id:
            input["team"] = parent_id
        if "manager" in values:
            input["manager"] = await self.resolve_employee(str(values["manager"]), "manager", role=Role.MANAGER)
        if "joined" in values:
            input["joinedOn"] = self._day_of(values, "joined")
        return input

    async def absence_input(self, values: RowValues) -> InputDict:
        """Return the input of an absence. Raises CellError for a missing field."""
        for name in REQUIRED_FIELDS["absences"]:
            if name not in values:
                raise CellError(f"The row has no {name}.", name)
        return {
            "employee": await self.resolve_owner(values),
            "from": self._day_of(values, "from"),
            "to": self._day_of(values, "to"),
            "kind": AbsenceKind(str(values["kind"]).upper()),
        }

    async def team_input(self, values: RowValues) -> InputDict:
        input = self.pick_fields(values, name="name")
        if "parent" in values:
            input["parent"] = await self._resolve_team(str(values["parent"]))
        if "manager" in values:
            input["manager"] = await self.resolve_employee(str(values["manager"]), "manager", role=Role.MANAGER)
        return input

    async def _resolve_team(self, text: str, **details: str | None) -> str:
        """Return the id of the team that the text names, created or updated with `details`."""
        global_id = self.lookup.teams.find(text, "teams", self.file_map.prefix)
        input: InputDict = {name: value for name, value in details.items() if value is not None}
        if global_id is None:
            input |= {"name": text, "externalId": derive_external_id(f"{self.file_map.prefix}{text}")}
        elif not input:
            return global_id
        if global_id is None:
            self.lookup.note_created("teams", text)
        return (await self.lookup.upsert_team(global_id, input))[0]
