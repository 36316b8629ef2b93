"""The importer: records files batch by batch through the resolvers, without alerts and notifications.

Each batch is one unit of work, so an interrupted run has imported whole batches. Running it again completes it: every
record has an external id, the CRM's or one derived from its row, by which it is found again. A row that cannot be
imported is reported and does not stop the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from imports.batch import Batch
from imports.cell_parsing import RowReader
from imports.file_checks import FileChecks, find_lookalikes
from imports.files.source_file import SourceFile
from imports.import_run import ImportNote, ImportResult, ImportRun
from imports.input_builder import InputBuilder
from imports.stage_mapping import StageResolver
from imports.toml_schema import MapError

BATCH_ROWS: Final = 500


class Importer(ImportRun):
    """Runs one import.

    on_progress  called after each batch with the number of lines processed since the last call
    """

    async def run(self, files: Sequence[SourceFile]) -> ImportResult:
        """Import the files. Raises MapError if the map does not fit the company."""
        company = await self.context.company()
        if self.import_map.as_of and self.import_map.as_of > await self.context.today():
            raise MapError("as_of", "this day lies ahead: give one that has come")
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
            stage_resolver, reader, lines_done = (
                StageResolver(self.import_map, file_map, self.lookup),
                RowReader(file_map, zone, source_file.formats),
                0,
            )
            if file_map.kind in ("deals", "visits"):
                async with self.context.unit_of_work(is_batch=True):
                    await stage_resolver.create_missing(
                        reader, (row.cells for row in source_file.read_rows() if not row.error)
                    )
            input_builder = InputBuilder(
                self.context, self.import_map, file_map, self.lookup, stage_resolver, company.calendar
            )
            occurrences: Counter[str] = Counter()
            row_iterator = source_file.read_rows()
            while batch := list(islice(row_iterator, BATCH_ROWS)):
                for row in batch:
                    checks.sample_cells(row)
                await Batch(self, source_file.name, file_map, reader, input_builder, occurrences, checks).import_rows(
                    batch
                )
                self.on_progress(batch[-1].line - lines_done)
                lines_done = batch[-1].line
            checks.finish(company.currency)
        async with self.context.unit_of_work(is_batch=True):
            await self.lookup.discard_unused_stages()
        self.result.notes.extend(find_lookalikes(self))
        self.result.created_names = self.lookup.created_names
        return self.result
