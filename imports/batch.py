"""Imports one batch of rows in one unit of work and reports the outcome of each row."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.errors.user_errors import Conflict, UserError
from domain.primitives.unset import UNSET
from imports import goal_rows, history_rows, visit_rows
from imports.cell_parsing import CellError, RowReader, RowValues
from imports.field_specs import FIELDS_BY_KIND
from imports.file_checks import FileChecks
from imports.files.source_row import SourceRow
from imports.import_run import ImportRun
from imports.input_builder import MAP_FIELD_NAMES, InputBuilder
from imports.map_file import FileMap
from imports.name_lookup import derive_external_id, external_reference
from models.crm import deals
from resolvers.crm import products, stage_history
from resolvers.crm.calls import CallType
from resolvers.crm.clients import ClientType, ContactType
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import ClientInput, ProductInput, RecordInput
from resolvers.crm.leads import LeadType
from resolvers.crm.record_type import ImportOutcome, RecordType, import_records
from resolvers.crm.stage_history import ImportedStageEntry
from resolvers.crm.tasks import TaskType
from resolvers.organization import absences

RowOutcome = ImportOutcome | UserError | CellError


class _RejectedRowsHaveWritten(Exception):
    """Rolls a batch back that is begun again without some of its rows."""


_RECORD_TYPES: Final[dict[str, Callable[[], RecordType[Any, Any]]]] = {
    "deals": DealType,
    "clients": ClientType,
    "contacts": ContactType,
    "leads": LeadType,
    "calls": CallType,
    "tasks": TaskType,
}


@dataclass
class Batch:
    """Imports one batch of rows of a file.

    occurrences  how often equal rows without an id have occurred in the file, to give each its own external id
    """

    run: ImportRun
    file_name: str
    file_map: FileMap
    reader: RowReader
    input_builder: InputBuilder
    occurrences: Counter[str]
    checks: FileChecks
    _values: dict[int, RowValues] = field(default_factory=dict)  # by id(row)
    _derived_ids: dict[int, str] = field(default_factory=dict)  # by id(row)
    _registered_ids: dict[int, str] = field(default_factory=dict)  # by id(row): external ids
    _copies: set[int] = field(default_factory=set)  # id(row) of rows that are exact copies of earlier ones

    @property
    def _derives_ids(self) -> bool:
        """Whether the ids of the records are derived from the cells of their rows."""
        has_ids = "id" in self.file_map.columns or "id" in self.file_map.fields_without_column
        return not has_ids and (self.file_map.kind in _RECORD_TYPES or self.file_map.kind == "absences")

    async def import_rows(self, rows: Sequence[SourceRow]) -> None:
        """Import the rows, count their outcomes, note what stands out in them and report the rejected ones."""
        row_outcomes = await self._import_all_or_nothing(rows)
        for row, row_outcome in zip(rows, row_outcomes, strict=True):
            self.run.result.count(self.file_map.kind, "read")
            if isinstance(row_outcome, ImportOutcome):
                self.run.result.count(self.file_map.kind, row_outcome.value)
                self.checks.add_row(row, self._values[id(row)], row_outcome, is_copy=id(row) in self._copies)
            else:
                self._reject(row, row_outcome)

    async def _import_all_or_nothing(self, rows: Sequence[SourceRow]) -> list[RowOutcome]:
        """Import the rows in one unit of work.

        If a rejected row has created or changed something that it refers to, such as an employee or a client, the
        unit of work is rolled back and begun again without the row, so that nothing of it stays.
        """
        lookup, row_outcomes = self.run.lookup, dict[int, RowOutcome]()
        while True:
            remaining_rows = [row for row in rows if id(row) not in row_outcomes]
            lookup.begin_batch()
            self.input_builder.new_clients.clear()
            with suppress(_RejectedRowsHaveWritten):
                async with self.run.context.unit_of_work(is_batch=True):
                    outcomes = await self._process_rows(remaining_rows)
                    written = {
                        id(row): outcome
                        for row, outcome in zip(remaining_rows, outcomes, strict=True)
                        if self._may_have_written(row, outcome)
                    }
                    if written:
                        raise _RejectedRowsHaveWritten
                row_outcomes |= {id(row): outcome for row, outcome in zip(remaining_rows, outcomes, strict=True)}
                return [row_outcomes[id(row)] for row in rows]
            lookup.undo_batch()
            row_outcomes |= written
            for row_key in written:
                self._forget(row_key)

    def _may_have_written(self, row: SourceRow, outcome: RowOutcome) -> bool:
        """Return whether a row is rejected after something was written for it.

        Records one by one may have been written in part before they were found to be invalid.
        """
        if isinstance(outcome, UserError) and self.file_map.kind in _ONE_BY_ONE_IMPORTERS:
            return True
        return isinstance(outcome, (UserError, CellError)) and id(row) in self.run.lookup.writing_rows

    async def _process_rows(self, rows: Sequence[SourceRow]) -> list[RowOutcome]:
        if self.file_map.kind in _ONE_BY_ONE_IMPORTERS:
            return await self._import_one_by_one(rows)
        if self.file_map.kind == "visits":
            return await visit_rows.import_stage_history(self.run, self.input_builder, rows, self._read_values)
        return await self._import_records(rows)

    def _reject(self, row: SourceRow, error: UserError | CellError) -> None:
        self.run.result.count(self.file_map.kind, "rejected")
        self._forget(id(row))
        if isinstance(error, CellError):
            field_name = error.column
        else:
            input_field = next((part for part in error.path if part != "input"), "")
            field_name = MAP_FIELD_NAMES.get(input_field, input_field)
        column = (
            self.reader.column_of(field_name, row.cells)
            if field_name in FIELDS_BY_KIND[self.file_map.kind]
            else field_name
        )
        self.run.rejected_rows.add_row(row, column, error.message, self._derived_ids.get(id(row), ""))

    def _forget(self, row_key: int) -> None:
        """Forget the external id of a rejected row, so that another row may have it."""
        if external_id := self._registered_ids.pop(row_key, None):
            self.run.forget_record(self.file_map.kind, external_id)

    def _read_values(self, row: SourceRow) -> RowValues:
        self.run.lookup.current_row = id(row)
        if self._derives_ids:
            self._derive_id(row)  # of rejected rows, too: their place among equal rows stays when they are mended
        if row.error:
            raise CellError(row.error)
        self._values[id(row)] = values = self.reader.read_values(row.cells)
        return values

    def _is_copy(self, external_id: str, row: SourceRow) -> bool:
        """Remember a record's external id, and return whether an earlier row has the same id and contents.

        Raises CellError if an earlier row has the same id and other contents.
        """
        contents = hash((*self._values[id(row)].items(), *self.reader.raw_stage_entries(row.cells)))
        is_copy = self.run.register_record(self.file_map.kind, external_id, self.file_name, row.line, contents)
        if is_copy:
            self._copies.add(id(row))
        else:
            self._registered_ids[id(row)] = external_id
        return is_copy

    # records: the whole batch at once

    async def _import_records(self, rows: Sequence[SourceRow]) -> list[RowOutcome]:
        """Record the batch: first new clients, which the records refer to, and last stage entries of the deals."""
        row_outcomes: dict[int, RowOutcome] = {}
        parsed_rows: dict[int, tuple[RowValues, str]] = {}
        for index, row in enumerate(rows):
            try:
                values = self._read_values(row)
                parsed_rows[index] = values, self._external_id(values, row)
            except CellError as error:
                row_outcomes[index] = error
        existing_ids = await self._find_existing_deals([external_id for _, external_id in parsed_rows.values()])
        inputs: dict[int, RecordInput] = {}
        copies: dict[int, str] = {}  # external ids of rows that are exact copies of earlier ones
        stage_entries: dict[int, list[ImportedStageEntry]] = {}
        for index, (values, external_id) in parsed_rows.items():
            self.run.lookup.current_row = id(rows[index])
            try:
                stage_entries[index] = self._stage_entries(values, external_id, rows[index])
                input = await self._build_input(values, external_id in existing_ids, rows[index])
                if self._is_copy(external_id, rows[index]):
                    copies[index] = external_id
                    continue
                inputs[index] = replace(input, external_id=external_id)
            except (CellError, UserError) as error:
                row_outcomes[index] = error
        await self._import_new_clients()
        outcomes = await import_records(self.run.context, _RECORD_TYPES[self.file_map.kind](), list(inputs.values()))
        row_outcomes.update(zip(inputs, outcomes, strict=True))
        first_outcomes = {inputs[index].external_id: row_outcomes[index] for index in inputs}
        for index, external_id in copies.items():
            first_outcome = first_outcomes.get(external_id)
            row_outcomes[index] = first_outcome if isinstance(first_outcome, UserError) else ImportOutcome.UNCHANGED
        imported = [index for index in inputs if not isinstance(row_outcomes[index], UserError)]
        await stage_history.import_stage_entries(
            self.run.context, [visit for index in imported for visit in stage_entries[index]]
        )
        if self.file_map.kind == "clients":
            self._add_to_lookup([input for input in inputs.values() if isinstance(input, ClientInput)], outcomes)
        return [row_outcomes[index] for index in range(len(rows))]

    async def _find_existing_deals(self, external_ids: Sequence[str]) -> set[str]:
        """Return the external ids of those deals that exist already; empty for other kinds of records."""
        if self.file_map.kind != "deals":
            return set()
        return await deals.list_external_ids(external_ids)

    def _stage_entries(self, values: RowValues, external_id: str, row: SourceRow) -> list[ImportedStageEntry]:
        """Return the stage entries of the row's deal, as far as the row has them."""
        if self.file_map.kind != "deals":
            return []
        entries = self.reader.stage_entries(row.cells) or {}
        for moment in entries.values():
            is_ahead = self.input_builder.to_instant(moment) > self.run.context.now()
            history_rows.check_stage_entry(values, moment, is_ahead=is_ahead)
        return [
            ImportedStageEntry(
                external_reference(external_id),
                self.input_builder.stage_resolver.find_stage(values, stage_name).id,
                self.input_builder.to_instant(moment),
            )
            for stage_name, moment in entries.items()
        ]

    async def _build_input(self, values: RowValues, exists: bool, row: SourceRow) -> RecordInput:
        match self.file_map.kind:
            case "deals":
                has_stage_history = (
                    self.run.import_map.has_stage_history or self.reader.stage_entries(row.cells) is not None
                )
                return await self.input_builder.deal_input(values, exists=exists, has_stage_history=has_stage_history)
            case "clients":
                return await self.input_builder.client_input(values)
            case "contacts":
                return await self.input_builder.contact_input(values)
            case "leads":
                return await self.input_builder.lead_input(values)
            case "calls":
                return await self.input_builder.call_input(values)
        return await self.input_builder.task_input(values)

    async def _import_new_clients(self) -> None:
        """Record the clients that rows of this batch name and that do not exist yet."""
        inputs = list(self.input_builder.new_clients.values())
        self.input_builder.new_clients.clear()
        outcomes = await import_records(self.run.context, ClientType(), inputs)
        self._add_to_lookup(inputs, outcomes)
        new_names = [
            str(input.name) for input, outcome in zip(inputs, outcomes, strict=True) if outcome is ImportOutcome.NEW
        ]
        if new_names:
            self.run.lookup.note_created("clients", *new_names)

    def _add_to_lookup(self, inputs: Sequence[ClientInput], outcomes: Sequence[ImportOutcome | UserError]) -> None:
        for input, outcome in zip(inputs, outcomes, strict=True):
            if outcome is ImportOutcome.NEW:
                external_id = input.external_id or ""
                self.run.lookup.clients.add(external_reference(external_id), external_id, str(input.name))

    def _external_id(self, values: RowValues, row: SourceRow) -> str:
        """Return the external id of a row's record: from its id column, else derived from its cells.

        Derived ids are equal in every run, so importing a file again finds the same records. Rows with equal cells
        are told apart by the number of their occurrence in the file.
        """
        if "id" in values:
            return f"{self.file_map.prefix}{values['id']}"
        if "id" in self.file_map.columns:
            raise CellError("The row has no id.", "id")
        return self._derive_id(row)

    def _derive_id(self, row: SourceRow) -> str:
        """Return the id derived from a row's cells; counted only once, as the batch may begin again."""
        if id(row) not in self._derived_ids:
            self._derived_ids[id(row)] = (row.origin and row.origin.import_id) or derive_external_id(
                f"{self.file_map.prefix}{self._identify(row)}"
            )
        return self._derived_ids[id(row)]

    def _identify(self, row: SourceRow) -> str:
        if row.error:
            return _hash_cells([*row.texts, str(row.line)])
        identifying_cells = [row.cells[name].strip() for name in self.file_map.id_from or row.cells]
        text = identifying_cells[0] if len(identifying_cells) == 1 else _hash_cells(identifying_cells)
        self.occurrences[text] += 1
        occurrence = self.occurrences[text]
        return text if occurrence == 1 else f"{text}#{occurrence}"

    # people, teams and products: one by one, since they refer to each other

    async def _import_one_by_one(self, rows: Sequence[SourceRow]) -> list[RowOutcome]:
        row_outcomes: list[RowOutcome] = []
        for row in rows:
            try:
                values = self._read_values(row)
                row_outcomes.append(await _ONE_BY_ONE_IMPORTERS[self.file_map.kind](self, values, row))
            except (CellError, UserError) as error:
                row_outcomes.append(error)
        if self.file_map.kind == "absences" and "id" in self.file_map.columns:
            await self._retry_conflicts(rows, row_outcomes)
        return row_outcomes

    async def _retry_conflicts(self, rows: Sequence[SourceRow], row_outcomes: list[RowOutcome]) -> None:
        """Import rows again that overlapped an absence which a later row has moved meanwhile."""
        conflicts = [index for index, outcome in enumerate(row_outcomes) if isinstance(outcome, Conflict)]
        for index in reversed(conflicts):
            with suppress(UserError):
                values = self._read_values(rows[index])
                row_outcomes[index] = await self._import_absence(values, rows[index])
        if any(not isinstance(row_outcomes[index], Conflict) for index in conflicts):
            await self._retry_conflicts(rows, row_outcomes)

    async def _import_person(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        lookup, name = self.run.lookup, str(values["name"])
        external_id = f"{self.file_map.prefix}{values.get('id', name)}"
        if self._is_copy(external_id, row):
            return ImportOutcome.UNCHANGED
        existing_id = lookup.find_employee(str(values.get("email") or values.get("id") or name), self.file_map.prefix)
        existing_id = existing_id or lookup.find_employee(name, self.file_map.prefix)
        await history_rows.check_departure(self.run, values, existing_id)
        input = await self.input_builder.employee_input(values)
        outcome = await lookup.upsert_employee(existing_id, replace(input, external_id=derive_external_id(external_id)))
        return await history_rows.import_departure(
            self.run, values, existing_id or lookup.find_employee(external_id) or "", outcome
        )

    async def _import_transfer(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        employee_id, team_id, day = await history_rows.read_transfer(self.input_builder, values)
        if self._is_copy(f"{employee_id} {day}", row):
            return ImportOutcome.UNCHANGED
        return await history_rows.import_transfer(self.run, employee_id, team_id, day)

    async def _import_absence(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        external_id, has_ids = self._external_id(values, row), "id" in self.file_map.columns
        input = await self.input_builder.absence_input(values, external_id)
        if self._is_copy(external_id if has_ids else f"{input.employee} {input.first_day}", row):
            return ImportOutcome.UNCHANGED
        _, outcome = await absences.save_absence(self.run.context, input, matches_first_day=not has_ids)
        return ImportOutcome(outcome)

    async def _import_goal(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        goal = await goal_rows.read_goal(
            self.run, values, self.file_map.prefix, lambda text: self.reader.parse_time(text).day
        )
        return ImportOutcome.UNCHANGED if self._is_copy(goal.key, row) else await goal.record(self.run.context)

    async def _import_team(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        lookup, name = self.run.lookup, str(values["name"])
        external_id = f"{self.file_map.prefix}{values.get('id', name)}"
        if self._is_copy(external_id, row):
            return ImportOutcome.UNCHANGED
        existing_id = lookup.teams.find(str(values.get("id", name)), "teams", self.file_map.prefix)
        existing_id = existing_id or lookup.teams.find(name, "teams", self.file_map.prefix)
        input = await self.input_builder.team_input(values)
        return (await lookup.upsert_team(existing_id, replace(input, external_id=derive_external_id(external_id))))[1]

    async def _import_product(self, values: RowValues, row: SourceRow) -> ImportOutcome:
        if self._is_copy(str(values["name"]), row):
            return ImportOutcome.UNCHANGED
        price = self.input_builder.money(values, "price")
        if price is UNSET:
            raise CellError("The row has no price.", "price")
        product = ProductInput(name=str(values["name"]), price=price)
        outcome = await products.save_product(self.run.context, product)
        if outcome is ImportOutcome.NEW:
            self.run.lookup.products.add(str(values["name"]), None, str(values["name"]))
        return outcome


def _hash_cells(cells: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(cells).encode("utf-8", "replace")).hexdigest()[:32]


_ONE_BY_ONE_IMPORTERS: Final = {
    "people": Batch._import_person,
    "transfers": Batch._import_transfer,
    "teams": Batch._import_team,
    "products": Batch._import_product,
    "absences": Batch._import_absence,
    "goals": Batch._import_goal,
}
