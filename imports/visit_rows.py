"""Imports rows of the stage history of deals."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors.user_errors import UserError
from imports.cell_parsing import CellError, DateOrTime, require_fields
from imports.import_run import ImportRun
from imports.input_builder import InputBuilder
from imports.name_index import external_reference, to_stored_id
from imports.parsed_row import ParsedRow
from models.crm import deals
from resolvers.crm import stage_history
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.stage_history import ImportedStageEntry


async def import_stage_history(
    run: ImportRun, input_builder: InputBuilder, rows: Sequence[ParsedRow]
) -> list[ImportOutcome | UserError | CellError]:
    """Add the rows' stage entries to deals. A closing stage changes nothing: the deal itself tells its end.

    A row without a pipeline is about the one in which its deal is now.
    """
    row_outcomes: dict[int, ImportOutcome | UserError | CellError] = {}
    for index, parsed in enumerate(rows):
        try:
            if parsed.error:
                row_outcomes[index] = parsed.error
            else:
                require_fields("visits", parsed.values)
        except CellError as error:
            row_outcomes[index] = error
    external_ids = {
        index: to_stored_id(f"{input_builder.file_map.prefix}{parsed.values['deal']}")
        for index, parsed in enumerate(rows)
        if index not in row_outcomes
    }
    pipelines = await deals.fetch_pipeline_names(set(external_ids.values()))
    entries: dict[int, ImportedStageEntry] = {}
    for index, external_id in external_ids.items():
        values = rows[index].values
        if external_id in pipelines:
            values = {"pipeline": pipelines[external_id], **values}
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
