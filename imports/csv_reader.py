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

from domain.messages import Message, MessageValue
from imports import column_checks
from imports.cell_parsing import SPACES
from imports.field_specs import REQUIRED_FIELDS
from imports.map_file import FileMap
from imports.rejects_format import BYTE_ORDER_MARK, UNREADABLE, RowOrigin, find_origin_columns, split_origin

_MAX_LINE_LENGTH: Final = 1_000_000  # characters of one line


class ImportFileError(Exception):
    """A file that cannot be imported at all; the message says why."""


@dataclass(frozen=True)
class CsvRow:
    """One row.

    line    the line of its file that it begins on
    cells   by column, as the map writes it
    error   why it cannot be read (empty: it can)
    texts   all its cells, in their order
    origin  where it came from, if its file is one of rejected rows
    """

    line: int
    cells: Mapping[str, str]
    error: Message | str = ""
    texts: Sequence[str] = ()
    origin: RowOrigin | None = None


@dataclass(frozen=True)
class CsvHeader:
    """The header of a file.

    columns       the columns of the export, without surrounding spaces, as the map writes them
    names         the same columns as the file writes them
    separator     the separator between cells
    origin_start  index of the first column of the import, if this is a file of rejected rows
    """

    columns: Sequence[str]
    names: Sequence[str]
    separator: str
    origin_start: int | None = None


def read_header(path: Path, file_map: FileMap) -> CsvHeader:
    """Return the header, read with the first separator that yields all columns. Raises ImportFileError."""
    errors: list[tuple[int, ImportFileError]] = []
    for separator in file_map.separators:
        names = _read_columns(path, file_map, separator)
        origin_start = find_origin_columns(names)
        if origin_start is not None:
            names, _ = split_origin(names, origin_start, 0)
        csv_header = CsvHeader(column_checks.rename_as_mapped(names, file_map), names, separator, origin_start)
        missing = _find_missing_fields(path, file_map, csv_header)
        if not missing:
            return csv_header
        errors.append((len(missing), ImportFileError(_describe_missing(path, file_map, csv_header, missing))))
    raise min(errors, key=lambda error: error[0])[1]


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


def _find_missing_fields(path: Path, file_map: FileMap, csv_header: CsvHeader) -> dict[str, list[str]]:
    """Return the fields of the map that the file lacks, with their columns.

    Raises ImportFileError for a file that has a mapped column twice.
    """
    for name in column_checks.mapped_columns(file_map):
        if csv_header.columns.count(name) > 1:
            raise ImportFileError(f"{path.name}: the column “{name}” is there twice.")
    missing = column_checks.missing_fields(file_map, csv_header.columns)
    for field in {*REQUIRED_FIELDS[file_map.kind], "id"} - {*missing} - file_map.fields_without_column:
        columns = file_map.columns.get(field, [])
        if columns and {*columns}.isdisjoint(csv_header.columns):  # needed, whatever `optional` says
            missing[field] = columns
    return missing


def _describe_missing(path: Path, file_map: FileMap, csv_header: CsvHeader, missing: dict[str, list[str]]) -> str:
    optional_fields = dict.fromkeys(field.partition(".")[0] for field in missing if field != "id_from")
    optional = ", ".join(f'"{field}"' for field in optional_fields)
    unread_names = column_checks.unread_names(csv_header.columns, csv_header.names, file_map)
    return (
        f"{path.name} has no column {column_checks.describe_missing(missing, unread_names)}. Read with the "
        f"separator “{csv_header.separator}” in {file_map.encoding}, it has: {', '.join(csv_header.names)[:300]}. "
        f"Is it another export, or does the map ({file_map.location}) have to be changed? "
        f"Fields that an export may lack are listed there as `optional = [{optional}]`."
    )


@contextmanager
def _open_lines(path: Path, file_map: FileMap) -> Iterator[Iterator[str]]:
    with path.open("rb") as file:
        has_mark = file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK
    with path.open(
        encoding="utf-8-sig" if has_mark else file_map.encoding, errors="surrogateescape", newline=""
    ) as text:
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
                yield CsvRow(line, {}, Message("This cannot be read as a row ({error}).", {"error": str(error)}))
                continue
            if any(cell.strip() for cell in cells):
                yield _build_row(line, reader.line_num, csv_header, cells, file_map)


def _build_row(line: int, last_line: int, csv_header: CsvHeader, cells: list[str], file_map: FileMap) -> CsvRow:
    origin, columns = None, csv_header.columns
    if csv_header.origin_start is not None:
        cells, origin = split_origin(cells, csv_header.origin_start, line)
    error = _find_row_error(cells, columns, file_map, last_line if last_line > line else None)
    if not error and origin and any(UNREADABLE in cell for cell in cells):
        error = Message("The row has characters that could not be read: write “{sign}” anew.", {"sign": UNREADABLE})
    return CsvRow(line, dict(zip(columns, cells, strict=False)), error, cells, origin)


def _find_row_error(
    cells: Sequence[str], columns: Sequence[str], file_map: FileMap, last_line: int | None
) -> Message | str:
    """Return why a row cannot be read; empty if it can. `last_line` is given if it goes on to another line."""
    if len(cells) != len(columns):
        counts: dict[str, MessageValue] = {"cells": len(cells), "columns": len(columns)}
        if last_line is None:
            return Message("The row has {cells} cells, the header {columns}.", counts)
        return Message(
            "The row has {cells} cells, the header {columns}. The row goes on to line {line}: is a quotation mark left open?",
            {**counts, "line": last_line},
        )
    if any(_has_undecodable_bytes(cell) for cell in cells):
        return Message("The row is not in {encoding}: set `encoding` in the map.", {"encoding": file_map.encoding})
    return ""


def _has_undecodable_bytes(text: str) -> bool:
    """Return whether the text holds bytes that could not be decoded, which `surrogateescape` marks."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)
