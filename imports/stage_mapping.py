"""Resolves the pipeline, stage and status of a deal from the names in a file and its map."""

from __future__ import annotations

from collections.abc import Iterable

from domain.ledger.record_facts import DealStatus
from domain.primitives.text import search_key
from imports.cell_parsing import CellError, Cells, RowReader, RowValues
from imports.map_file import FileMap, ImportMap, StageMap
from imports.name_lookup import NameLookup
from models.crm.pipelines import Stage


class StageResolver:
    def __init__(self, import_map: ImportMap, file_map: FileMap, lookup: NameLookup) -> None:
        self.import_map, self.file_map, self.lookup = import_map, file_map, lookup
        self._stage_maps = {search_key(name): stage_map for name, stage_map in file_map.stages.items()}
        self._stage_order = [search_key(stage_map.stage or name) for name, stage_map in file_map.stages.items()]
        self._names_by_pipeline: dict[str, dict[str, None]] = {}
        self._closed_names: dict[str, str] = {}  # by pipeline: a name to create where no open stage is named

    def note_names(self, reader: RowReader, cells: Cells) -> None:
        """Note the stage and pipeline that the cells of a row name, if these can be read."""
        try:
            values = reader.read_values(cells)
        except CellError:
            return  # the row will be rejected
        text = str(values.get("stage", ""))
        stage_map = self._find_stage_map(text, values)
        if stage_map is None:
            return
        pipeline_text = str(values.get("pipeline", ""))
        if self._names_deal_pipeline_only(stage_map, pipeline_text):
            return
        pipeline = self._pipeline_name(stage_map, pipeline_text)
        stage_names = self._names_by_pipeline.setdefault(pipeline, {})
        if name := _stage_name(stage_map, text):
            stage_names[name] = None
        else:
            self._closed_names.setdefault(pipeline, text or stage_map.status.capitalize())

    async def create_missing(self) -> None:
        """Create the noted pipelines and stages, in the order of the map, before any deal is recorded.

        Those that no accepted row needs in the end are deleted by `NameLookup.discard_unused_stages`.
        """
        for pipeline, stage_names in self._names_by_pipeline.items():
            ordered_names = sorted(
                dict.fromkeys([*stage_names, *self.file_map.stage_entry_columns]), key=self._position_of
            )
            if not ordered_names and not self.lookup.stages_by_pipeline.get(pipeline):
                ordered_names = [self._closed_names[pipeline]]  # all deals are closed: no open stage is named
            await self.lookup.ensure_pipeline(
                pipeline, ordered_names, named_by_rows={*ordered_names} - {*self.file_map.stage_entry_columns}
            )

    def resolve(self, values: RowValues, exists: bool) -> tuple[Stage | None, DealStatus]:
        """Return the stage (None: unchanged) and the status of a deal.

        A new deal that is closed gets the last stage of its pipeline if won, the first if lost.
        Raises CellError for a stage that neither the map nor the pipeline has.
        """
        text = str(values.get("stage", ""))
        stage_map = self._find_stage_map(text, values)
        pipeline = self._pipeline_name(stage_map or StageMap(), str(values.get("pipeline", "")))
        stages = self.lookup.stages_by_pipeline.get(pipeline, [])
        stages_by_key = {search_key(stage.name): stage for stage in stages}
        if stage_map is None:
            if not text:
                raise CellError(
                    'The row has no stage: `"" = "open"` under file.stages, in a copy of the map, says what that means.',
                    "stage",
                )
            if search_key(text) not in stages_by_key:
                raise CellError(
                    "The stage “{stage}” is not in the map: define under stages if it is open, won or lost.",
                    "stage",
                    stage=text,
                )
            stage_map = StageMap()
        status = DealStatus(str(values.get("status", stage_map.status)))
        if name := _stage_name(stage_map, text):
            return self._find_in_pipeline(stages, name), status
        if exists:
            return None, status
        if not stages:
            raise CellError("The pipeline “{pipeline}” has no stages.", "pipeline", pipeline=pipeline)
        return stages[-1 if status is DealStatus.WON else 0], status

    def find_stage(self, values: RowValues, name: str) -> Stage:
        """Return the stage of that name in the row's pipeline. Raises CellError if there is none."""
        stage_map = self._find_stage_map(str(values.get("stage", "")), values) or StageMap()
        stages = self.lookup.stages_by_pipeline.get(self._pipeline_name(stage_map, str(values.get("pipeline", ""))), [])
        return self._find_in_pipeline(stages, name)

    def _find_in_pipeline(self, stages: Iterable[Stage], name: str) -> Stage:
        matching_stage = next((stage for stage in stages if search_key(stage.name) == search_key(name)), None)
        if matching_stage is None:
            raise CellError("The pipeline of this deal has no stage “{stage}”.", "stage", stage=name)
        return matching_stage

    def _find_stage_map(self, text: str, values: RowValues) -> StageMap | None:
        """Return the meaning of a stage name; None if the map neither has it nor allows creating it.

        An empty name means the first stage only where the map reads no stages, or of a deal that its status closes.
        """
        if text:
            accepts_unknown = self.file_map.unknown.get("stage") == "create"
        else:
            accepts_unknown = not self.reads_stages or values.get("status", DealStatus.OPEN) != DealStatus.OPEN
        return self._stage_maps.get(search_key(text), StageMap() if accepts_unknown else None)

    def _names_deal_pipeline_only(self, stage_map: StageMap, pipeline_text: str) -> bool:
        """Return whether a row of a stage history is about the pipeline that its deal is in, one of several."""
        return (
            self.file_map.kind == "visits"
            and not (stage_map.pipeline or pipeline_text)
            and len(self.lookup.stages_by_pipeline) > 1
        )

    @property
    def reads_stages(self) -> bool:
        """Whether the map says where the stage of a deal is found."""
        return any("stage" in fields for fields in (self.file_map.columns, self.file_map.templates))

    def _pipeline_name(self, stage_map: StageMap, text: str) -> str:
        return (
            stage_map.pipeline
            or text
            or self.import_map.pipeline
            or self.lookup.first_pipeline_name()
            or self.import_map.name
        )

    def _position_of(self, name: str) -> int:
        key = search_key(name)
        return self._stage_order.index(key) if key in self._stage_order else len(self._stage_order)


def _stage_name(stage_map: StageMap, text: str) -> str | None:
    return stage_map.stage or (text if stage_map.status is DealStatus.OPEN else None) or None
