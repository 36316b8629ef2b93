"""Imports rows of the stage history of deals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.errors.user_errors import UserError
from imports.cell_parsing import CellError, DateOrTime, RowValues
from imports.files.source_row import SourceRow
from imports.history_rows import require_fields
from imports.import_run import ImportRun
from imports.input_builder import InputBuilder
from imports.name_lookup import external_reference
from models.crm import deals
from resolvers.crm import stage_history
from resolvers.crm.record_type import ImportOutcome
from resolvers.crm.stage_history import ImportedStageEntry


async def import_stage_history(
    run: ImportRun,
    input_builder: InputBuilder,
    rows: Sequence[SourceRow],
    read_values: Callable[[SourceRow], RowValues],
) -> list[ImportOutcome | UserError | CellError]:
    """Add the rows' stage entries to deals. A closing stage changes nothing: the deal itself tells its end.

    A row without a pipeline is about the one in which its deal is now.

    read_values  raises CellError for a row that cannot be read
    """
    row_outcomes: dict[int, ImportOutcome | UserError | CellError] = {}
    row_values: dict[int, RowValues] = {}
    for index, row in enumerate(rows):
        try:
            row_values[index] = read_values(row)
            require_fields("visits", row_values[index])
        except CellError as error:
            row_outcomes[index] = error
    external_ids = {
        index: f"{input_builder.file_map.prefix}{values['deal']}"
        for index, values in row_values.items()
        if index not in row_outcomes
    }
    pipelines = await deals.fetch_pipeline_names(set(external_ids.values()))
    entries: dict[int, ImportedStageEntry] = {}
    for index, external_id in external_ids.items():
        values = row_values[index]
        if external_id in pipelines:
            values.setdefault("pipeline", pipelines[external_id])
        try:
            stage, _ = input_builder.stage_resolver.resolve(values, exists=True)
        except CellError as error:
            row_outcomes[index] = error
            continue
        entered = values["entered"]
        assert isinstance(entered, DateOrTime)
        row_outcomes[index] = ImportOutcome.UNCHANGED
        if stage is not None:
            entered_at = input_builder.to_instant(entered)
            entries[index] = ImportedStageEntry(external_reference(external_id), stage.id, entered_at)
    outcomes = await stage_history.import_stage_entries(run.context, list(entries.values()))
    row_outcomes.update(zip(entries, outcomes, strict=True))
    return [row_outcomes[index] for index in range(len(rows))]
