"""A piece of a file: rows that are recorded in one unit of work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from domain.errors.user_errors import UserError
from imports.cell_parsing import CellError
from imports.parsed_row import ParsedRow
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import RecordInput
from resolvers.crm.stage_history import ImportedStageEntry

RowOutcome = ImportOutcome | UserError | CellError


@dataclass
class Piece:
    """Rows that are recorded together, and what follows from them; by the index of the row.

    row_count      how many of the first rows have been looked at
    existing_ids   external ids of deals that exist already
    inputs         of the records
    stage_entries  of the deals
    outcomes       of rows that are not recorded
    copies         external ids of rows that are exact copies of earlier ones
    """

    rows: Sequence[ParsedRow]
    existing_ids: Collection[str] = ()
    row_count: int = 0
    inputs: dict[int, RecordInput] = field(default_factory=dict)
    stage_entries: dict[int, list[ImportedStageEntry]] = field(default_factory=dict)
    outcomes: dict[int, RowOutcome] = field(default_factory=dict)
    copies: dict[int, str] = field(default_factory=dict)
