"""Imports the rows of a file piece by piece, each in one unit of work, and reports the outcome of each row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from domain.errors.user_errors import UserError
from domain.primitives.unset import UNSET
from imports.cell_parsing import CellError, DateOrTime, RowReader, RowValues
from imports.csv_reader import CsvRow
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS
from imports.import_run import ImportRun
from imports.input_builder import MAP_FIELD_NAMES, InputBuilder
from imports.map_file import FileMap
from imports.name_lookup import derive_external_id, external_reference
from imports.piece_limit import PieceLimit
from models.crm import deals
from models.db.spill_index import SpillCounter
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

_RECORD_TYPES: Final[dict[str, Callable[[], RecordType[Any, Any]]]] = {
    "deals": DealType,
    "clients": ClientType,
    "contacts": ContactType,
    "leads": LeadType,
    "calls": CallType,
    "tasks": TaskType,
}


@dataclass(slots=True)
class ParsedRow:
    """A row, its values and the external id of its record, or the reason why it cannot be read."""

    row: CsvRow
    values: RowValues
    external_id: str = ""  # of a record with effects only
    error: CellError | None = None


class Batch:
    """Imports the rows of one file.

    limit  the size of a piece
    """

    def __init__(
        self,
        run: ImportRun,
        file_name: str,
        file_map: FileMap,
        reader: RowReader,
        input_builder: InputBuilder,
        limit: PieceLimit,
    ) -> None:
        self.run, self.file_name, self.file_map, self.reader = run, file_name, file_map, reader
        self.input_builder, self.limit = input_builder, limit
        self._occurrences = SpillCounter()  # of rows without an id, to give each its own external id

    def parse(self, row: CsvRow) -> ParsedRow:
        """Read the cells of a row, without the database. Each row once, since equal rows are counted."""
        try:
            if row.error:
                raise CellError(row.error)
            values = self.reader.read_values(row.cells)
            external_id = self._external_id(values, row) if self.file_map.kind in _RECORD_TYPES else ""
            return ParsedRow(row, values, external_id)
        except CellError as error:
            return ParsedRow(row, {}, error=error)

    async def import_rows(self, rows: Sequence[ParsedRow]) -> int:
        """Import rows in one unit of work, count their outcomes and report the rejected ones.

        returns  how many of the rows were imported or rejected: the first ones, at least one, fewer than all if the
                 time of the piece was over
        """
        async with self.run.context.unit_of_work(is_batch=True):
            self.limit.begin()
            row_outcomes = await self._process_rows(rows)
        self.limit.end(len(row_outcomes))
        for parsed, row_outcome in zip(rows, row_outcomes, strict=False):
            self.run.result.count(self.file_map.kind, "read")
            if isinstance(row_outcome, ImportOutcome):
                self.run.result.count(self.file_map.kind, row_outcome.value)
            else:
                self._reject(parsed.row, row_outcome)
        return len(row_outcomes)

    async def _process_rows(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        if self.file_map.kind in _ONE_BY_ONE_IMPORTERS:
            return await self._import_one_by_one(rows)
        return await (
            self._import_stage_history(rows) if self.file_map.kind == "visits" else self._import_records(rows)
        )

    def _reject(self, row: CsvRow, error: UserError | CellError) -> None:
        self.run.result.count(self.file_map.kind, "rejected")
        if isinstance(error, CellError):
            reason, field_name = error.reason, error.column
        else:
            input_field = next((part for part in error.path if part != "input"), "")
            reason, field_name = str(error), MAP_FIELD_NAMES.get(input_field, input_field)
        column = (
            self.reader.column_of(field_name, row.cells)
            if field_name in FIELDS_BY_KIND[self.file_map.kind]
            else field_name
        )
        self.run.rejected_rows.add_row(self.file_name, row.line, column, reason, row.cells)

    # records: the whole piece at once

    async def _import_records(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        """Record the piece: first new clients, which the records refer to, and last stage entries of the deals."""
        row_outcomes: dict[int, RowOutcome] = {}
        existing_ids = await self._find_existing_deals([parsed.external_id for parsed in rows if not parsed.error])
        inputs: dict[int, RecordInput] = {}
        stage_entries: dict[int, list[ImportedStageEntry]] = {}
        for index, parsed in enumerate(rows):
            if index and self.limit.is_half_over:  # saving takes as long as what has been done
                rows = rows[:index]
                break
            if parsed.error:
                row_outcomes[index] = parsed.error
                continue
            row, values, external_id = parsed.row, parsed.values, parsed.external_id
            try:
                stage_entries[index] = self._stage_entries(values, external_id, row)
                input = await self._build_input(values, external_id in existing_ids, row)
                self.run.register_record(self.file_map.kind, external_id, self.file_name, row.line)
                inputs[index] = replace(input, external_id=external_id)
            except (CellError, UserError) as error:
                row_outcomes[index] = error
        await self._import_new_clients()
        outcomes = await import_records(self.run.context, _RECORD_TYPES[self.file_map.kind](), list(inputs.values()))
        row_outcomes.update(zip(inputs, outcomes, strict=True))
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

    def _stage_entries(self, values: RowValues, external_id: str, row: CsvRow) -> list[ImportedStageEntry]:
        """Return the stage entries of the row's deal, as far as the row has them."""
        if self.file_map.kind != "deals":
            return []
        entries = self.reader.stage_entries(row.cells) or {}
        return [
            ImportedStageEntry(
                external_reference(external_id),
                self.input_builder.stage_resolver.find_stage(values, stage_name).id,
                self.input_builder.to_instant(moment),
            )
            for stage_name, moment in entries.items()
        ]

    async def _build_input(self, values: RowValues, exists: bool, row: CsvRow) -> RecordInput:
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
        self.run.lookup.clients.add_all(
            [
                (external_reference(input.external_id or ""), input.external_id, str(input.name))
                for input, outcome in zip(inputs, outcomes, strict=True)
                if outcome is ImportOutcome.NEW
            ]
        )

    def _external_id(self, values: RowValues, row: CsvRow) -> str:
        """Return the external id of a row's record: from its id column, else derived from its cells.

        Derived ids are equal in every run, so importing a file again finds the same records. Rows with equal cells
        are told apart by the number of their occurrence in the file.
        """
        if "id" in values:
            return f"{self.file_map.prefix}{values['id']}"
        if "id" in self.file_map.columns:
            raise CellError("The row has no id.", "id")
        identifying_cells = [row.cells[name].strip() for name in self.file_map.id_from or row.cells]
        if len(identifying_cells) == 1:
            text = identifying_cells[0]
        else:
            text = hashlib.sha256("\0".join(identifying_cells).encode("utf-8", "replace")).hexdigest()[:32]
        *_, occurrence = self._occurrences.add(text)
        return derive_external_id(
            f"{self.file_map.prefix}{text}" if occurrence == 1 else f"{self.file_map.prefix}{text}#{occurrence}"
        )

    # the stage history of deals

    async def _import_stage_history(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        """Add the rows' stage entries to deals. A closing stage changes nothing: the deal itself tells its end."""
        row_outcomes: dict[int, RowOutcome] = {}
        stage_visits: dict[int, ImportedStageEntry] = {}
        for index, parsed in enumerate(rows):
            values = parsed.values
            try:
                if parsed.error:
                    raise parsed.error
                for name in REQUIRED_FIELDS["visits"]:
                    if name not in values:
                        raise CellError(f"The row has no {name}.", name)
                stage, _ = self.input_builder.stage_resolver.resolve(values, exists=True)
                entered = values["entered"]
                assert isinstance(entered, DateOrTime)
                row_outcomes[index] = ImportOutcome.UNCHANGED
                if stage is not None:
                    stage_visits[index] = ImportedStageEntry(
                        external_reference(f"{self.file_map.prefix}{values['deal']}"),
                        stage.id,
                        self.input_builder.to_instant(entered),
                    )
            except CellError as error:
                row_outcomes[index] = error
        row_outcomes.update(
            zip(
                stage_visits,
                await stage_history.import_stage_entries(self.run.context, list(stage_visits.values())),
                strict=True,
            )
        )
        return [row_outcomes[index] for index in range(len(rows))]

    # people, teams and products: one by one, since they refer to each other

    async def _import_one_by_one(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        row_outcomes: list[RowOutcome] = []
        for parsed in rows:
            if row_outcomes and self.limit.is_over:
                break
            try:
                if parsed.error:
                    raise parsed.error
                importer = _ONE_BY_ONE_IMPORTERS[self.file_map.kind]
                row_outcomes.append(await importer(self, parsed.values, parsed.row))
            except (CellError, UserError) as error:
                row_outcomes.append(error)
        return row_outcomes

    async def _import_person(self, values: RowValues, row: CsvRow) -> ImportOutcome:
        lookup, name = self.run.lookup, str(values["name"])
        external_id = f"{self.file_map.prefix}{values.get('id', name)}"
        self.run.register_record("people", external_id, self.file_name, row.line)
        existing_id = lookup.find_employee(str(values.get("email") or values.get("id") or name), self.file_map.prefix)
        existing_id = existing_id or lookup.find_employee(name, self.file_map.prefix)
        input = await self.input_builder.employee_input(values)
        return await lookup.upsert_employee(existing_id, replace(input, external_id=derive_external_id(external_id)))

    async def _import_absence(self, values: RowValues, row: CsvRow) -> ImportOutcome:
        external_id = self._external_id(values, row)
        input = await self.input_builder.absence_input(values, external_id)
        self.run.register_record("absences", external_id, self.file_name, row.line)
        _, outcome = await absences.save_absence(self.run.context, input)
        return ImportOutcome(outcome)

    async def _import_team(self, values: RowValues, row: CsvRow) -> ImportOutcome:
        lookup, name = self.run.lookup, str(values["name"])
        external_id = f"{self.file_map.prefix}{values.get('id', name)}"
        self.run.register_record("teams", external_id, self.file_name, row.line)
        existing_id = lookup.teams.find(str(values.get("id", name)), "teams", self.file_map.prefix)
        existing_id = existing_id or lookup.teams.find(name, "teams", self.file_map.prefix)
        input = await self.input_builder.team_input(values)
        return (await lookup.upsert_team(existing_id, replace(input, external_id=derive_external_id(external_id))))[1]

    async def _import_product(self, values: RowValues, row: CsvRow) -> ImportOutcome:
        self.run.register_record("products", str(values["name"]), self.file_name, row.line)
        price = self.input_builder.money(values, "price")
        if price is UNSET:
            raise CellError("The row has no price.", "price")
        product = ProductInput(name=str(values["name"]), price=price)
        outcome = await products.save_product(self.run.context, product)
        if outcome is ImportOutcome.NEW:
            self.run.lookup.products.add(str(values["name"]), None, str(values["name"]))
        return outcome


_ONE_BY_ONE_IMPORTERS: Final = {
    "people": Batch._import_person,
    "teams": Batch._import_team,
    "products": Batch._import_product,
    "absences": Batch._import_absence,
}
