"""The importer: records files piece by piece through the resolvers, without alerts and notifications.

Each piece is one unit of work, so an interrupted run has imported whole pieces. Running it again completes it: every
record has an external id, the CRM's or one derived from its row, by which it is found again. A row that cannot be
imported is reported and does not stop the others. Files are read between the pieces, so that other writers wait for
one piece at most, and no more rows are in memory than one piece has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from imports.batch import Batch, ParsedRow
from imports.cell_parsing import RowReader
from imports.csv_reader import ImportFileError, read_header, read_rows
from imports.field_specs import FIELDS_BY_KIND
from imports.import_run import ImportResult, ImportRun
from imports.input_builder import InputBuilder
from imports.map_file import FileMap, ImportMap
from imports.piece_limit import PieceLimit
from imports.stage_mapping import StageResolver
from imports.toml_schema import MapError

_ROWS_PER_TURN: Final = 1_000  # read before other tasks of the process have their turn


def find_sources(source: Path, import_map: ImportMap) -> tuple[list[tuple[Path, FileMap]], list[str]]:
    """Return the files to read with their maps, in order of import, and the names of files that no map matches.

    Raises ImportFileError if there is no file, or one lacks a required column; nothing has been imported then.
    """
    paths = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.suffix.lower() == ".csv")
    matched_files = [(path, file_map) for path in paths if (file_map := import_map.find_file_map(path.name))]
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

    on_progress   called after each piece with the number of lines processed since the last call
    create_limit  returns the limit of the pieces of a file
    """

    create_limit: Callable[[], PieceLimit] = PieceLimit

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
            stage_resolver = StageResolver(self.import_map, file_map, self.lookup)
            reader = RowReader(file_map, zone)
            if file_map.kind in ("deals", "visits"):
                await self._create_stages(path, file_map, reader, stage_resolver)
            input_builder = InputBuilder(
                self.context, self.import_map, file_map, self.lookup, stage_resolver, company.calendar
            )
            batch = Batch(self, path.name, file_map, reader, input_builder, self.create_limit())
            await self._import_file(path, file_map, batch)
        self.result.created_names = self.lookup.created_names
        self.result.created_counts = self.lookup.created_counts
        return self.result

    async def _create_stages(
        self, path: Path, file_map: FileMap, reader: RowReader, stage_resolver: StageResolver
    ) -> None:
        """Read the whole file for the stages that it names, then create those that are missing."""
        for index, row in enumerate(read_rows(path, file_map)):
            if not row.error:
                stage_resolver.note_names(reader, row.cells)
            if index % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        async with self.context.unit_of_work(is_batch=True):
            await stage_resolver.create_missing()

    async def _import_file(self, path: Path, file_map: FileMap, batch: Batch) -> None:
        row_iterator, lines_done = read_rows(path, file_map), 0
        rows: list[ParsedRow] = []
        while True:
            rows += [batch.parse(row) for row in islice(row_iterator, max(0, batch.limit.rows - len(rows)))]
            if not rows:
                return
            row_count = await batch.import_rows(rows[: batch.limit.rows])
            last_line = rows[row_count - 1].row.line
            del rows[:row_count]
            self.on_progress(last_line - lines_done)
            lines_done = last_line
