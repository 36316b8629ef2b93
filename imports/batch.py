"""Imports the rows of a file piece by piece, each in one unit of work, and reports the outcome of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, Final

from domain.errors.user_errors import Conflict, UserError
from imports import history_rows, visit_rows
from imports.cell_parsing import CellError, RowReader, RowValues
from imports.file_checks import FileChecks
from imports.files.source_row import SourceRow
from imports.import_run import ImportRun
from imports.input_builder import MAP_FIELD_NAMES, InputBuilder
from imports.map_file import FileMap
from imports.name_index import external_reference
from imports.one_by_one import ONE_BY_ONE_IMPORTERS
from imports.parsed_row import ParsedRow
from imports.piece import Piece, RowOutcome
from imports.piece_limit import PieceLimit
from imports.row_references import NeedsUnitOfWork
from models.crm import deals
from resolvers.crm import stage_history
from resolvers.crm.calls import CallType
from resolvers.crm.clients import ClientType, ContactType
from resolvers.crm.deals import DealType
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import ClientInput, RecordInput
from resolvers.crm.leads import LeadType
from resolvers.crm.record_type import RecordType, import_records
from resolvers.crm.stage_history import ImportedStageEntry
from resolvers.crm.tasks import TaskType

_MAX_POSTPONED_ROWS: Final = 10_000


class _PieceRolledBack(Exception):
    """Rolls a piece back that is begun again."""


_RECORD_TYPES: Final[dict[str, Callable[[], RecordType[Any, Any]]]] = {
    "deals": DealType,
    "clients": ClientType,
    "contacts": ContactType,
    "leads": LeadType,
    "calls": CallType,
    "tasks": TaskType,
}


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
        checks: FileChecks,
        limit: PieceLimit,
    ) -> None:
        self.run, self.file_name, self.file_map, self.reader = run, file_name, file_map, reader
        self.input_builder, self.checks, self.limit = input_builder, checks, limit
        self._postpones_conflicts = file_map.kind == "absences" and "id" in file_map.columns
        self._postponed_rows: list[ParsedRow] = []

    async def import_rows(self, rows: Sequence[ParsedRow]) -> int:
        """Import rows in one unit of work, count their outcomes and report the rejected ones.

        returns  how many of the rows were processed: the first ones, at least one, fewer than all if the time of the
                 piece was over
        """
        row_outcomes = await self._import_all_or_nothing(rows)
        for parsed, row_outcome in zip(rows, row_outcomes, strict=False):
            if self._is_postponed(row_outcome):
                self._postponed_rows.append(parsed)
                continue
            self.run.result.count(self.file_map.kind, "read")
            if isinstance(row_outcome, ImportOutcome):
                self.run.result.count(self.file_map.kind, row_outcome.value)
                self.checks.add_row(parsed.row, parsed.values, row_outcome, is_copy=parsed.is_copy)
            else:
                self._reject(parsed, row_outcome)
        return len(row_outcomes)

    async def import_postponed_rows(self) -> None:
        """Import the rows that overlapped an absence which a later row has moved meanwhile; reject the others."""
        while rows := sorted(
            self._postponed_rows, key=lambda parsed: parsed.row.line, reverse=self._postpones_conflicts
        ):
            row_count, self._postponed_rows = len(rows), []
            while rows:
                del rows[: await self.import_rows(rows[: self.limit.rows])]
            if len(self._postponed_rows) == row_count:
                self._postpones_conflicts = False

    async def _import_all_or_nothing(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        """Import the first rows, as many as the time of a piece allows, in one unit of work; return their outcomes.

        If a rejected row has created or changed something that it refers to, such as an employee or a client, the
        unit of work is rolled back and begun again without the row, so that nothing of it stays.
        """
        lookup, rejected_rows = self.run.lookup, dict[ParsedRow, RowOutcome]()
        while True:
            remaining_rows = [row for row in rows if row not in rejected_rows]
            lookup.begin_piece()
            self.input_builder.new_clients.clear()
            piece = await self._prepare(remaining_rows) if self.file_map.kind in _RECORD_TYPES else None
            writing_rows: dict[ParsedRow, RowOutcome] = {}
            with suppress(_PieceRolledBack):
                async with self.run.context.unit_of_work(is_batch=True):
                    self.limit.begin()
                    outcomes = await (self._import_records(piece) if piece else self._process_rows(remaining_rows))
                    row_outcomes = dict(zip(remaining_rows, outcomes, strict=False))
                    writing_rows = {
                        row: outcome for row, outcome in row_outcomes.items() if self._may_have_written(row, outcome)
                    }
                    if writing_rows:
                        raise _PieceRolledBack
                self.limit.end(len(row_outcomes))
                row_outcomes |= rejected_rows
                return [row_outcomes[row] for row in takewhile(row_outcomes.__contains__, rows)]
            lookup.undo_piece()
            rejected_rows |= writing_rows
            for row in writing_rows:
                self._forget(row)

    def _may_have_written(self, parsed: ParsedRow, outcome: RowOutcome) -> bool:
        """Return whether a row is rejected after something was written for it.

        Records one by one may have been written in part before they were found to be invalid.
        """
        if isinstance(outcome, UserError) and self.file_map.kind in ONE_BY_ONE_IMPORTERS:
            return True
        return isinstance(outcome, (UserError, CellError)) and parsed in self.run.lookup.writing_rows

    def _is_postponed(self, outcome: RowOutcome) -> bool:
        return (
            self._postpones_conflicts
            and isinstance(outcome, Conflict)
            and len(self._postponed_rows) < _MAX_POSTPONED_ROWS
        )

    async def _process_rows(self, rows: Sequence[ParsedRow]) -> Sequence[RowOutcome]:
        """Import the first rows, as many as the time allows, and return their outcomes."""
        if self.file_map.kind == "visits":
            return await visit_rows.import_stage_history(self.run, self.input_builder, rows)
        return await self._import_one_by_one(rows)

    def _reject(self, parsed: ParsedRow, error: UserError | CellError) -> None:
        self.run.result.count(self.file_map.kind, "rejected")
        self._forget(parsed)
        if isinstance(error, CellError):
            field_name = error.column
        else:
            input_field = next((part for part in error.path if part != "input"), "")
            field_name = MAP_FIELD_NAMES.get(input_field, input_field)
        column = self.reader.column_of(field_name, parsed.row.cells, parsed.spread_column)
        self.run.rejected_rows.add_row(parsed.row, column, error.message, parsed.derived_id)

    def _forget(self, parsed: ParsedRow) -> None:
        """Forget the external id of a rejected row, so that another row may have it."""
        if parsed.registered_id is not None:
            self.run.forget_record(self.file_map.kind, parsed.registered_id)
            parsed.registered_id = None

    def is_copy(self, external_id: str, parsed: ParsedRow) -> bool:
        """Remember a record's external id, and return whether an earlier row has the same id and contents.

        Raises CellError if an earlier row has the same id and other contents.
        """
        [is_copy] = self._register([(external_id, parsed)])
        if isinstance(is_copy, CellError):
            raise is_copy
        return is_copy

    def _register(self, ids_and_rows: Sequence[tuple[str, ParsedRow]]) -> list[bool | CellError]:
        """Remember external ids of records, and return whether each row is a copy of an earlier one.

        It is a CellError if an earlier row has the same id and other contents.
        """
        records = [
            (
                external_id,
                parsed.row.line,
                hash((*parsed.values.items(), *self.reader.raw_stage_entries(parsed.row.cells))),
            )
            for external_id, parsed in ids_and_rows
        ]
        registrations = self.run.register_records(self.file_map.kind, self.file_name, records)
        for (external_id, parsed), registration in zip(ids_and_rows, registrations, strict=True):
            parsed.is_copy = registration is True
            parsed.registered_id = external_id if registration is False else None
        return registrations

    # records: the whole piece at once

    async def _prepare(self, rows: Sequence[ParsedRow]) -> Piece:
        """Build the inputs of the first rows before the lock is taken, up to the first that needs a new employee."""
        self.input_builder.find_clients([parsed.values for parsed in rows])
        piece = Piece(
            rows, await self._find_existing_deals([parsed.external_id for parsed in rows if not parsed.error])
        )
        with suppress(NeedsUnitOfWork):
            await self._build_inputs(piece)
        self._register_inputs(piece)
        return piece

    async def _build_inputs(self, piece: Piece, is_time_over: Callable[[], bool] = lambda: False) -> None:
        """Build the inputs of the other rows of a piece, as many as the time allows, but one at least of the piece."""
        for index in range(piece.row_count, len(piece.rows)):
            if index and is_time_over():
                return
            parsed = piece.rows[index]
            if parsed.error:
                piece.outcomes[index] = parsed.error
            else:
                self.run.lookup.current_row = parsed
                values, external_id = parsed.values, parsed.external_id
                try:
                    piece.stage_entries[index] = self._stage_entries(values, external_id, parsed.row)
                    exists = external_id in piece.existing_ids
                    piece.inputs[index] = await self._build_input(values, external_id, exists, parsed.row)
                except (CellError, UserError) as error:
                    piece.outcomes[index] = error
            piece.row_count = index + 1

    def _register_inputs(self, piece: Piece, first_index: int = 0) -> None:
        """Remember the external ids of the inputs from an index on, and leave out the copies of earlier rows."""
        indices = [index for index in piece.inputs if index >= first_index]
        registrations = self._register([(piece.rows[index].external_id, piece.rows[index]) for index in indices])
        for index, registration in zip(indices, registrations, strict=True):
            if isinstance(registration, CellError):
                piece.outcomes[index] = registration
            elif registration:
                piece.copies[index] = piece.rows[index].external_id
            if registration:
                del piece.inputs[index]

    async def _import_records(self, piece: Piece) -> list[RowOutcome]:
        """Record the piece: first new clients, which the records refer to, and last stage entries of the deals."""
        if (prepared_count := piece.row_count) < len(piece.rows):
            await self._build_inputs(
                piece, lambda: self.limit.is_half_over
            )  # saving takes as long as what has been done
            self._register_inputs(piece, prepared_count)
        inputs, row_outcomes = piece.inputs, piece.outcomes
        await self._import_new_clients()
        outcomes = await import_records(self.run.context, _RECORD_TYPES[self.file_map.kind](), list(inputs.values()))
        row_outcomes.update(zip(inputs, outcomes, strict=True))
        if self.file_map.kind == "deals":
            self._check_existing(piece)
        first_outcomes = {inputs[index].external_id: row_outcomes[index] for index in inputs} if piece.copies else {}
        for index, external_id in piece.copies.items():
            first_outcome = first_outcomes.get(external_id)
            row_outcomes[index] = first_outcome if isinstance(first_outcome, UserError) else ImportOutcome.UNCHANGED
        imported = [index for index in inputs if not isinstance(row_outcomes[index], UserError)]
        await stage_history.import_stage_entries(
            self.run.context, [visit for index in imported for visit in piece.stage_entries[index]]
        )
        if self.file_map.kind == "clients":
            self._add_to_lookup([input for input in inputs.values() if isinstance(input, ClientInput)], outcomes)
        return [row_outcomes[index] for index in range(piece.row_count)]

    def _check_existing(self, piece: Piece) -> None:
        """Have a piece begun again if another writer has recorded one of its deals after its inputs were built."""
        for index, input in piece.inputs.items():
            outcome = piece.outcomes[index]
            if isinstance(outcome, ImportOutcome) and (outcome is ImportOutcome.NEW) == (
                input.external_id in piece.existing_ids
            ):
                raise _PieceRolledBack

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

    async def _build_input(self, values: RowValues, external_id: str, exists: bool, row: SourceRow) -> RecordInput:
        match self.file_map.kind:
            case "deals":
                has_stage_history = self.run.import_map.has_stage_history or self.reader.has_stage_entries(row.cells)
                return await self.input_builder.deal_input(
                    values, external_id, exists=exists, has_stage_history=has_stage_history
                )
            case "clients":
                return await self.input_builder.client_input(values, external_id)
            case "contacts":
                return await self.input_builder.contact_input(values, external_id)
            case "leads":
                return await self.input_builder.lead_input(values, external_id)
            case "calls":
                return await self.input_builder.call_input(values, external_id)
        return await self.input_builder.task_input(values, external_id)

    async def _import_new_clients(self) -> None:
        """Record the clients that rows of this piece name and that do not exist yet."""
        inputs = list(self.input_builder.new_clients.values())
        self.input_builder.new_clients.clear()
        if not inputs:
            return
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

    # the other kinds: one by one, since their rows refer to each other

    async def _import_one_by_one(self, rows: Sequence[ParsedRow]) -> list[RowOutcome]:
        row_outcomes: list[RowOutcome] = []
        for parsed in rows:
            if row_outcomes and self.limit.is_over:
                break
            self.run.lookup.current_row = parsed
            try:
                row_outcomes.append(
                    parsed.error or await ONE_BY_ONE_IMPORTERS[self.file_map.kind](self, parsed.values, parsed)
                )
            except (CellError, UserError) as error:
                row_outcomes.append(error)
        return row_outcomes
