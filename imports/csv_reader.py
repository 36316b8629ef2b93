"""Reads the rows of a CSV file as a stream, whatever its size.

A row that cannot be read is yielded with an error and does not stop the others. A file without its required columns
is rejected as a whole, before anything is imported.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from imports.cell_parsing import SPACES
from imports.field_specs import REQUIRED_FIELDS
from imports.map_file import FileMap

_MAX_LINE_LENGTH: Final = 1_000_000  # characters of one line


class ImportFileError(Exception):
    """A file that cannot be imported at all; the message says why."""


@dataclass(frozen=True)
class CsvRow:
    """One row: the line it begins on, its cells by column, and the reason why it cannot be read (empty: it can)."""

    line: int
    cells: Mapping[str, str]
    error: str = ""


@dataclass(frozen=True)
class CsvHeader:
    """The column names of a file, without surrounding spaces, and its separator."""

    columns: Sequence[str]
    separator: str


def read_header(path: Path, file_map: FileMap) -> CsvHeader:
    """Return the header, read with the first separator that yields the required columns. Raises ImportFileError."""
    first_error = None
    for separator in file_map.separators:
        csv_header = CsvHeader(_read_columns(path, file_map, separator), separator)
        try:
            _check_columns(path, file_map, csv_header)
        except ImportFileError as error:
            first_error = first_error or error
        else:
            return csv_header
    assert first_error is not None
    raise first_error


def _read_columns(path: Path, file_map: FileMap, separator: str) -> list[str]:
    with _open_lines(path, file_map) as lines:
        try:
            names = next(csv.reader(lines, delimiter=separator), [])
        except csv.Error as error:
            raise ImportFileError(f"{path.name}: its first line cannot be read ({error}).") from error
    columns = [name.strip(SPACES) for name in names]
    if any(_has_undecodable_bytes(name) or "\0" in name for name in columns):
        raise ImportFileError(
            f"{path.name} is not a text in {file_map.encoding}: is it a spreadsheet, or `encoding` another?"
        )
    if not any(columns):
        raise ImportFileError(f"{path.name} is empty: its first line has to name the columns.")
    return columns


def _check_columns(path: Path, file_map: FileMap, csv_header: CsvHeader) -> None:
    """Raise ImportFileError for a file that lacks a required column or has a mapped one twice."""
    columns = csv_header.columns
    for name in {name for names in file_map.columns.values() for name in names} | set(file_map.id_from):
        if columns.count(name) > 1:
            raise ImportFileError(f"{path.name}: the column “{name}” is there twice.")
    needed = [
        file_map.columns.get(name, ())
        for name in (*REQUIRED_FIELDS[file_map.kind], "id")
        if name not in file_map.fields_without_column
    ]
    for names in (*filter(None, needed), *([name] for name in file_map.id_from)):
        if not {*names} & {*columns}:
            raise ImportFileError(
                f"{path.name} has no column {' or '.join(f'“{name}”' for name in names)}. Read with the separator "
                f"“{csv_header.separator}” in {file_map.encoding}, it has: {', '.join(columns)[:300]}. "
                f"Is it another export, or does the map ({file_map.location}) have to be changed?"
            )


@contextmanager
def _open_lines(path: Path, file_map: FileMap) -> Iterator[Iterator[str]]:
    encoding = "utf-8-sig" if file_map.encoding == "utf-8" else file_map.encoding
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as text:
        yield _read_lines(path, text)


def _read_lines(path: Path, text: TextIO) -> Iterator[str]:
    while line := text.readline(_MAX_LINE_LENGTH):
        if len(line) == _MAX_LINE_LENGTH:
            raise ImportFileError(
                f"{path.name} has a line of over {_MAX_LINE_LENGTH} characters: this is not a CSV export."
            )
        yield line


def read_rows(path: Path, file_map: FileMap) -> Iterator[CsvRow]:
    """Yield the rows after the header, without empty lines."""
    csv_header = read_header(path, file_map)
    with _open_lines(path, file_map) as lines:
        reader = csv.reader(lines, delimiter=csv_header.separator)
        next(reader)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield CsvRow(line, {}, f"This cannot be read as a row ({error}).")
                continue
            if any(cell.strip() for cell in cells):
                yield _build_row(line, reader.line_num, csv_header.columns, cells, file_map)


def _build_row(line: int, last_line: int, columns: Sequence[str], cells: Sequence[str], file_map: FileMap) -> CsvRow:
    cells_by_column = dict(zip(columns, cells, strict=False))
    if len(cells) != len(columns):
        hint = f" The row goes on to line {last_line}: is a quotation mark left open?" if last_line > line else ""
        return CsvRow(line, cells_by_column, f"The row has {len(cells)} cells, the header {len(columns)}.{hint}")
    if any(_has_undecodable_bytes(cell) for cell in cells):
        return CsvRow(line, cells_by_column, f"The row is not in {file_map.encoding}: set `encoding` in the map.")
    return CsvRow(line, cells_by_column)


def _has_undecodable_bytes(text: str) -> bool:
    """Return whether the text holds bytes that could not be decoded, which `surrogateescape` marks."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)
