"""The import itself: batch after batch through the same resolvers as everything else, silently.

Each batch is a unit of work, so a run that is cut off has brought in whole batches, and
running it again finishes it: every record carries an id of its own, its CRM's or one
derived from its row, by which it is found again. A row that cannot be taken is
reported and stops nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from imports.batches import Batch
from imports.cells import Reader, Unreadable
from imports.directory import Directory
from imports.fields import KINDS
from imports.givens import Giving
from imports.mapping import FileMap, Map
from imports.reading import FileRefused, header, rows
from imports.rejects import Rejects
from imports.stages import Stages
from imports.tables import MapError
from resolvers.context import Context

BATCH: Final = 500
_SHOWN: Final = 20  # names of a kind in the summary


@dataclass
class Result:
    """What an import did: rows by kind and outcome (`read` and `rejected` too), and what it left alone.

    made  what rows of another kind were the first to name, and was made for that: names by kind
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def count(self, kind: str, what: str) -> None:
        self.counts.setdefault(kind, Counter())[what] += 1

    @property
    def rejected(self) -> int:
        return sum(counts["rejected"] for counts in self.counts.values())

    def __str__(self) -> str:
        shown = ("new", "changed", "unchanged", "rejected")
        lines = [
            f"{kind}: {counts['read']} read, " + ", ".join(f"{counts[name]} {name}" for name in shown)
            for kind, counts in self.counts.items()
        ]
        for kind, names in self.made.items():
            more = ", …" if len(names) > _SHOWN else ""
            lines.append(f"{kind} made as they were named, {len(names)}: {', '.join(names[:_SHOWN])}{more}")
        if self.ignored:
            lines.append(f"Not in the map, and not read: {', '.join(self.ignored)}.")
        return "\n".join(lines)


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


class Loading:
    """One import.

    progress  told how many lines were dealt with, whenever a batch is in
    """

    def __init__(self, context: Context, map_: Map, rejects: Rejects, progress: Callable[[int], None]) -> None:
        self.context, self.map, self.rejects, self.progress = context, map_, rejects, progress
        self.result = Result()
        self.directory = Directory(context)
        self._seen: dict[str, dict[str, tuple[str, int]]] = {}  # kind → external id → file and line

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

    def seen(self, kind: str, external: str, file: str, line: int) -> None:
        """Note a record's id. Raises Unreadable for one that this run has met before."""
        before = self._seen.setdefault(kind, {}).setdefault(external, (file, line))
        if before != (file, line):
            raise Unreadable(f"Line {before[1]} of {before[0]} is the same record.", "id")
