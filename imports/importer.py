"""The importer: records files piece by piece through the resolvers, without alerts and notifications.

Each piece is one unit of work, so an interrupted run has imported whole pieces. Running it again completes it: every
record has an external id, the CRM's or one derived from its row, by which it is found again. A row that cannot be
imported is reported and does not stop the others. Files are read between the pieces, so that other writers wait for
one piece at most, and no more rows are in memory than one piece has.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from domain.messages import Message
from imports.batch import Batch
from imports.cell_parsing import RowReader
from imports.file_checks import FileChecks, find_lookalikes
from imports.files.source_file import SourceFile
from imports.import_run import ImportNote, ImportResult, ImportRun
from imports.input_builder import InputBuilder
from imports.parsed_row import ParsedRow, RowParser
from imports.piece_limit import PieceLimit
from imports.stage_mapping import StageResolver
from imports.toml_schema import MapError
from models.db.import_settings import settings_for_import

_OBJECTS_PER_COLLECTION: Final = 50_000  # new ones, between two garbage collections


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Collect garbage less often: a piece makes many objects and hardly any cycles. Such an import has its own process."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_OBJECTS_PER_COLLECTION, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


class Importer(ImportRun):
    """Runs one import.

    on_progress   called after each piece with the number of lines processed since the last call
    create_limit  returns the limit of the pieces of a file
    """

    create_limit: Callable[[], PieceLimit] = PieceLimit

    async def run(self, files: Sequence[SourceFile]) -> ImportResult:
        """Import the files. Raises MapError if the map does not fit the company."""
        with _fewer_collections():
            async with settings_for_import():
                return await self._run(files)

    async def _run(self, files: Sequence[SourceFile]) -> ImportResult:
        company = await self.context.company()
        if self.import_map.as_of and self.import_map.as_of > await self.context.today():
            raise MapError(Message("this day lies ahead: give one that has come"), "as_of")
        await self.lookup.load()
        if self.import_map.pipeline:
            async with self.context.unit_of_work(is_batch=True):
                await self.lookup.ensure_pipeline(self.import_map.pipeline, self.import_map.stages)
        zone = ZoneInfo(self.import_map.zone or company.time_zone)
        for source_file in files:
            file_map = source_file.file_map
            checks = FileChecks(self, source_file.name, file_map, source_file.header)
            self.rejected_rows.start_file(source_file.name, source_file.header)
            self.result.notes.extend(ImportNote("", note.message, note.is_warning) for note in source_file.notes)
            stage_resolver = StageResolver(self.import_map, file_map, self.lookup)
            reader = RowReader(file_map, zone, source_file.formats)
            if file_map.kind in ("deals", "visits"):
                await self._create_stages(source_file, reader, stage_resolver)
            input_builder = InputBuilder(
                self.context, self.import_map, file_map, self.lookup, stage_resolver, company.calendar
            )
            limit = self.create_limit()
            batch = Batch(self, source_file.name, file_map, reader, input_builder, checks, limit)
            await self._import_file(source_file, RowParser(file_map, reader), batch)
            checks.finish(company.currency)
        async with self.context.unit_of_work(is_batch=True):
            await self.lookup.discard_unused_stages()
        self.result.notes.extend(find_lookalikes(self))
        self.result.created_names = self.lookup.created_names
        self.result.created_counts = self.lookup.created_counts
        return self.result

    async def _create_stages(self, source_file: SourceFile, reader: RowReader, stage_resolver: StageResolver) -> None:
        """Create the stages that the file names and that are missing."""
        for cells in source_file.stage_cells:
            stage_resolver.note_names(reader, cells)
        async with self.context.unit_of_work(is_batch=True):
            await stage_resolver.create_missing()

    async def _import_file(self, source_file: SourceFile, parser: RowParser, batch: Batch) -> None:
        row_iterator, lines_done = source_file.read_rows(), 0
        rows: list[ParsedRow] = []
        while True:
            for row in islice(row_iterator, max(0, batch.limit.rows - len(rows))):
                batch.checks.sample_cells(row)
                rows.extend(parser.parse(row))
            if not rows:
                break
            row_count = await batch.import_rows(rows[: batch.limit.rows])
            last_line = rows[row_count - 1].row.line
            del rows[:row_count]
            self.on_progress(last_line - lines_done)
            lines_done = last_line
        await batch.import_postponed_rows()
