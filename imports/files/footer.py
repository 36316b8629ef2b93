"""Rows of a report that are no records: totals and other lines below them, which its map names under `footer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from typing import Final

from domain.messages import Message
from imports.field_specs import REQUIRED_FIELDS
from imports.files.source_row import FileNote, SourceRow
from imports.map_file import FileMap

_MAX_SHOWN: Final = 5
_SHOWN_LENGTH: Final = 100


def skip_footer(rows: Iterable[SourceRow], file_map: FileMap) -> Iterable[SourceRow]:
    """Return the rows without those of the footer."""
    return (row for row in rows if not _is_footer(row, file_map)) if file_map.footer else rows


def note_footer(name: str, rows: Iterable[SourceRow], file_map: FileMap) -> Iterator[FileNote]:
    """Yield a note about the rows of the footer, if there are any."""
    if not file_map.footer:
        return
    count, sample = 0, list[str]()
    for row in rows:
        if _is_footer(row, file_map):
            count += 1
            if len(sample) < _MAX_SHOWN:
                sample.append(f"line {row.line}: {' | '.join(filter(None, row.texts))[:_SHOWN_LENGTH]}")
    if count:
        message = Message(
            "{file}: rows that belong to its footer and are not read, {count}:", {"file": name, "count": count}
        )
        yield FileNote(message, sample)


def _is_footer(row: SourceRow, file_map: FileMap) -> bool:
    """Return whether the first filled cell is one of a footer and the row has not all that a record needs."""
    position = next((position for position, text in enumerate(row.texts) if text), None)
    if position is None:
        return False
    first_text = row.texts[position].casefold()
    if not any(fnmatch(first_text, pattern.casefold()) for pattern in file_map.footer):
        return False
    needed = (file_map.columns.get(field, []) for field in REQUIRED_FIELDS[file_map.kind])
    return not all(any(row.cells.get(column) for column in columns) for columns in needed)
