"""The format of a file of rejected rows, as it is written and read again after it was mended.

Before the columns of the export stand columns of the import: the file and line a row came from, what is wrong with it
in every language, and the id that it was given if the export has none. They are recognised wherever they stand next to
each other, so a mended file is read with the map of the export. It is a CSV file in UTF-8 with a byte order mark.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.i18n.languages import TRANSLATIONS

REASON_COLUMNS: Final = ("reason", *(f"reason_{code}" for code in TRANSLATIONS))
ORIGIN_COLUMNS: Final = ("file", "line", "column", *REASON_COLUMNS, "import_id")
UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"  # stands for each byte that could not be decoded
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_HEADER_LENGTH: Final = 1_000_000
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED_FORMULA: Final = re.compile(r"'+[=+\-@\t\r\n]")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class RowOrigin:
    """Where a rejected row came from: file, line, and the id it was given if its file has none."""

    file: str
    line: int
    import_id: str


def escape_formula(text: str) -> str:
    """Return the text so that no spreadsheet runs it as a formula; `unescape_formula` reverses it."""
    readable = _LONE_SURROGATE.sub(UNREADABLE, text)
    return f"'{readable}" if _FORMULA.match(readable) else readable


def unescape_formula(text: str) -> str:
    return text[1:] if _ESCAPED_FORMULA.match(text) else text


def find_origin_columns(names: Sequence[str]) -> int | None:
    """Return the index of the first column of the import in a header, or None if this is no file of rejected rows."""
    width = len(ORIGIN_COLUMNS)
    positions = range(len(names) - width + 1)
    return next((start for start in positions if tuple(names[start : start + width]) == ORIGIN_COLUMNS), None)


def split_origin(texts: Sequence[str], start: int, line: int) -> tuple[list[str], RowOrigin]:
    """Return the cells of the export in a row of a file of rejected rows, unescaped, and the row's origin.

    start  index of the first column of the import
    line   line of the row in this file; used if the row does not name the one it came from
    """
    end = start + len(ORIGIN_COLUMNS)
    origin = dict(zip(ORIGIN_COLUMNS, texts[start:end], strict=False))
    first_line = origin.get("line", "").strip()
    row_origin = RowOrigin(
        unescape_formula(origin.get("file", "")),
        int(first_line) if first_line.isascii() and first_line.isdigit() and len(first_line) < 16 else line,
        unescape_formula(origin.get("import_id", "")),
    )
    return [unescape_formula(text) for text in (*texts[:start], *texts[end:])], row_origin


def read_source_name(path: Path) -> str | None:
    """Return the name of the export that the rows of a file of rejected rows came from; None for any other file."""
    rows = _read_first_rows(path)
    names = next(rows, [])
    start = find_origin_columns([name.strip() for name in names])
    if start is None:
        return None
    return split_origin(next(rows, []), start, 0)[1].file or path.name


def _read_first_rows(path: Path) -> Iterator[list[str]]:
    """Yield the first rows, read with the separator that stands behind the first column of the import."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        head = file.readline(_MAX_HEADER_LENGTH)
        marked = [separator for separator in _SEPARATORS if separator.join(ORIGIN_COLUMNS[:3]) in head.replace('"', "")]
        if not marked:
            return
        file.seek(0)
        with suppress(csv.Error):
            yield from csv.reader(file, delimiter=marked[0])
