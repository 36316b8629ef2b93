"""A source file of an import: one CSV file, one sheet of a workbook, or one table of an HTML page.

It is opened once: its encoding, separator, header and formats are then known, and it is read as often as needed, row
by row, in the memory of one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from domain.messages import Message
from imports.column_checks import field_columns, rename_as_mapped
from imports.field_specs import STAGE_FIELDS
from imports.files.cell_formats import NO_FORMATS, ColumnFormats
from imports.files.column_check import ColumnError, check_columns, make_unique
from imports.files.column_evidence import find_formats
from imports.files.fingerprint import FileFingerprint
from imports.files.footer import note_footer, skip_footer
from imports.files.source_row import FileNote, ImportFileError, RawRow, SourceRow, clean_cell
from imports.map_file import FileMap
from imports.rejects_format import UNREADABLE, find_origin_columns, split_origin

_HEADER_ROWS: Final = 30  # the header is one of the first rows: reports begin with titles
_SHEET_PATTERN: Final = re.compile(r", (?:“.*”|table [0-9]+)$")
_UNREADABLE_COUNT: Final = 1000  # more than the fields of any kind
_CHECK_ROWS: Final = 500  # rows between two checks that the file has not changed


class Table(Protocol):
    """Rows of cells, of a file of any format.

    sheet              name of the sheet or number of the table; empty if the file has only one
    separator          of a CSV file; a comma for other formats
    omits_empty_cells  a row may be shorter than the header
    """

    @property
    def sheet(self) -> str: ...
    @property
    def separator(self) -> str: ...
    @property
    def omits_empty_cells(self) -> bool: ...
    def read(self) -> Iterator[RawRow]: ...


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    line          the line on which they stand
    names         as the file writes them
    columns       the same, as the map writes them; unique
    separator     of a CSV file; a comma for other formats
    origin_start  index of the first column of the import, if this is a file of rejected rows
    """

    line: int
    names: Sequence[str]
    columns: Sequence[str]
    separator: str = ","
    origin_start: int | None = None


@dataclass(frozen=True)
class SourceFile:
    """One table to import, with its map.

    formats      of the columns whose format the map leaves open
    stage_cells  the cells that name a stage, pipeline or status: each combination of them once
    notes        what is to be shown before anything is written
    line_count   lines or rows of the table, for the progress
    fingerprint  of the file when it was opened
    """

    path: Path
    file_map: FileMap
    table: Table
    header: Header
    fingerprint: FileFingerprint
    line_count: int
    formats: ColumnFormats = NO_FORMATS
    stage_cells: Sequence[Mapping[str, str]] = ()
    notes: Sequence[FileNote] = field(default=())

    @property
    def sheet(self) -> str:
        return self.table.sheet

    @property
    def name(self) -> str:
        """The name for messages and the file of rejected rows: that of the file, with the sheet."""
        return describe(self.path, self.sheet)

    @property
    def columns(self) -> Sequence[str]:
        """The columns, by the names that the map has for them."""
        return self.header.columns

    def read_rows(self) -> Iterator[SourceRow]:
        """Yield the rows after the header, without empty ones. Raises ImportFileError if the file changes meanwhile."""
        self.fingerprint.check_with_head()
        rows = skip_footer(read_table_rows(self.table, self.header), self.file_map)
        for number, row in enumerate(rows, 1):
            if number % _CHECK_ROWS == 0:
                self.fingerprint.check()
            yield row
        self.fingerprint.check_with_head()

    def check_unchanged(self) -> None:
        """Raise ImportFileError if the file has changed since it was opened."""
        self.fingerprint.check()


def describe(path: Path, sheet: str) -> str:
    return f"{path.name}, {sheet}" if sheet else path.name


def get_file_name(name: str) -> str:
    """Return the name of the file in the name of a source file, which may end with that of a sheet."""
    return _SHEET_PATTERN.sub("", name)


