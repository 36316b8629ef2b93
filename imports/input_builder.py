"""Builds the input of the mutation that records a row.

The inputs are those of the public schema. Names in a row (of an owner, a client, a stage) are resolved to ids here;
the map says what happens to unknown ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role
from domain.primitives.calendar import Calendar
from domain.primitives.global_ids import encoded
from imports.cell_parsing import Moment, Unreadable, Values
from imports.map_file import FileMap, Map
from imports.name_lookup import Directory, derived, ext
from imports.stage_mapping import Stages
from resolvers.request import validation
from resolvers.request.context import Context

Input = dict[str, Any]

# Field of a mutation's input → field of the map, where the names differ; to name the column in an error.
FIELDS: Final[Mapping[str, str]] = {
    "createdAt": "created", "closedAt": "closed", "expectedCloseOn": "expected", "lostReason": "reason",
    "saleKind": "sale", "externalId": "id", "assignee": "owner", "employee": "owner", "startedAt": "started",
    "durationSeconds": "seconds", "dueAt": "due", "completedAt": "completed", "contactName": "contact",
}  # fmt: skip


@dataclass
class Giving:
    """Builds the inputs for the rows of one file.

    new_clients  inputs for clients that rows of the current batch name and that do not exist yet, by external id;
                 they are recorded before the rows
    """

    context: Context
    map: Map
    file: FileMap
    directory: Directory
    stages: Stages
    calendar: Calendar
    clients: dict[str, Input] = field(default_factory=dict)

    def at(self, moment: Moment) -> datetime:
        """Return the moment; for a day without time, its start in the company's time zone."""
        return moment.at or self.calendar.start_of(moment.day)

    def as_of(self) -> datetime | None:
        return self.calendar.start_of(self.map.as_of) if self.map.as_of else None

    # references to other rows

    async def owner(self, values: Values) -> str:
        """Return the id of the record's owner. Raises CellError for an unknown one if the map says `reject`."""
        return await self.person(str(values.get("owner", "")), "owner")

    async def person(self, text: str, column: str, **about: Any) -> str:
        """Return the id of the employee that the text names; by the map's policy, create one with `details`."""
        unknown = self.file.unknown.get("owner", "create")
        importer = encoded("Employee", self.context.viewer.id or 0)
        if not text:
            if unknown == "importer" or self.file.kind in ("clients", "contacts"):
                return importer
            raise Unreadable(
                'The row has no owner: `owner = "importer"` under file.unknown, in a copy of the map, '
                "gives such rows to the first administrator.",
                column,
            )
        found = self.directory.person(text, self.file.prefix)
        if found is not None:
            return found
        if unknown == "reject":
            raise Unreadable(f"There is no employee “{text}”.", column)
        return importer if unknown == "importer" else await self.directory.hired(text, self.file.prefix, **about)

    def client(self, values: Values, owner: str, created: datetime | None) -> str | None:
        """Return the id of the row's client, or None; add an unknown client to `new_clients`.

        Raises CellError for an unknown one if the map says `reject`.
        """
        text = str(values.get("client", ""))
        if not text:
            return None
        found = self.directory.clients.find(text, "clients", self.file.prefix)
        if found is not None:
            return found
        if self.file.unknown.get("client", "create") == "reject":
            raise Unreadable(f"There is no client “{text}”.", "client")
        external = derived(f"{self.file.prefix}{text}")
        if external not in self.clients:
            name = validation.name(text, "input", "client")
            self.clients[external] = {"name": name, "owner": owner, "externalId": external, "createdAt": created}
        return ext(external)

    def product(self, values: Values) -> Input:
        text = str(values.get("product", ""))
        strict = self.file.unknown.get("product") == "reject"
        if text and strict and self.directory.products.find(text, "products") is None:
            raise Unreadable(f"The price list has no product “{text}”.", "product")
        return {"product": text} if text else {}

    def money(self, values: Values, name: str) -> Input:
        if name not in values:
            return {}
        return {name: {"amount": values[name], "currency": values.get("currency", self.map.currency)}}

    def told(self, values: Values, **names: str) -> Input:
        """Return the values that the row has; `field_names` are the input's names of the row's fields."""
        return {ours: values[theirs] for ours, theirs in names.items() if theirs in values}

    # deals

    async def deal(self, values: Values, *, known: bool, told: bool) -> Input:
        """Return the input for a deal.

        exists             the deal exists already; it keeps its stage when it is closed
        has_stage_history  its stage entries come from a file or columns of their own
        """
        owner = await self.owner(values)
        stage, status = self.stages.of(values, known)
        given = {
            **self.told(values, title="title", problem="problem", lostReason="reason"),
            **self.money(values, "amount"),
            **self.money(values, "cost"),
            **self.product(values),
            **self._times(values, status),
            "owner": owner,
            "status": status,
        }
        if stage is not None:
            given["stage"] = encoded("Stage", stage.id)
            if told or (not known and status is not DealStatus.OPEN):
                given["entered"] = None
            elif not known and stage.position > 0:
                given["entered"] = self.context.now()  # it has been in the stage since now at the latest
        if "sale" in values:
            given["saleKind"] = SaleKind(str(values["sale"]))
        if client := self.client(values, owner, given.get("createdAt") or given.get("closedAt")):
            given["client"] = client
        return given

    def _times(self, values: Values, status: DealStatus) -> Input:
        """Return the deal's creation, closing and expected dates. Raises CellError where they contradict its status.

        A deal with the same day for creation and closing, and no closing time, closes when it was created, not at the
        start of that day.
        """
        given: Input = {}
        created, expected = values.get("created"), values.get("expected")
        closed = values.get(status.lower(), values.get("closed"))  # the `won` or `lost` field first
        if isinstance(expected, Moment):
            given["expectedCloseOn"] = expected.day
        ended = self.at(closed) if isinstance(closed, Moment) else None
        began = self.at(created) if isinstance(created, Moment) else self.as_of()
        if status is DealStatus.OPEN:
            if isinstance(closed, Moment) and self.file.open_closing == "expected":
                given["expectedCloseOn"] = closed.day
            elif isinstance(closed, Moment) and self.file.open_closing == "reject":
                raise Unreadable("An open deal has no closing time.", "closed")
            return {**given, "createdAt": began} if began else given
        if ended is None or not isinstance(closed, Moment):
            raise Unreadable("A closed deal needs its closing time.", "closed")
        if began and (not isinstance(created, Moment)):
            began = min(began, ended)
        if began and isinstance(created, Moment) and created.day == closed.day and closed.at is None:
            ended = max(began, ended)
        return {**given, "closedAt": ended, **({"createdAt": began} if began else {})}

    # other records

    async def client_itself(self, values: Values) -> Input:
        return {**self.told(values, name="name", email="email", phone="phone"), **await self._kept(values)}

    async def contact(self, values: Values) -> Input:
        given = {**self.told(values, name="name", email="email", phone="phone"), **await self._kept(values)}
        return self._with_client(values, given)

    async def lead(self, values: Values) -> Input:
        told = self.told(
            values, title="title", source="source", contactName="contact", phone="phone", email="email", reason="reason"
        )
        given = {**told, **await self._kept(values)}
        if "status" in values:
            given["status"] = LeadStatus(str(values["status"]))
        return self._with_client(values, given)

    async def call(self, values: Values) -> Input:
        given: Input = self.told(values, durationSeconds="seconds", note="note")
        given["employee"] = await self.owner(values)
        given["direction"] = CallDirection(str(values["direction"]))
        if "outcome" in values:
            given["outcome"] = CallOutcome(str(values["outcome"]))
        given["startedAt"] = self._moment(values, "started")
        return self._with_deal(values, self._with_client(values, given, "employee", given["startedAt"]))

    async def task(self, values: Values) -> Input:
        given: Input = {**self.told(values, title="title"), "assignee": await self.owner(values)}
        if "kind" in values:
            given["kind"] = TaskKind(str(values["kind"]))
        for theirs, ours in (("created", "createdAt"), ("due", "dueAt"), ("completed", "completedAt")):
            if theirs in values:
                given[ours] = self._moment(values, theirs)
        if "createdAt" not in given and (as_of := self.as_of()):
            given["createdAt"] = min(as_of, given.get("completedAt", as_of))
        return self._with_deal(values, self._with_client(values, given, "assignee", given.get("createdAt")))

    async def _kept(self, values: Values) -> Input:
        created = self._moment(values, "created") if "created" in values else self.as_of()
        return {"owner": await self.owner(values), **({"createdAt": created} if created else {})}

    def _moment(self, values: Values, name: str) -> datetime:
        value = values[name]
        assert isinstance(value, Moment)
        return self.at(value)

    def _with_client(
        self, values: Values, given: Input, owner: str = "owner", created: datetime | None = None
    ) -> Input:
        client = self.client(values, given[owner], given.get("createdAt", created))
        return {**given, "client": client} if client else given

    def _with_deal(self, values: Values, given: Input) -> Input:
        return {**given, "deal": ext(f"{self.file.prefix}{values['deal']}")} if values.get("deal") else given

    # people, teams, products

    async def person_itself(self, values: Values) -> Input:
        given = self.told(values, name="name", email="email", active="active")
        if "role" in values:
            given["role"] = Role(str(values["role"]))
        parent = await self._team(str(values["team_parent"])) if "team_parent" in values else None
        if "team" in values:
            lead = None
            if "team_manager" in values:
                lead = await self.person(str(values["team_manager"]), "team_manager", role=Role.MANAGER, team=parent)
            given["team"] = await self._team(str(values["team"]), parent=parent, manager=lead)
        elif parent:
            given["team"] = parent
        if "manager" in values:
            given["manager"] = await self.person(str(values["manager"]), "manager", role=Role.MANAGER)
        return given

    async def team_itself(self, values: Values) -> Input:
        given = self.told(values, name="name")
        if "parent" in values:
            given["parent"] = await self._team(str(values["parent"]))
        if "manager" in values:
            given["manager"] = await self.person(str(values["manager"]), "manager", role=Role.MANAGER)
        return given

    async def _team(self, text: str, **about: str | None) -> str:
        """Return the id of the team that the text names, created or updated with `details`."""
        found = self.directory.teams.find(text, "teams", self.file.prefix)
        given: Input = {name: value for name, value in about.items() if value is not None}
        if found is None:
            given |= {"name": text, "externalId": derived(f"{self.file.prefix}{text}")}
        elif not given:
            return found
        if found is None:
            self.directory.note("teams", text)
        return (await self.directory.keep_team(found, given))[0]
