"""Keeps the rows of a table in a temporary file, so that a workbook is parsed once and read as often as needed."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from domain.messages import Message
from imports.files.source_row import MomentCell, NumberCell, RawRow

_CELL_TYPES: Final[Mapping[str, Callable[[str], str]]] = {"n": NumberCell, "m": MomentCell}
_TAGS: Final = {NumberCell: "n", MomentCell: "m"}


class RowSpool:
    """The rows of one table: written once, then read by any number of readers. The file is removed with the object.

    title       of the sheet
    sheet       the name in messages; empty if the file has only one
    line_count  the number of the last row
    """

    separator = ","
    omits_empty_cells = True

    def __init__(self, title: str, sheet: str) -> None:
        self.title, self.sheet, self.line_count = title, sheet, 0
        descriptor, name = tempfile.mkstemp(prefix="import-", suffix=".rows")
        self._path, self._file = Path(name), os.fdopen(descriptor, "wb")
        weakref.finalize(self, _discard, self._file, self._path)

    def add(self, line: int, cells: list[str], error: Message | None = None) -> None:
        """Write a row."""
        encoded = [cell if (tag := _TAGS.get(cell.__class__)) is None else [tag, cell] for cell in cells]
        reason = None if error is None else [error.template, dict(error.values)]
        self._file.write(orjson.dumps([line, encoded, reason], option=orjson.OPT_APPEND_NEWLINE))
        self.line_count = line

    def finish(self) -> None:
        """End the writing."""
        self._file.close()

    def read(self) -> Iterator[RawRow]:
        with self._path.open("rb") as file:
            for text in file:
                line, encoded, reason = orjson.loads(text)
                cells = [cell if isinstance(cell, str) else _CELL_TYPES[cell[0]](cell[1]) for cell in encoded]
                yield RawRow(line, line, cells, None if reason is None else Message(reason[0], reason[1]))


def _discard(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)