def open_table(
    path: Path,
    table: Table,
    file_map: FileMap,
    header: Header,
    notes: Sequence[FileNote],
    fingerprint: FileFingerprint,
    line_count: int,
) -> SourceFile:
    """Return a table as a source file, with the formats that its columns prove.

    Raises ImportFileError if its cells can be read in two ways.
    """
    name = describe(path, table.sheet)
    stage_cells: dict[tuple[str, ...], Mapping[str, str]] = {}
    rows = _collect_stage_cells(skip_footer(read_table_rows(table, header), file_map), file_map, stage_cells)
    formats, format_notes = find_formats(name, rows, file_map)
    footer_notes = note_footer(name, read_table_rows(table, header), file_map)
    notes = [*notes, *footer_notes, *format_notes]
    return SourceFile(path, file_map, table, header, fingerprint, line_count, formats, [*stage_cells.values()], notes)


def _collect_stage_cells(
    rows: Iterable[SourceRow], file_map: FileMap, stage_cells: dict[tuple[str, ...], Mapping[str, str]]
) -> Iterator[SourceRow]:
    """Yield the rows, and add the cells with which they name stages to `stage_cells`."""
    columns = field_columns(file_map, STAGE_FIELDS)
    for row in rows:
        if row.error is None:
            texts = tuple([row.cells.get(column, "") for column in columns])
            if texts not in stage_cells:
                stage_cells[texts] = dict(zip(columns, texts, strict=True))
        yield row


def find_header(name: str, table: Table, file_map: FileMap, reading: Message) -> tuple[Header, list[FileNote]]:
    """Return the first row that has the required columns, and a note about the rows above it.

    reading  how the table was read, for an error: its separator and encoding, or its sheet
    Raises ImportFileError about the row that lacks the fewest fields if there is none.
    """
    errors: list[ImportFileError] = []
    rows_above: list[str] = []
    for row in _first_rows(table):
        names = [clean_cell(cell) for cell in row.cells]
        while names and not names[-1]:
            names.pop()
        if row.error is not None:
            errors.append(
                ImportFileError(
                    "{file}: its line {line} cannot be read: {reason}", file=name, line=row.line, reason=row.error
                )
            )
            continue
        origin_start = find_origin_columns(names)
        if origin_start is not None:
            names, _ = split_origin(names, origin_start, 0)
        columns = rename_as_mapped(names, file_map)
        try:
            check_columns(name, names, columns, file_map, reading)
        except ColumnError as error:
            errors.append(error)
            rows_above.append(" | ".join(names)[:100])
        else:
            notes = [FileNote(_describe_rows_above(name, row.line), rows_above)] if rows_above else []
            return Header(row.line, names, make_unique(columns), table.separator, origin_start), notes
    if not errors:
        raise ImportFileError("{file} is empty: its first line has to name the columns.", file=name)
    raise min(errors, key=count_missing)


def count_missing(error: ImportFileError) -> int:
    """Return how many fields a table lacks; one that cannot be read at all lacks more than any."""
    return error.missing_count if isinstance(error, ColumnError) else _UNREADABLE_COUNT


def read_table_rows(table: Table, header: Header) -> Iterator[SourceRow]:
    """Yield the rows of a table after its header, without empty ones."""
    columns, count, omits_empty_cells = header.columns, len(header.columns), table.omits_empty_cells
    for row in table.read():
        if row.line <= header.line:
            continue
        cells, origin = [clean_cell(cell) if cell else "" for cell in row.cells], None
        if header.origin_start is not None:
            cells, origin = split_origin(cells, header.origin_start, row.line)
        if len(cells) > count and not any(cells[count:]):
            del cells[count:]
        if not any(cells) and row.error is None:
            continue
        missing = count - len(cells)
        if missing > 0 and omits_empty_cells:
            cells += [""] * missing
            missing = 0
        error = row.error
        if missing and error is None:
            error = Message("The row has {cells} cells, the header {columns}.", {"cells": len(cells), "columns": count})
        if origin is not None and error is None and any(UNREADABLE in cell for cell in cells):
            error = Message("The row has characters that could not be read: write “{sign}” anew.", {"sign": UNREADABLE})
        yield SourceRow(row.line, dict(zip(columns, cells, strict=False)), error, cells, origin)


def _first_rows(table: Table) -> Iterator[RawRow]:
    filled_rows = (row for row in table.read() if row.error is not None or any(map(clean_cell, row.cells)))
    for _, row in zip(range(_HEADER_ROWS), filled_rows, strict=False):
        yield row


def _describe_rows_above(name: str, line: int) -> Message:
    return Message("{file}: the columns stand on line {line}. Not read above them:", {"file": name, "line": line})
