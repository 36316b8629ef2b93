"""Reads the rows of a CSV file as a stream, whatever its size."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from domain.messages import Message
from imports.files.source_row import ImportFileError, RawRow, has_undecodable_bytes

SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_LINE_LENGTH: Final = 1_000_000  # characters of one line
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True)
class DelimitedText:
    """A text with one row per line.

    encoding      of Python's codecs
    first_line    the line on which the rows begin: 2 after a line like `sep=;`
    column_count  of the header; 0: not yet known
    """

    path: Path
    encoding: str
    separator: str
    first_line: int = 1
    column_count: int = 0
    sheet: str = ""
    omits_empty_cells: bool = False  # a row shorter than the header is damaged

    def read(self) -> Iterator[RawRow]:
        """Yield the rows with a cell that is not empty; a row that cannot be read has an error.

        Quotation marks are read strictly. Where one is broken, its row swallows the lines up to the next mark: only the
        first of these lines is in error, and the others are read again as rows of their own.
        """
        is_utf_16 = self.encoding.startswith("utf-16")
        errors = "replace" if is_utf_16 else "surrogateescape"
        with self.path.open(encoding=self.encoding, errors=errors, newline="") as text:
            lines = _Lines(self.path, text, self.first_line, may_hold_replacements=is_utf_16)
            reader = csv.reader(lines, delimiter=self.separator, strict=True)
            while True:
                lines.begin_record()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield self._build_damaged_row(lines, str(error))
                    continue
                if len(lines.record) == 1 and not lines.is_damaged and '"' not in lines.record[0]:
                    if any(cells):
                        yield RawRow(lines.last, lines.last, cells)
                elif len(lines.record) > 1 and self.column_count and not self._fits(cells):
                    reason = f"{len(cells)} cells, the header has {self.column_count}"
                    yield RawRow(lines.first, lines.last, cells, self._describe_open_quote(lines, reason))
                elif any(cells):
                    yield RawRow(
                        lines.first,
                        lines.last,
                        cells,
                        self._describe_characters(lines) or self._describe_odd_quote(lines),
                    )

    def _fits(self, cells: list[str]) -> bool:
        return len(cells) >= self.column_count and not any(cells[self.column_count :])

    def _build_damaged_row(self, lines: _Lines, reason: str) -> RawRow:
        cells = [cell.strip('"') for cell in lines.record[0].rstrip("\r\n").split(self.separator)]
        if len(lines.record) == 1:
            message = Message("This cannot be read as a row ({error}).", {"error": reason})
        else:
            message = self._describe_open_quote(lines, reason)
        lines.push_back_all_but_first()
        return RawRow(lines.first, lines.last, cells, message)

    def _describe_open_quote(self, lines: _Lines, reason: str) -> Message:
        return Message(
            "A quotation mark is left open: the row goes on to line {last} ({reason}).",
            {"last": lines.last, "reason": reason},
        )

    def _describe_odd_quote(self, lines: _Lines) -> Message | None:
        """Return what is wrong with a row that could be read only because a quotation mark within a cell is ignored.

        In a file with tabs such a mark is usual, as in `24"`: few programs quote cells there.
        """
        if self.separator == "\t" or sum(line.count('"') for line in lines.record) % 2 == 0:
            return None
        return Message("A quotation mark is missing, or one within a cell is not doubled.")

    def _describe_characters(self, lines: _Lines) -> Message | None:
        if not lines.is_damaged:
            return None
        return Message(
            "The row is not in {encoding}: set `encoding` in the map.", {"encoding": self.encoding.removesuffix("-sig")}
        )


class _Lines:
    """The lines of a text, which keeps those of the current record so that they can be read again.

    is_damaged  the current record has bytes that could not be decoded, or a NUL
    """

    def __init__(self, path: Path, text: TextIO, first_line: int, *, may_hold_replacements: bool) -> None:
        self._path, self._text, self._may_hold_replacements = path, text, may_hold_replacements
        self._pushed_back: list[str] = []  # the next one last
        self.record: list[str] = []
        self.last = first_line - 1
        self.is_damaged = False
        for _ in range(first_line - 1):
            text.readline(_MAX_LINE_LENGTH)

    @property
    def first(self) -> int:
        return self.last - len(self.record) + 1

    def begin_record(self) -> None:
        self.record = []
        self.is_damaged = False

    def push_back_all_but_first(self) -> None:
        self._pushed_back += reversed(self.record[1:])
        self.last -= len(self.record) - 1
        del self.record[1:]

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._pushed_back.pop() if self._pushed_back else self._text.readline(_MAX_LINE_LENGTH)
        if not line:
            raise StopIteration
        if len(line) == _MAX_LINE_LENGTH:
            raise ImportFileError(
                "{file} has a line of over {limit} characters: this is not a CSV export.",
                file=self._path.name,
                limit=_MAX_LINE_LENGTH,
            )
        if "\0" in line or (not line.isascii() and self._is_undecodable(line)):
            self.is_damaged = True
        self.record.append(line)
        self.last += 1
        return line

    def _is_undecodable(self, line: str) -> bool:
        return has_undecodable_bytes(line) or (self._may_hold_replacements and _REPLACEMENT in line)
