"""A source file of an import: one CSV file, one sheet of a workbook, or one table of an HTML page.

It is opened once: its encoding, separator, header and formats are then known, and it is read as often as needed, row
by row, in the memory of one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from domain.messages import Message
from imports.files.cell_formats import NO_FORMATS, ColumnFormats
from imports.files.column_check import check_columns, make_unique, match_columns
from imports.files.column_evidence import find_formats
from imports.files.delimited_text import DelimitedText
from imports.files.fingerprint import FileFingerprint
from imports.files.source_row import FileNote, ImportFileError, RawRow, SourceRow, clean_cell
from imports.map_file import FileMap

_HEADER_ROWS: Final = 30  # the header is one of the first rows: reports begin with titles
_CHECK_ROWS: Final = 500  # rows between two checks that the file has not changed


class Table(Protocol):
    """Rows of cells, of a file of any format.

    sheet              name of the sheet or number of the table; empty if the file has only one
    omits_empty_cells  a row may be shorter than the header
    """

    @property
    def sheet(self) -> str: ...
    @property
    def omits_empty_cells(self) -> bool: ...
    def read(self) -> Iterator[RawRow]: ...


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    line     the line on which they stand
    names    as the file writes them
    columns  the same, as the map writes them; unique
    """

    line: int
    names: Sequence[str]
    columns: Sequence[str]


@dataclass(frozen=True)
class SourceFile:
    """One table to import, with its map.

    formats      of the columns whose format the map leaves open
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
    notes: Sequence[FileNote] = field(default=())

    @property
    def sheet(self) -> str:
        return self.table.sheet

    @property
    def name(self) -> str:
        """The name for messages and the file of rejected rows: that of the file, with the sheet."""
        return describe(self.path, self.sheet)

    @property
    def separator(self) -> str:
        """The separator of a CSV file; a comma for other formats."""
        return self.table.separator if isinstance(self.table, DelimitedText) else ","

    @property
    def columns(self) -> Sequence[str]:
        """The columns, by the names that the map has for them."""
        return self.header.columns

    def read_rows(self) -> Iterator[SourceRow]:
        """Yield the rows after the header, without empty ones. Raises ImportFileError if the file changes meanwhile."""
        self.fingerprint.check_with_head()
        for number, row in enumerate(read_table_rows(self.table, self.header), 1):
            if number % _CHECK_ROWS == 0:
                self.fingerprint.check()
            yield row
        self.fingerprint.check_with_head()

    def check_unchanged(self) -> None:
        """Raise ImportFileError if the file has changed since it was opened."""
        self.fingerprint.check()


def describe(path: Path, sheet: str) -> str:
    return f"{path.name}, {sheet}" if sheet else path.name


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
    rows = read_table_rows(table, header)
    formats, format_notes = find_formats(describe(path, table.sheet), rows, file_map)
    return SourceFile(path, file_map, table, header, fingerprint, line_count, formats, [*notes, *format_notes])


def find_header(name: str, table: Table, file_map: FileMap, reading: Message) -> tuple[Header, list[FileNote]]:
    """Return the first row that has the required columns, and a note about the rows above it.

    reading  how the table was read, for an error: its separator and encoding, or its sheet
    Raises ImportFileError about the first row if there is none.
    """
    first_error: ImportFileError | None = None
    rows_above: list[str] = []
    for row in _first_rows(table):
        names = [clean_cell(cell) for cell in row.cells]
        while names and not names[-1]:
            names.pop()
        columns = match_columns(names, file_map)
        if row.error is not None:
            first_error = first_error or ImportFileError(
                "{file}: its line {line} cannot be read: {reason}", file=name, line=row.line, reason=row.error
            )
            continue
        try:
            check_columns(name, columns, file_map, reading)
        except ImportFileError as error:
            first_error = first_error or error
            rows_above.append(" | ".join(names)[:100])
        else:
            notes = [FileNote(_describe_rows_above(name, row.line), rows_above)] if rows_above else []
            return Header(row.line, names, make_unique(columns)), notes
    raise first_error or ImportFileError("{file} is empty: its first line has to name the columns.", file=name)


def read_table_rows(table: Table, header: Header) -> Iterator[SourceRow]:
    """Yield the rows of a table after its header, without empty ones."""
    columns, count, omits_empty_cells = header.columns, len(header.columns), table.omits_empty_cells
    for row in table.read():
        if row.line <= header.line:
            continue
        cells = [clean_cell(cell) for cell in row.cells]
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
        yield SourceRow(row.line, dict(zip(columns, cells, strict=False)), error, cells)


def _first_rows(table: Table) -> Iterator[RawRow]:
    filled_rows = (row for row in table.read() if row.error is not None or any(map(clean_cell, row.cells)))
    for _, row in zip(range(_HEADER_ROWS), filled_rows, strict=False):
        yield row


def _describe_rows_above(name: str, line: int) -> Message:
    return Message("{file}: the columns stand on line {line}. Not read above them:", {"file": name, "line": line})
