"""Rows out of a CSV file, and values out of its cells.

A row that cannot be read is handed out as such and stops nothing; only a file without
the columns it needs is refused, whole, before anything is brought in. The file is read
as a stream, so its size does not matter.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from imports.fields import KINDS, NEEDED, How, Reading
from imports.mapping import FileMap

_SPACES: Final = " \u00a0\u202f\u2009"
_BLANKS: Final = re.compile(f"[{_SPACES}]")
_TIMED: Final = ("%H", "%I", "%X", "%c", "%s")
_LONGEST: Final = 1_000_000  # characters of one line
_ANSWERS: Final = {
    **dict.fromkeys(("yes", "true", "1", "y", "да"), True),
    **dict.fromkeys(("no", "false", "0", "n", "нет"), False),
}


class FileRefused(Exception):
    """A file that cannot be brought in at all; the message says why."""


class Unreadable(Exception):
    """A row or a cell that cannot be read: why, and in which column."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


@dataclass(frozen=True)
class Row:
    """One row: the line it begins on, its cells by column, and why it cannot be read (empty: it can)."""

    line: int
    cells: Mapping[str, str]
    broken: str = ""


@dataclass(frozen=True)
class Moment:
    """A day, or a moment of it."""

    day: date
    at: datetime | None = None  # in UTC


Value = str | Decimal | int | bool | Moment
Values = dict[str, Value]


@dataclass(frozen=True)
class Header:
    """The columns of a file, the spaces around them left out, and what stands between them."""

    columns: Sequence[str]
    separator: str


def header(path: Path, file: FileMap) -> Header:
    """Return the file's first line, read with the separator that shows the columns. Raises FileRefused."""
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
    columns = [name.strip(_SPACES) for name in names]
    if any(_foreign(name) or "\0" in name for name in columns):
        raise FileRefused(f"{path.name} is not a text in {file.encoding}: is it a spreadsheet, or `encoding` another?")
    if not any(columns):
        raise FileRefused(f"{path.name} is empty: its first line has to name the columns.")
    return columns


def _check(path: Path, file: FileMap, found: Header) -> None:
    """Refuse a file that lacks a column it cannot do without, or has one twice."""
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
            raise FileRefused(f"{path.name} has a line of over {_LONGEST} characters: this is no export.")
        yield line


def rows(path: Path, file: FileMap) -> Iterator[Row]:
    """Yield the rows after the header; empty lines are no rows."""
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
    """Return whether it holds bytes that are not of the file's encoding."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


class Reader:
    """Reads the cells of a file's rows as the map says."""

    def __init__(self, file: FileMap, zone: ZoneInfo) -> None:
        self.file, self.zone = file, zone
        self._number = _number(file.decimal, file.thousands)
        self._values = {
            field: {word.casefold(): ours for word, ours in words.items()} for field, words in file.values.items()
        }
        self.moment = lru_cache(maxsize=4096)(self._moment)

    def values(self, row: Row) -> Values:
        """Return what the row says, by field; what it leaves empty is left out. Raises Unreadable."""
        if row.broken:
            raise Unreadable(row.broken)
        found: Values = {}
        for field, how in KINDS[self.file.kind].items():
            column, text = self._text(field, row)
            if text:
                try:
                    found[field] = self._value(field, how, text)
                except Unreadable as error:
                    raise Unreadable(error.reason, column) from error
        return found

    def column(self, field: str, row: Row) -> str:
        """Return the column that a field was read from; the field itself where it came from none."""
        return self._text(field, row)[0] or field

    def _text(self, field: str, row: Row) -> tuple[str, str]:
        for column in self.file.columns.get(field, ()):
            text = row.cells.get(column, "").strip(_SPACES)
            if text and text.casefold() not in self.file.empty:
                return column, text
        if field in self.file.constants:
            return "", self.file.constants[field]
        for template in self.file.templates.get(field, ()):
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
            if all(row.cells.get(name, "").strip(_SPACES) for name in names):
                return names[0] if names else "", template.format_map(row.cells)
        return "", ""

    def _value(self, field: str, how: How, text: str) -> Value:
        known = self._values.get(field, {})
        text = known.get(text.casefold(), text)
        if isinstance(how, tuple):
            word = text.casefold().replace(" ", "_")
            if word not in how:
                allowed = ", ".join([*known, *how])
                raise Unreadable(f"“{text}” is none of {allowed}: say what it means in the map under values.{field}.")
            return word.upper()
        match how:
            case Reading.MONEY:
                return self._decimal(text)
            case Reading.WHOLE:
                number = self._decimal(text)
                if number != int(number):
                    raise Unreadable(f"“{text}” is not a whole number.")
                return int(number)
            case Reading.MOMENT:
                return self.moment(text)
            case Reading.YES:
                if text.casefold() not in _ANSWERS:
                    raise Unreadable(f"“{text}” is neither yes nor no: say which in the map under values.{field}.")
                return _ANSWERS[text.casefold()]
            case Reading.TEXT:
                return text

    def _decimal(self, text: str) -> Decimal:
        if len(text) > 60 or not self._number.fullmatch(text):
            raise Unreadable(f"“{text[:60]}” is not a number written with the decimal sign “{self.file.decimal}”.")
        plain = _BLANKS.sub("", text)
        plain = plain.replace(self.file.thousands, "") if self.file.thousands else plain
        return Decimal(plain.replace(self.file.decimal, "."))

    def _moment(self, text: str) -> Moment:
        for form in self.file.dates:
            try:
                found = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
            except ValueError:
                continue
            if len(text) <= 10 if form == "iso" else not any(part in form for part in _TIMED):
                return Moment(found.date())
            at = found if found.tzinfo else found.replace(tzinfo=self.zone)
            try:
                return Moment(found.date(), at.astimezone(UTC))
            except OverflowError:
                break
        raise Unreadable(f"“{text[:60]}” is not a time written as {' or '.join(self.file.dates)}.")


def _number(decimal: str, thousands: str) -> re.Pattern[str]:
    groups = f"[{_SPACES}{re.escape(thousands)}]"
    point = re.escape(decimal)
    return re.compile(rf"[-+]?(?:[0-9]+|[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+)(?:{point}[0-9]+)?")
