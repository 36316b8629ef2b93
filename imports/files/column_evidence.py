"""Finds the formats of a file's columns from all of their cells.

What the map says is not looked for. What no cell proves, although cells can be read in two ways, refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.messages import Message
from imports.field_specs import FIELDS_BY_KIND, FieldType
from imports.files.cell_formats import ColumnFormats, DateOrder, NumberFormat, parse_numeric_date
from imports.files.source_row import FileNote, ImportFileError, SourceRow
from imports.map_file import FileMap

_SPACE_PATTERN: Final = re.compile(r"\s")
_NUMBER_PATTERN: Final = re.compile(r"[-+−]?[0-9.,'’\s]*[0-9]")
_THOUSANDS_PATTERN: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")
_OTHER_SIGN: Final = {".": ",", ",": "."}
_DAY_FIRST_PATTERN: Final = re.compile(r"%d(.)%m\1%[Yy]")
_MONTH_FIRST_PATTERN: Final = re.compile(r"%m(.)%d\1%[Yy]")
_MAX_SAMPLES: Final = 3
_DAY_LENGTH: Final = len("31.12.2026")
_MAX_DATE_LENGTH: Final = 40
_MAX_DAYS: Final = 20_000


def find_formats(name: str, rows: Iterable[SourceRow], file_map: FileMap) -> tuple[ColumnFormats, list[FileNote]]:
    """Return the formats of the columns whose format the map leaves open, and what is to be shown about them.

    Reads all rows. Raises ImportFileError for columns in doubt.
    """
    numbers = {column: NumberEvidence() for column in _columns_of(file_map, FieldType.MONEY, FieldType.INTEGER)}
    dates = {column: DateEvidence() for column in _columns_of(file_map, FieldType.DATE_OR_TIME)}
    open_separators = find_open_separators(file_map)
    if file_map.decimal in (".", ",") or file_map.thousands:
        numbers.clear()
    if open_separators is not None and not open_separators:
        dates.clear()
    watched: list[tuple[str, NumberEvidence | DateEvidence]] = [*numbers.items(), *dates.items()]
    for row in rows:
        if row.error is None:
            for column, evidence in watched:
                if cell := row.cells.get(column):
                    evidence.add(row.line, cell)
    doubts = [
        *(doubt for column, evidence in dates.items() for doubt in evidence.list_doubts(column, open_separators)),
        *(
            doubt
            for column, evidence in numbers.items()
            if not file_map.decimal
            for doubt in evidence.list_doubts(column)
        ),
    ]
    if doubts:
        raise ImportFileError(
            "{file} is not imported, as it can be read in two ways:\n{doubts}",
            file=name,
            doubts="\n".join(str(doubt) for doubt in doubts),
        )
    formats = ColumnFormats(
        {column: evidence.number_format() for column, evidence in numbers.items()},
        {column: evidence.orders() for column, evidence in dates.items()},
    )
    return formats, [note for column, evidence in numbers.items() for note in evidence.list_notes(name, column)]


def find_open_separators(file_map: FileMap) -> set[str] | None:
    """Return the separators of dates for which the map allows day and month first; None: it says nothing at all."""
    if not file_map.dates:
        return None
    day_first, month_first = (
        {match[1] for text in file_map.dates for match in pattern.finditer(text)}
        for pattern in (_DAY_FIRST_PATTERN, _MONTH_FIRST_PATTERN)
    )
    return day_first & month_first


def contradicts(date_format: str, orders: Mapping[str, DateOrder]) -> bool:
    """Return whether a format of the map reads day and month in another order than the cells of its column prove."""
    for pattern, order in ((_DAY_FIRST_PATTERN, "mdy"), (_MONTH_FIRST_PATTERN, "dmy")):
        match = pattern.search(date_format)
        if match and orders.get(match[1]) == order:
            return True
    return False


def _columns_of(file_map: FileMap, *field_types: FieldType) -> list[str]:
    fields = FIELDS_BY_KIND[file_map.kind]
    lists = [columns for name, columns in file_map.columns.items() if fields[name] in field_types]
    if FieldType.MONEY in field_types:
        lists.append([*file_map.spread_columns])
    if FieldType.DATE_OR_TIME in field_types:
        lists += file_map.stage_entry_columns.values()
    return list(dict.fromkeys(column for columns in lists for column in columns))


@dataclass
class NumberEvidence:
    """What the cells of a column say about the signs of its numbers.

    proofs     decimal sign → a cell that can only be read with it, with its line
    ambiguous  cells that can be read as thousands or as three decimals
    """

    proofs: dict[str, str] = field(default_factory=dict)
    ambiguous: list[str] = field(default_factory=list)
    has_apostrophe: bool = False

    def add(self, line: int, cell: str) -> None:
        if cell.isdecimal() or cell.__class__ is not str or not _NUMBER_PATTERN.fullmatch(cell):
            return
        text = _SPACE_PATTERN.sub("", cell).lstrip("+-−")
        plain = text.replace("'", "").replace("’", "")
        has_groups = len(plain) != len(cell.lstrip("+-−"))  # of thousands, between spaces or apostrophes
        self.has_apostrophe = self.has_apostrophe or plain != text
        signs = [char for char in plain if char in ".,"]
        if not signs or (len(signs) == 1 and signs[0] in self.proofs):
            return
        whole, last_sign, rest = plain.rpartition(signs[-1])
        if len(signs) > 1:
            if _THOUSANDS_PATTERN.fullmatch(plain):
                self.proofs.setdefault(_OTHER_SIGN[last_sign], f"line {line}: {cell}")
            elif last_sign not in whole and _THOUSANDS_PATTERN.fullmatch(whole):
                self.proofs.setdefault(last_sign, f"line {line}: {cell}")
        elif len(rest) != 3 or len(whole) > 3 or whole[:1] in ("", "0") or has_groups:
            self.proofs.setdefault(last_sign, f"line {line}: {cell}")
        elif len(self.ambiguous) < _MAX_SAMPLES:
            self.ambiguous.append(f"line {line}: {cell}")

    def list_doubts(self, column: str) -> list[Message]:
        if self.proofs or not self.ambiguous:
            return []
        return [
            Message(
                '“{column}”: are these thousands or decimals? {cells}. Write `decimal = "."` or `decimal = ","` into '
                "the map.",
                {"column": column, "cells": "; ".join(self.ambiguous)},
            )
        ]

    def list_notes(self, name: str, column: str) -> list[FileNote]:
        if len(self.proofs) < 2:
            return []
        message = Message(
            "{file}: “{column}” has numbers with a decimal point and with a decimal comma. A number that can be read "
            "both ways is rejected.",
            {"file": name, "column": column},
        )
        return [FileNote(message, list(self.proofs.values()), is_warning=True)]

    def number_format(self) -> NumberFormat:
        if len(self.proofs) > 1 or (self.ambiguous and not self.proofs):
            return NumberFormat(".,")
        decimal = next(iter(self.proofs), ".")
        return NumberFormat(decimal, "'" if self.has_apostrophe else _OTHER_SIGN[decimal])


@dataclass
class DateEvidence:
    """What the cells of a column say about the order of day and month, for each separator of dates."""

    separators: dict[str, _OrderEvidence] = field(default_factory=dict)
    _days: set[str] = field(default_factory=set)  # that have been read, by their first characters: most occur often

    def add(self, line: int, cell: str) -> None:
        if cell[:_DAY_LENGTH] in self._days or len(cell) > _MAX_DATE_LENGTH or cell.__class__ is not str:
            return
        numeric_date = parse_numeric_date(cell)
        if numeric_date is None:
            return
        if len(self._days) < _MAX_DAYS:
            self._days.add(cell[:_DAY_LENGTH])
        if [*numeric_date.readings] != ["ymd"]:
            evidence = self.separators.setdefault(numeric_date.separator, _OrderEvidence())
            evidence.add(line, cell, {*numeric_date.readings}, numeric_date.is_ambiguous)

    def list_doubts(self, column: str, separators: set[str] | None) -> list[Message]:
        return [
            doubt
            for separator, evidence in self.separators.items()
            if separators is None or separator in separators
            for doubt in evidence.list_doubts(column, separator)
        ]

    def orders(self) -> dict[str, DateOrder]:
        return {separator: order for separator, evidence in self.separators.items() if (order := evidence.order())}


@dataclass
class _OrderEvidence:
    possible: set[DateOrder] = field(default_factory=lambda: {"dmy", "mdy", "ymd"})
    proofs: dict[DateOrder, str] = field(default_factory=dict)
    ambiguous: list[str] = field(default_factory=list)

    def add(self, line: int, cell: str, orders: set[DateOrder], is_ambiguous: bool) -> None:
        self.possible &= orders
        if len(orders) == 1:
            self.proofs.setdefault(next(iter(orders)), f"line {line}: {cell}")
        elif is_ambiguous and len(self.ambiguous) < _MAX_SAMPLES:
            self.ambiguous.append(f"line {line}: {cell}")

    def list_doubts(self, column: str, separator: str) -> list[Message]:
        formats = " or ".join(
            f"`%d{separator}%m{separator}%Y`" if order == "dmy" else f"`%m{separator}%d{separator}%Y`"
            for order in ("dmy", "mdy")
        )
        if len(self.proofs) > 1:
            return [
                Message(
                    "“{column}” has dates with the day first and with the month first: {cells}. Correct the file, or "
                    "write the right one of {formats} under `dates` into the map; the other rows are rejected then.",
                    {"column": column, "cells": "; ".join(self.proofs.values()), "formats": formats},
                )
            ]
        if self.ambiguous and len(self.possible) > 1:
            return [
                Message(
                    "“{column}”: is the day or the month first? {cells}. Write {formats} under `dates` into the map.",
                    {"column": column, "cells": "; ".join(self.ambiguous), "formats": formats},
                )
            ]
        return []

    def order(self) -> DateOrder | None:
        return next((order for order in ("dmy", "mdy", "ymd") if order in self.possible), None)
