"""What the cells of a column hold, read from all of its rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from imports.cell_parsing import SPACES
from imports.field_specs import FieldSpec, FieldType
from imports.files.cell_formats import parse_named_month, parse_numeric_date
from imports.files.column_evidence import DateEvidence, NumberEvidence
from imports.files.source_row import MomentCell, NumberCell, SourceRow

MAX_TEXTS: Final = 200  # different cells that are kept of a column
_MAX_IDS: Final = 100_000
_MIN_FITTING_SHARE: Final = 0.9  # of the cells of a column, for its field
_NUMBER: Final = re.compile(rf"[-+−]?\d[\d.,'’{SPACES}]*")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"[+(]?[\d\s().+/-]{6,}")


@dataclass
class ColumnCells:
    """The cells of one column.

    texts    different cells with their number; at most `MAX_TEXTS`
    numbers, dates, emails, phones  how many cells look like it
    """

    count: int = 0
    numbers: int = 0
    dates: int = 0
    emails: int = 0
    phones: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    has_more_texts: bool = False
    is_unique: bool = True
    number_evidence: NumberEvidence = field(default_factory=NumberEvidence)
    date_evidence: DateEvidence = field(default_factory=DateEvidence)
    _ids: set[int] = field(default_factory=set)

    def add(self, line: int, cell: str) -> None:
        """Count a cell that is not empty."""
        self.count += 1
        if cell in self.texts or len(self.texts) < MAX_TEXTS:
            self.texts[cell] += 1
        else:
            self.has_more_texts = True
        if len(self._ids) < _MAX_IDS:
            self.is_unique = self.is_unique and hash(cell) not in self._ids
            self._ids.add(hash(cell))
        if isinstance(cell, MomentCell) or is_date(cell):
            self.dates += 1
            self.date_evidence.add(line, cell)
        elif isinstance(cell, NumberCell) or _NUMBER.fullmatch(cell):
            self.numbers += 1
            self.number_evidence.add(line, cell)
        self.emails += "@" in cell and _EMAIL.fullmatch(cell) is not None
        self.phones += _PHONE.fullmatch(cell) is not None

    def fits(self, field_name: str, field_type: FieldSpec) -> bool:
        """Return whether nearly all cells can be those of a field; empty columns can."""
        if not self.count:
            return True
        needed = _MIN_FITTING_SHARE * self.count
        match field_type:
            case FieldType.MONEY | FieldType.INTEGER:
                return self.numbers >= needed
            case FieldType.DATE_OR_TIME:
                return self.dates >= needed
            case FieldType.BOOLEAN:
                return len(self.texts) <= 3 and not self.has_more_texts
            case FieldType.TEXT:
                return self._fits_text(field_name, needed)
            case _:  # one of some words
                return not self.has_more_texts and self.dates < needed and self.numbers < needed

    def _fits_text(self, field_name: str, needed: float) -> bool:
        if field_name == "email":
            return self.emails >= needed
        if field_name == "phone":
            return self.phones >= needed
        if field_name in ("id", "deal"):
            return self.dates < needed
        return self.dates < needed and (self.numbers < needed or field_name in ("period", "owner", "client", "product"))


def is_date(text: str) -> bool:
    """Return whether a text is a date, in any order and with or without a time."""
    if not 6 <= len(text) <= 40 or not any(char.isdecimal() for char in text):
        return False
    return parse_numeric_date(text) is not None or parse_named_month(text) is not None


def read_columns(rows: Iterable[SourceRow], columns: Iterable[str]) -> dict[str, ColumnCells]:
    """Read all rows and return what the columns hold."""
    cells_by_column = {column: ColumnCells() for column in columns}
    for row in rows:
        if row.error is None:
            for column, cell in row.cells.items():
                if cell and column in cells_by_column:
                    cells_by_column[column].add(row.line, cell)
    return cells_by_column
