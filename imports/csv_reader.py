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
from imports.field_specs import NEEDED
from imports.map_file import FileMap

_LONGEST: Final = 1_000_000  # characters of one line


class FileRefused(Exception):
    """A file that cannot be imported at all; the message says why."""


@dataclass(frozen=True)
class Row:
    """One row: the line it begins on, its cells by column, and the reason why it cannot be read (empty: it can)."""

    line: int
    cells: Mapping[str, str]
    broken: str = ""


@dataclass(frozen=True)
class Header:
    """The column names of a file, without surrounding spaces, and its separator."""

    columns: Sequence[str]
    separator: str


def header(path: Path, file: FileMap) -> Header:
    """Return the header, read with the first separator that yields the required columns. Raises ImportFileError."""
    refused = None
    for separator in file.separators:
        found = Header(_columns(path, file, separator), separator)
        try:
            _check(path, file, found)
        except FileRefused as error:
            refused = refused or error
        else:
            return found
    assert refused is not None
    raise refused


def _columns(path: Path, file: FileMap, separator: str) -> list[str]:
    with _opened(path, file) as lines:
        try:
            names = next(csv.reader(lines, delimiter=separator), [])
        except csv.Error as error:
            raise FileRefused(f"{path.name}: its first line cannot be read ({error}).") from error
    columns = [name.strip(SPACES) for name in names]
    if any(_foreign(name) or "\0" in name for name in columns):
        raise FileRefused(f"{path.name} is not a text in {file.encoding}: is it a spreadsheet, or `encoding` another?")
    if not any(columns):
        raise FileRefused(f"{path.name} is empty: its first line has to name the columns.")
    return columns


def _check(path: Path, file: FileMap, found: Header) -> None:
    """Raise ImportFileError for a file that lacks a required column or has a mapped one twice."""
    columns = found.columns
    for name in {name for names in file.columns.values() for name in names} | set(file.id_from):
        if columns.count(name) > 1:
            raise FileRefused(f"{path.name}: the column “{name}” is there twice.")
    needed = [file.columns.get(name, ()) for name in (*NEEDED[file.kind], "id") if name not in file.instead]
    for names in (*filter(None, needed), *([name] for name in file.id_from)):
        if not {*names} & {*columns}:
            raise FileRefused(
                f"{path.name} has no column {' or '.join(f'“{name}”' for name in names)}. Read with the separator "
                f"“{found.separator}” in {file.encoding}, it has: {', '.join(columns)[:300]}. "
                f"Is it another export, or does the map ({file.place}) have to be changed?"
            )


@contextmanager
def _opened(path: Path, file: FileMap) -> Iterator[Iterator[str]]:
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as text:
        yield _lines(path, text)


def _lines(path: Path, text: TextIO) -> Iterator[str]:
    while line := text.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise FileRefused(f"{path.name} has a line of over {_LONGEST} characters: this is not a CSV export.")
        yield line


def rows(path: Path, file: FileMap) -> Iterator[Row]:
    """Yield the rows after the header, without empty lines."""
    found = header(path, file)
    with _opened(path, file) as lines:
        reader = csv.reader(lines, delimiter=found.separator)
        next(reader)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, {}, f"This cannot be read as a row ({error}).")
                continue
            if any(cell.strip() for cell in cells):
                yield _row(line, reader.line_num, found.columns, cells, file)


def _row(line: int, last: int, columns: Sequence[str], cells: Sequence[str], file: FileMap) -> Row:
    named = dict(zip(columns, cells, strict=False))
    if len(cells) != len(columns):
        upto = f" The row goes on to line {last}: is a quotation mark left open?" if last > line else ""
        return Row(line, named, f"The row has {len(cells)} cells, the header {len(columns)}.{upto}")
    if any(_foreign(cell) for cell in cells):
        return Row(line, named, f"The row is not in {file.encoding}: set `encoding` in the map.")
    return Row(line, named)


def _foreign(text: str) -> bool:
    """Return whether the text holds bytes that could not be decoded, which `surrogateescape` marks."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)
