"""Imports one batch of rows in one unit of work and reports the outcome of each row."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.errors.user_errors import Refusal
from imports.cell_parsing import Moment, Reader, Unreadable, Values
from imports.csv_reader import Row
from imports.field_specs import KINDS, NEEDED
from imports.import_run import ImportRun
from imports.input_builder import FIELDS, Giving, Input
from imports.map_file import FileMap
from imports.name_lookup import derived, ext
from models.crm.deals import Deal
from resolvers.crm import products, stage_history
from resolvers.crm.calls import Calls
from resolvers.crm.clients import Clients, Contacts
from resolvers.crm.deals import Deals
from resolvers.crm.leads import Leads
from resolvers.crm.record_type import Keeper, Outcome, bring_in
from resolvers.crm.stage_history import Visit
from resolvers.crm.tasks import Tasks

Fate = Outcome | Refusal | Unreadable

_KEEPERS: Final[dict[str, Callable[[], Keeper]]] = {
    "deals": Deals,
    "clients": Clients,
    "contacts": Contacts,
    "leads": Leads,
    "calls": Calls,
    "tasks": Tasks,
}


@dataclass
class Batch:
    """Imports batches of rows of one file.

    occurrences  how often equal rows without an id have occurred in the file, to give each its own external id
    """

    loading: ImportRun
    name: str
    file: FileMap
    reader: Reader
    giving: Giving
    occurrences: Counter[str]

    async def bring_in(self, rows: Sequence[Row]) -> None:
        """Import the rows in one unit of work, count their outcomes and report the rejected ones."""
        async with self.loading.context.unit():
            fates = await self._brought(rows)
        for row, fate in zip(rows, fates, strict=True):
            self.loading.result.count(self.file.kind, "read")
            if isinstance(fate, Outcome):
                self.loading.result.count(self.file.kind, fate.value)
            else:
                self._reject(row, fate)

    async def _brought(self, rows: Sequence[Row]) -> list[Fate]:
        if self.file.kind in _STRUCTURE:
            return await self._kept(rows)
        return await (self._visited(rows) if self.file.kind == "visits" else self._recorded(rows))

    def _reject(self, row: Row, why: Refusal | Unreadable) -> None:
        self.loading.result.count(self.file.kind, "rejected")
        if isinstance(why, Unreadable):
            reason, place = why.reason, why.column
        else:
            named = next((part for part in why.path if part != "input"), "")
            reason, place = why.message, FIELDS.get(named, named)
        column = self.reader.column(place, row.cells) if place in KINDS[self.file.kind] else place
        self.loading.rejects.add(self.name, row.line, column, reason, row.cells)

    def _values(self, row: Row) -> Values:
        if row.broken:
            raise Unreadable(row.broken)
        return self.reader.values(row.cells)

    # records: the whole batch at once

    async def _recorded(self, rows: Sequence[Row]) -> list[Fate]:
        """Record the batch: first new clients, which the records refer to, and last stage entries of the deals."""
        fates: dict[int, Fate] = {}
        read: dict[int, tuple[Values, str]] = {}
        for n, row in enumerate(rows):
            try:
                values = self._values(row)
                read[n] = values, self._external(values, row)
            except Unreadable as why:
                fates[n] = why
        known = await self._known([external for _, external in read.values()])
        givens: dict[int, Input] = {}
        entries: dict[int, list[Visit]] = {}
        for n, (values, external) in read.items():
            try:
                entries[n] = self._entries(values, external, rows[n])
                given = await self._given(values, external in known, rows[n])
                self.loading.seen(self.file.kind, external, self.name, rows[n].line)
                givens[n] = {**given, "externalId": external}
            except (Unreadable, Refusal) as why:
                fates[n] = why
        await self._new_clients()
        outcomes = await bring_in(self.loading.context, _KEEPERS[self.file.kind](), list(givens.values()))
        fates.update(zip(givens, outcomes, strict=True))
        kept = [n for n in givens if not isinstance(fates[n], Refusal)]
        await stage_history.bring_in(self.loading.context, [visit for n in kept for visit in entries[n]])
        if self.file.kind == "clients":
            self._met(list(givens.values()), outcomes)
        return [fates[n] for n in range(len(rows))]

    async def _known(self, externals: Sequence[str]) -> set[str]:
        """Return the external ids of those deals that exist already; empty for other kinds of records."""
        if self.file.kind != "deals":
            return set()
        found = await Deal.filter(external_id__in=list(externals)).values_list("external_id", flat=True)
        return {str(external) for external in found}

    def _entries(self, values: Values, external: str, row: Row) -> list[Visit]:
        """Return the stage entries of the row's deal, as far as the row has them."""
        if self.file.kind != "deals":
            return []
        entries = self.reader.entries(row.cells) or {}
        return [
            Visit(ext(external), self.giving.stages.named(values, name).id, self.giving.at(moment))
            for name, moment in entries.items()
        ]

    async def _given(self, values: Values, known: bool, row: Row) -> Input:
        match self.file.kind:
            case "deals":
                told = self.loading.map.tells_visits or self.reader.entries(row.cells) is not None
                return await self.giving.deal(values, known=known, told=told)
            case "clients":
                return await self.giving.client_itself(values)
            case "contacts":
                return await self.giving.contact(values)
            case "leads":
                return await self.giving.lead(values)
            case "calls":
                return await self.giving.call(values)
        return await self.giving.task(values)

    async def _new_clients(self) -> None:
        """Record the clients that rows of this batch name and that do not exist yet."""
        givens = list(self.giving.clients.values())
        self.giving.clients.clear()
        outcomes = await bring_in(self.loading.context, Clients(), givens)
        self._met(givens, outcomes)
        new = [given["name"] for given, outcome in zip(givens, outcomes, strict=True) if outcome is Outcome.NEW]
        if new:
            self.loading.directory.note("clients", *new)

    def _met(self, givens: Sequence[Input], outcomes: Sequence[Outcome | Refusal]) -> None:
        for given, outcome in zip(givens, outcomes, strict=True):
            if outcome is Outcome.NEW:
                external = given["externalId"]
                self.loading.directory.clients.add(ext(external), external, given["name"])

    def _external(self, values: Values, row: Row) -> str:
        """Return the external id of a row's record: from its id column, else derived from its cells.

        Derived ids are equal in every run, so importing a file again finds the same records. Rows with equal cells
        are told apart by the number of their occurrence in the file.
        """
        if "id" in values:
            return f"{self.file.prefix}{values['id']}"
        if "id" in self.file.columns:
            raise Unreadable("The row has no id.", "id")
        named = [row.cells[name].strip() for name in self.file.id_from or row.cells]
        if len(named) == 1:
            text = named[0]
        else:
            text = hashlib.sha256("\0".join(named).encode("utf-8", "replace")).hexdigest()[:32]
        self.occurrences[text] += 1
        nth = self.occurrences[text]
        return derived(f"{self.file.prefix}{text}" if nth == 1 else f"{self.file.prefix}{text}#{nth}")

    # the stage history of deals

    async def _visited(self, rows: Sequence[Row]) -> list[Fate]:
        """Add the rows' stage entries to deals. A closing stage changes nothing: the deal itself tells its end."""
        fates: dict[int, Fate] = {}
        told: dict[int, Visit] = {}
        for n, row in enumerate(rows):
            try:
                values = self._values(row)
                for name in NEEDED["visits"]:
                    if name not in values:
                        raise Unreadable(f"The row has no {name}.", name)
                stage, _ = self.giving.stages.of(values, known=True)
                entered = values["entered"]
                assert isinstance(entered, Moment)
                fates[n] = Outcome.UNCHANGED
                if stage is not None:
                    told[n] = Visit(ext(f"{self.file.prefix}{values['deal']}"), stage.id, self.giving.at(entered))
            except Unreadable as why:
                fates[n] = why
        fates.update(zip(told, await stage_history.bring_in(self.loading.context, list(told.values())), strict=True))
        return [fates[n] for n in range(len(rows))]

    # people, teams and products: one by one, since they refer to each other

    async def _kept(self, rows: Sequence[Row]) -> list[Fate]:
        fates: list[Fate] = []
        for row in rows:
            try:
                values = self._values(row)
                fates.append(await _STRUCTURE[self.file.kind](self, values, row))
            except (Unreadable, Refusal) as why:
                fates.append(why)
        return fates

    async def _person(self, values: Values, row: Row) -> Outcome:
        directory, name = self.loading.directory, str(values["name"])
        external = f"{self.file.prefix}{values.get('id', name)}"
        self.loading.seen("people", external, self.name, row.line)
        known = directory.person(str(values.get("email") or values.get("id") or name), self.file.prefix)
        known = known or directory.person(name, self.file.prefix)
        given = await self.giving.person_itself(values)
        return await directory.keep_person(known, {**given, "externalId": derived(external)})

    async def _team(self, values: Values, row: Row) -> Outcome:
        directory, name = self.loading.directory, str(values["name"])
        external = f"{self.file.prefix}{values.get('id', name)}"
        self.loading.seen("teams", external, self.name, row.line)
        known = directory.teams.find(str(values.get("id", name)), "teams", self.file.prefix)
        known = known or directory.teams.find(name, "teams", self.file.prefix)
        given = await self.giving.team_itself(values)
        return (await directory.keep_team(known, {**given, "externalId": derived(external)}))[1]

    async def _product(self, values: Values, row: Row) -> Outcome:
        self.loading.seen("products", str(values["name"]), self.name, row.line)
        given = {"name": values["name"], **self.giving.money(values, "price")}
        outcome = await products.save(self.loading.context, given)
        if outcome is Outcome.NEW:
            self.loading.directory.products.add(str(values["name"]), None, str(values["name"]))
        return outcome


_STRUCTURE: Final = {"people": Batch._person, "teams": Batch._team, "products": Batch._product}
