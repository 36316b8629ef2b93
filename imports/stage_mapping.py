"""Resolves the pipeline, stage and status of a deal from the names in a file and its map."""

from __future__ import annotations

from collections.abc import Iterable

from domain.ledger.record_facts import DealStatus
from domain.primitives.text import search_key
from imports.cell_parsing import Cells, Reader, Unreadable, Values
from imports.map_file import FileMap, Map, StageMap
from imports.name_lookup import Directory
from models.crm.pipelines import Stage


class Stages:
    def __init__(self, map_: Map, file: FileMap, directory: Directory) -> None:
        self.map, self.file, self.directory = map_, file, directory
        self._meant = {search_key(name): meant for name, meant in file.stages.items()}
        self._order = [search_key(meant.stage or name) for name, meant in file.stages.items()]

    async def prepare(self, reader: Reader, rows: Iterable[Cells]) -> None:
        """Create the pipelines and stages that the file names, in the order of the map, before any deal is recorded."""
        named: dict[str, dict[str, None]] = {}
        ended: dict[str, str] = {}
        for cells in rows:
            text = reader.text("stage", cells)
            meant = self._meaning(text)
            if meant is None:
                continue
            pipeline = self._pipeline(meant, reader.text("pipeline", cells))
            stages = named.setdefault(pipeline, {})
            if name := _name(meant, text):
                stages[name] = None
            else:
                ended.setdefault(pipeline, text or meant.status.capitalize())
        for pipeline, stages in named.items():
            wanted = sorted(dict.fromkeys([*stages, *self.file.entered]), key=self._place)
            if not wanted and not self.directory.stages.get(pipeline):
                wanted = [ended[pipeline]]  # all deals are closed: no open stage is named
            await self.directory.pipeline(pipeline, wanted)

    def of(self, values: Values, known: bool) -> tuple[Stage | None, DealStatus]:
        """Return the stage (None: unchanged) and the status of a deal.

        A new deal that is closed gets the last stage of its pipeline if won, the first if lost.
        Raises CellError for a stage that neither the map nor the pipeline has.
        """
        text = str(values.get("stage", ""))
        meant = self._meaning(text)
        pipeline = self._pipeline(meant or StageMap(), str(values.get("pipeline", "")))
        stages = self.directory.stages.get(pipeline, [])
        there = {search_key(stage.name): stage for stage in stages}
        if meant is None:
            if search_key(text) not in there:
                sentence = f"The stage “{text}” is not in the map: define under stages if it is open, won or lost."
                raise Unreadable(sentence, "stage")
            meant = StageMap()
        status = DealStatus(str(values.get("status", meant.status)))
        if name := _name(meant, text):
            return there[search_key(name)], status
        if known:
            return None, status
        return stages[-1 if status is DealStatus.WON else 0], status

    def named(self, values: Values, name: str) -> Stage:
        """Return the stage of that name in the row's pipeline. Raises CellError if there is none."""
        meant = self._meaning(str(values.get("stage", ""))) or StageMap()
        stages = self.directory.stages.get(self._pipeline(meant, str(values.get("pipeline", ""))), [])
        found = next((stage for stage in stages if search_key(stage.name) == search_key(name)), None)
        if found is None:
            raise Unreadable(f"The pipeline of this deal has no stage “{name}”.", "stage")
        return found

    def _meaning(self, text: str) -> StageMap | None:
        """Return the meaning of a stage name; None if the map neither has it nor allows creating it."""
        makes = not text or self.file.unknown.get("stage") == "create"
        return self._meant.get(search_key(text), StageMap() if makes else None)

    def _pipeline(self, meant: StageMap, text: str) -> str:
        return meant.pipeline or text or self.map.pipeline or self.directory.first_pipeline() or self.map.name

    def _place(self, name: str) -> int:
        key = search_key(name)
        return self._order.index(key) if key in self._order else len(self._order)


def _name(meant: StageMap, text: str) -> str | None:
    return meant.stage or (text if meant.status is DealStatus.OPEN else None) or None
