"""The import itself: batch after batch through the same resolvers as everything else, silently.

Each batch is a unit of work, so a run that is cut off has brought in whole batches, and
running it again finishes it: every record carries an id of its own, its CRM's or one
derived from its row, by which it is found again. A row that cannot be taken is
reported and stops nothing else.
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
    """Return the files to read, each with how, what is referred to first; and the names of those not in the map.

    Raises FileRefused when there is none, or one lacks a column it needs: then nothing is brought in.
    """
    paths = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.suffix.lower() == ".csv")
    found = [(path, file) for path in paths if (file := map_.file_for(path.name))]
    if source.is_file() and not found and len(map_.files) == 1:
        found = [(source, map_.files[0])]
    if not found:
        patterns = ", ".join(file.pattern for file in map_.files)
        raise FileRefused(f"There is nothing to bring in at {source}: the map “{map_.name}” reads {patterns}.")
    for path, file in found:
        header(path, file)
    order = list(KINDS)
    read = {path for path, _ in found}
    return (
        sorted(found, key=lambda pair: order.index(pair[1].kind)),
        [path.name for path in paths if path not in read],
    )


class Loading(ImportRun):
    """One import.

    progress  told how many lines were dealt with, whenever a batch is in
    """

    async def run(self, files: Sequence[tuple[Path, FileMap]]) -> Result:
        """Bring the files in. Raises MapError where the map does not fit this company."""
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
