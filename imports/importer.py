"""The importer: records files batch by batch through the resolvers, without alerts and notifications.

Each batch is one unit of work, so an interrupted run has imported whole batches. Running it again completes it: every
record has an external id, the CRM's or one derived from its row, by which it is found again. A row that cannot be
imported is reported and does not stop the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from imports.batch import Batch
from imports.cell_parsing import RowReader
from imports.csv_reader import ImportFileError, read_header, read_rows
from imports.field_specs import FIELDS_BY_KIND
from imports.file_checks import FileChecks, find_lookalikes
from imports.import_run import ImportResult, ImportRun
from imports.input_builder import InputBuilder
from imports.map_file import FileMap, ImportMap
from imports.rejects_format import read_source_name
from imports.stage_mapping import StageResolver
from imports.toml_schema import MapError

BATCH_ROWS: Final = 500


def find_sources(source: Path, import_map: ImportMap) -> tuple[list[tuple[Path, FileMap]], list[str]]:
    """Return the files to read with their maps, in order of import, and the names of files that no map matches.

    Raises ImportFileError if there is no file, or one lacks a required column; nothing has been imported then.
    """
    paths = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.suffix.lower() == ".csv")
    source_names = {path: read_source_name(path) for path in paths}  # None: not a file of rejected rows
    has_exports = any(name is None and import_map.find_file_map(path.name) for path, name in source_names.items())
    matched_files = [
        (path, file_map)
        for path, source_name in source_names.items()
        if (source_name is None or not has_exports) and (file_map := import_map.find_file_map(source_name or path.name))
    ]
    if source.is_file() and not matched_files and len(import_map.files) == 1:
        matched_files = [(source, import_map.files[0])]
    if not matched_files:
        patterns = ", ".join(file.pattern for file in import_map.files)
        raise ImportFileError(f"There is nothing to import at {source}: the map “{import_map.name}” reads {patterns}.")
    for path, file_map in matched_files:
        read_header(path, file_map)
    kind_order = list(FIELDS_BY_KIND)
    matched_paths = {path for path, _ in matched_files}
    return (
        sorted(matched_files, key=lambda pair: kind_order.index(pair[1].kind)),
        [path.name for path in paths if path not in matched_paths],
    )


class Importer(ImportRun):
    """Runs one import.

    on_progress  called after each batch with the number of lines processed since the last call
    """

    async def run(self, files: Sequence[tuple[Path, FileMap]]) -> ImportResult:
        """Import the files. Raises MapError if the map does not fit the company."""
        company = await self.context.company()
        if self.import_map.as_of and self.import_map.as_of > await self.context.today():
            raise MapError("as_of", "this day lies ahead: give one that has come")
        await self.lookup.load()
        if self.import_map.pipeline:
            async with self.context.unit_of_work(is_batch=True):
                await self.lookup.ensure_pipeline(self.import_map.pipeline, self.import_map.stages)
        zone = ZoneInfo(self.import_map.zone or company.time_zone)
        for path, file_map in files:
            csv_header = read_header(path, file_map)
            checks = FileChecks(self, path.name, file_map, csv_header)
            self.rejected_rows.start_file(path.name, csv_header)
            stage_resolver, reader, lines_done = (
                StageResolver(self.import_map, file_map, self.lookup),
                RowReader(file_map, zone),
                0,
            )
            if file_map.kind in ("deals", "visits"):
                async with self.context.unit_of_work(is_batch=True):
                    await stage_resolver.create_missing(
                        reader, (row.cells for row in read_rows(path, file_map) if not row.error)
                    )
            input_builder = InputBuilder(
                self.context, self.import_map, file_map, self.lookup, stage_resolver, company.calendar
            )
            occurrences: Counter[str] = Counter()
            row_iterator = read_rows(path, file_map)
            while batch := list(islice(row_iterator, BATCH_ROWS)):
                for row in batch:
                    checks.sample_cells(row)
                await Batch(self, path.name, file_map, reader, input_builder, occurrences, checks).import_rows(batch)
                self.on_progress(batch[-1].line - lines_done)
                lines_done = batch[-1].line
            checks.finish(company.currency)
        async with self.context.unit_of_work(is_batch=True):
            await self.lookup.discard_unused_stages()
        self.result.notes.extend(find_lookalikes(self))
        self.result.created_names = self.lookup.created_names
        return self.result
