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
from imports.cell_parsing import Reader
from imports.csv_reader import FileRefused, header, rows
from imports.field_specs import KINDS
from imports.import_run import ImportRun, Result
from imports.input_builder import Giving
from imports.map_file import FileMap, Map
from imports.stage_mapping import Stages
from imports.toml_schema import MapError

BATCH: Final = 500


def sources(source: Path, map_: Map) -> tuple[list[tuple[Path, FileMap]], list[str]]:
    """Return the files to read with their maps, in order of import, and the names of files that no map matches.

    Raises ImportFileError if there is no file, or one lacks a required column; nothing has been imported then.
    """
    paths = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.suffix.lower() == ".csv")
    found = [(path, file) for path in paths if (file := map_.file_for(path.name))]
    if source.is_file() and not found and len(map_.files) == 1:
        found = [(source, map_.files[0])]
    if not found:
        patterns = ", ".join(file.pattern for file in map_.files)
        raise FileRefused(f"There is nothing to import at {source}: the map “{map_.name}” reads {patterns}.")
    for path, file in found:
        header(path, file)
    order = list(KINDS)
    read = {path for path, _ in found}
    return (
        sorted(found, key=lambda pair: order.index(pair[1].kind)),
        [path.name for path in paths if path not in read],
    )


class Loading(ImportRun):
    """Runs one import.

    on_progress  called after each batch with the number of lines processed since the last call
    """

    async def run(self, files: Sequence[tuple[Path, FileMap]]) -> Result:
        """Import the files. Raises MapError if the map does not fit the company."""
        company = await self.context.company()
        if self.map.as_of and self.map.as_of > await self.context.today():
            raise MapError("as_of", "this day lies ahead: give one that has come")
        await self.directory.read()
        if self.map.pipeline:
            async with self.context.unit():
                await self.directory.pipeline(self.map.pipeline, self.map.stages)
        zone = ZoneInfo(self.map.zone or company.time_zone)
        for path, file in files:
            stages, reader, done = Stages(self.map, file, self.directory), Reader(file, zone), 0
            if file.kind in ("deals", "visits"):
                async with self.context.unit():
                    await stages.prepare(reader, (row.cells for row in rows(path, file) if not row.broken))
            giving = Giving(self.context, self.map, file, self.directory, stages, company.calendar)
            occurrences: Counter[str] = Counter()
            every = rows(path, file)
            while batch := list(islice(every, BATCH)):
                await Batch(self, path.name, file, reader, giving, occurrences).bring_in(batch)
                self.progress(batch[-1].line - done)
                done = batch[-1].line
        self.result.made = self.directory.made
        return self.result
