"""Reads the cells of rows and identifies their records, without the database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from imports.cell_parsing import CellError, RowReader, RowValues
from imports.files.source_row import SourceRow
from imports.map_file import FileMap
from imports.name_index import derive_external_id, to_stored_id
from models.db.spill_index import SpillCounter

_KINDS_WITH_EXTERNAL_IDS: Final = frozenset({"deals", "clients", "contacts", "leads", "calls", "tasks", "absences"})


@dataclass(slots=True, eq=False)
class ParsedRow:
    """A row and its values, or the reason why it cannot be read.

    derived_id     the id derived from its cells, for kinds and files without ids; of a row that cannot be read, too
    external_id    of its record, for the kinds that have one
    registered_id  the id that the row has taken in this run, which it gives back when it is rejected
    is_copy        whether it is an exact copy of an earlier row
    spread_column  the column with the target, if the row of the file has several
    """

    row: SourceRow
    values: RowValues = field(default_factory=dict)
    derived_id: str = ""
    external_id: str = ""
    error: CellError | None = None
    registered_id: str | None = None
    is_copy: bool = False
    spread_column: str = ""


class RowParser:
    """Reads the rows of one file."""

    def __init__(self, file_map: FileMap, reader: RowReader) -> None:
        self.file_map, self.reader = file_map, reader
        self._occurrences = SpillCounter()  # of equal rows without an id, to give each its own external id
        has_ids = "id" in file_map.columns or "id" in file_map.fields_without_column
        self._has_external_ids = file_map.kind in _KINDS_WITH_EXTERNAL_IDS
        self._derives_ids = self._has_external_ids and not has_ids

    def parse(self, row: SourceRow) -> list[ParsedRow]:
        """Read the cells of a row, which are several goals if their targets are spread over columns.

        Each row once, in their order, since equal rows are counted.
        """
        return [self._parse(row, column) for column in self.reader.spread_columns(row.cells)]

    def _parse(self, row: SourceRow, spread_column: str) -> ParsedRow:
        # of rows that cannot be read, too: their place among equal rows stays when they are mended
        derived_id = self._derive_id(row) if self._derives_ids else ""
        parsed = ParsedRow(row, derived_id=derived_id, spread_column=spread_column)
        try:
            if row.error:
                raise CellError(row.error)
            parsed.values = self.reader.read_values(row.cells, spread_column)
            if self._has_external_ids:
                parsed.external_id = self._external_id(parsed)
        except CellError as error:
            parsed.error = error
        return parsed

    def _external_id(self, parsed: ParsedRow) -> str:
        """Return the external id of a row's record: from its id column, else derived from its cells.

        Derived ids are equal in every run, so importing a file again finds the same records. Rows with equal cells
        are told apart by the number of their occurrence in the file.
        """
        if "id" in parsed.values:
            return to_stored_id(f"{self.file_map.prefix}{parsed.values['id']}")
        if "id" in self.file_map.columns:
            raise CellError("The row has no id.", "id")
        return parsed.derived_id or self._derive_id(parsed.row)

    def _derive_id(self, row: SourceRow) -> str:
        return (row.origin and row.origin.import_id) or derive_external_id(
            f"{self.file_map.prefix}{self._identify(row)}"
        )

    def _identify(self, row: SourceRow) -> str:
        if row.error:
            return _hash_cells([*row.texts, str(row.line)])
        identifying_cells = [row.cells[name].strip() for name in self.file_map.id_from or row.cells]
        text = identifying_cells[0] if len(identifying_cells) == 1 else _hash_cells(identifying_cells)
        occurrence = self._occurrences.add(text)
        return text if occurrence == 1 else f"{text}#{occurrence}"


def _hash_cells(cells: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(cells).encode("utf-8", "replace")).hexdigest()[:32]
