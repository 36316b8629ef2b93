"""Reads the tables of an HTML page, which many systems save under the name `.xls`."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from imports.files.row_spool import RowSpool
from imports.files.text_encoding import TextEncoding, find_encoding
from imports.map_file import ENCODINGS

_CHARSET_PATTERN: Final = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_CHARSETS: Final = {
    "windows-1251": "cp1251", "windows-1252": "cp1252", "iso-8859-1": "cp1252", "windows-1250": "cp1250",
    "windows-1254": "cp1254", "windows-1257": "cp1257", "ibm866": "cp866", "utf8": "utf-8",
}  # fmt: skip
_HEAD_BYTES: Final = 8192
_CHUNK_CHARACTERS: Final = 64 * 1024
_MAX_SPAN: Final = 1000
_SPACE_PATTERN: Final = re.compile(r"[ \t\r\n\f]+")
_LINE_BREAKS: Final = frozenset({"br", "p", "div", "li"})
_IGNORED: Final = frozenset({"script", "style", "title"})


def find_page_encoding(path: Path, map_encoding: str) -> TextEncoding:
    """Return the encoding of a page: that of the map, else the one it names itself, else the one that is found."""
    with path.open("rb") as file:
        match = _CHARSET_PATTERN.search(file.read(_HEAD_BYTES))
    if match and not map_encoding:
        charset = match[1].decode().casefold()
        map_encoding = _CHARSETS.get(charset, charset) if _CHARSETS.get(charset, charset) in ENCODINGS else ""
    return find_encoding(path, map_encoding)


def read_page(path: Path, encoding: str) -> list[RowSpool]:
    """Return the tables of a page that have rows. A row is numbered by its place in its table."""
    parser = _TableParser()
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    with path.open(encoding=encoding, errors=errors) as text:
        while chunk := text.read(_CHUNK_CHARACTERS):
            parser.feed(chunk)
    parser.close()
    tables = parser.finish()
    if len(tables) == 1:
        tables[0].sheet = ""
    return tables


class _TableParser(HTMLParser):
    """Collects the cells of tables, row by row; the cells of a table within a cell are rows of a table of their own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._finished: list[RowSpool] = []
        self._open: list[_OpenTable] = []
        self._ignored = 0

    def finish(self) -> list[RowSpool]:
        while self._open:
            self._close_table()
        return self._finished

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _IGNORED:
            self._ignored += 1
        elif tag == "table":
            name = f"table {len(self._finished) + len(self._open) + 1}"
            self._open.append(_OpenTable(RowSpool(name, name)))
        elif self._open:
            table = self._open[-1]
            if tag == "tr":
                table.end_row()
                table.cells = []
            elif tag in ("td", "th"):
                table.begin_cell(dict(attrs))
            elif tag in _LINE_BREAKS and table.text is not None:
                table.text.append("\n" if tag == "br" else " ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _IGNORED:
            self._ignored = max(0, self._ignored - 1)
        elif tag == "table" and self._open:
            self._close_table()
        elif tag == "tr" and self._open:
            self._open[-1].end_row()
        elif tag in ("td", "th") and self._open:
            self._open[-1].end_cell()

    def handle_data(self, data: str) -> None:
        if self._open and not self._ignored and self._open[-1].text is not None:
            self._open[-1].text.append(_SPACE_PATTERN.sub(" ", data))

    def _close_table(self) -> None:
        table = self._open.pop()
        table.end_row()
        table.spool.finish()
        if table.spool.line_count:
            self._finished.append(table.spool)


class _OpenTable:
    """A table while its rows are read.

    text  parts of the open cell's text; None between cells
    """

    def __init__(self, spool: RowSpool) -> None:
        self.spool = spool
        self.cells: list[str] = []
        self.text: list[str] | None = None
        self._span, self._rows_below = 1, 0
        self._row_spans: dict[int, tuple[int, str]] = {}  # column → rows that the cell above still covers, its text
        self._line = 0

    def begin_cell(self, attributes: dict[str, str | None]) -> None:
        self.end_cell()
        self._fill_covered()
        self.text = []
        self._span = _parse_span(attributes.get("colspan"))
        self._rows_below = _parse_span(attributes.get("rowspan")) - 1

    def end_cell(self) -> None:
        if self.text is None:
            return
        cell = "".join(self.text)
        self.text = None
        if self._rows_below:
            self._row_spans[len(self.cells)] = (self._rows_below, cell)
        self.cells += [cell, *[""] * (self._span - 1)]

    def end_row(self) -> None:
        self.end_cell()
        if self.cells:
            self._fill_covered()
            self._line += 1
            self.spool.add(self._line, self.cells)
        self.cells = []

    def _fill_covered(self) -> None:
        """Repeat the cells of rows above that cover the next columns of this one."""
        while (covering := self._row_spans.pop(len(self.cells), None)) is not None:
            rows, cell = covering
            if rows > 1:
                self._row_spans[len(self.cells)] = (rows - 1, cell)
            self.cells.append(cell)


def _parse_span(text: str | None) -> int:
    return min(int(text), _MAX_SPAN) if text and text.isascii() and text.isdigit() and text != "0" else 1
