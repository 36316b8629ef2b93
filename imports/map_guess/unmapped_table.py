"""Opens the tables of files without a map: CSV files by each separator, sheets of workbooks, tables of pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from imports.cell_parsing import SPACES
from imports.files.column_check import make_unique
from imports.files.delimited_text import SEPARATORS, DelimitedText
from imports.files.file_format import FileFormat, find_format
from imports.files.html_page import find_page_encoding, read_page
from imports.files.source_discovery import read_separator_line
from imports.files.source_file import Header, Table, describe, get_file_name, read_table_rows
from imports.files.source_row import NumberCell, SourceRow, clean_cell, has_undecodable_bytes
from imports.files.text_encoding import find_encoding
from imports.files.workbook import read_workbook
from imports.map_guess.column_cells import ColumnCells, is_date, read_columns
from imports.map_guess.header_matching import count_known_headers
from imports.map_guess.target_columns import is_period_header
from imports.rejects_format import find_origin_columns, read_source_name, split_origin

_HEADER_ROWS: Final = 30
_SHOWN_ROWS: Final = 3


@dataclass(frozen=True)
class UnmappedTable:
    """A table whose columns are not known yet, with the row that most looks like its header.

    file_name  the name by which a map finds the file: of a file of rejected rows, that of its export
    sheet      the title of the sheet; empty if the file has only one
    """

    path: Path
    file_name: str
    sheet: str
    table: Table
    header: Header

    @property
    def name(self) -> str:
        return describe(self.path, self.table.sheet)

    @property
    def columns(self) -> Sequence[str]:
        """The headers that are there once and can be named in a map."""
        names = self.header.names
        return [name for name in dict.fromkeys(names) if names.count(name) == 1 and _can_be_named(name)]

    def read_rows(self) -> Iterator[SourceRow]:
        return read_table_rows(self.table, self.header)

    def read_first_rows(self) -> list[SourceRow]:
        return list(islice((row for row in self.read_rows() if row.error is None), _SHOWN_ROWS))

    def read_columns(self) -> dict[str, ColumnCells]:
        return read_columns(self.read_rows(), self.columns)


def open_tables(path: Path) -> list[UnmappedTable]:
    """Return the tables of a file that have a header. Raises ImportFileError for a file that cannot be read."""
    file_name = get_file_name(read_source_name(path) or path.name)
    match find_format(path):
        case FileFormat.TEXT:
            table = _open_text(path, file_name)
            return [table] if table else []
        case FileFormat.WORKBOOK:
            spools = [*read_workbook(path)]
        case FileFormat.HTML:
            spools = [*read_page(path, find_page_encoding(path, "").name)]
    tables = []
    for spool in spools:
        if header := _find_header(spool):
            tables.append(UnmappedTable(path, file_name, spool.title if len(spools) > 1 else "", spool, header))
    return tables


def _open_text(path: Path, file_name: str) -> UnmappedTable | None:
    """Open a CSV file with the separator that yields the most headers that are known, and of those the most columns."""
    encoding = find_encoding(path, "").name
    named_separator = read_separator_line(path, encoding)
    candidates: list[UnmappedTable] = []
    for separator in [named_separator] if named_separator else SEPARATORS:
        table = DelimitedText(path, encoding, separator, 2 if named_separator else 1)
        if header := _find_header(table):
            table = replace(table, column_count=len(header.names))
            candidates.append(UnmappedTable(path, file_name, "", table, header))
    if not candidates:
        return None
    return max(candidates, key=lambda table: (count_known_headers(table.header.names), len(table.header.names)))


def _find_header(table: Table) -> Header | None:
    """Return the row that names the most fields; of equals, and if none does, the first with texts alone."""
    candidates: list[tuple[int, Header]] = []
    for row in _first_rows(table):
        names = [clean_cell(cell) for cell in row[1]]
        while names and not names[-1]:
            names.pop()
        origin_start = find_origin_columns(names)
        if origin_start is not None:
            names, _ = split_origin(names, origin_start, 0)
        other_names = [name for name in names if not is_period_header(name)]
        if len(names) > 1 and other_names and not any(map(_is_value, other_names)):
            header = Header(row[0], names, make_unique(names), table.separator, origin_start)
            candidates.append((count_known_headers(names), header))
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def _first_rows(table: Table) -> Iterator[tuple[int, Sequence[str]]]:
    rows = ((row.line, row.cells) for row in table.read() if row.error is None and any(map(clean_cell, row.cells)))
    return islice(rows, _HEADER_ROWS)


def _is_value(text: str) -> bool:
    number = text.translate(str.maketrans("", "", f".,+-{SPACES}"))
    return isinstance(text, NumberCell) or number.isdecimal() or is_date(text)


def _can_be_named(name: str) -> bool:
    return bool(name) and not has_undecodable_bytes(name)
