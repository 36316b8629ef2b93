"""Parses the cells of a row into values, by the formats of the map; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from string import Formatter
from typing import Final
from zoneinfo import ZoneInfo

from imports.field_specs import KINDS, How, Reading
from imports.map_file import FileMap

SPACES: Final = " \t\u00a0\u202f\u2009"
_BLANKS: Final = re.compile(f"[{SPACES}]")
_TIMED: Final = ("%H", "%I", "%X", "%c")
_ANSWERS: Final = {
    **dict.fromkeys(("yes", "true", "1", "y", "да"), True),
    **dict.fromkeys(("no", "false", "0", "n", "нет"), False),
}


class Unreadable(Exception):
    """A row or cell that cannot be read: the reason, and the column if it is one cell."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


@dataclass(frozen=True)
class Moment:
    """A day, with the moment if the cell has a time."""

    day: date
    at: datetime | None = None  # in UTC


Value = str | Decimal | int | bool | Moment
Values = dict[str, Value]
Cells = Mapping[str, str]


class Reader:
    """Reads the cells of one file's rows by its map."""

    def __init__(self, file: FileMap, zone: ZoneInfo) -> None:
        self.file, self.zone = file, zone
        self._number = _number(file.decimal, file.thousands)
        self._values = {
            field: {word.casefold(): ours for word, ours in words.items()} for field, words in file.values.items()
        }
        self.moment = lru_cache(maxsize=4096)(self._moment)

    def values(self, cells: Cells) -> Values:
        """Return the values of a row by field, without empty ones. Raises CellError."""
        found: Values = {}
        for field, how in KINDS[self.file.kind].items():
            column, text = self._text(field, cells)
            if text:
                try:
                    found[field] = self._value(field, how, text)
                except Unreadable as error:
                    raise Unreadable(error.reason, column) from error
        return found

    def entries(self, cells: Cells) -> dict[str, Moment] | None:
        """Return when the row's deal entered each stage, by stage name; None if the file has no such columns."""
        if not any(column in cells for columns in self.file.entered.values() for column in columns):
            return None
        found: dict[str, Moment] = {}
        for stage, columns in self.file.entered.items():
            for column in columns:
                text = cells.get(column, "").strip(SPACES)
                if text and text.casefold() not in self.file.empty:
                    try:
                        found[stage] = self.moment(text)
                    except Unreadable as error:
                        raise Unreadable(error.reason, column) from error
                    break
        return found

    def text(self, field: str, cells: Cells) -> str:
        """Return the text of a field before it is parsed; empty if there is none."""
        return self._text(field, cells)[1]

    def column(self, field: str, cells: Cells) -> str:
        """Return the column that a field is read from, or the field's name if it is read from none."""
        return self._text(field, cells)[0] or field

    def _text(self, field: str, cells: Cells) -> tuple[str, str]:
        for column in self.file.columns.get(field, ()):
            text = cells.get(column, "").strip(SPACES)
            if text and text.casefold() not in self.file.empty:
                return column, text
        if field in self.file.constants:
            return "", self.file.constants[field]
        for template in self.file.templates.get(field, ()):
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
            if all(cells.get(name, "").strip(SPACES) for name in names):
                return names[0] if names else "", template.format_map(cells)
        return "", ""

    def _value(self, field: str, how: How, text: str) -> Value:
        known = self._values.get(field, {})
        text = known.get(text.casefold(), text)
        if isinstance(how, tuple):
            word = text.casefold().replace(" ", "_")
            if word not in how:
                allowed = ", ".join([*known, *how])
                raise Unreadable(f"“{text}” is none of {allowed}: define it in the map under values.{field}.")
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
                    raise Unreadable(f"“{text}” is neither yes nor no: define it in the map under values.{field}.")
                return _ANSWERS[text.casefold()]
            case Reading.TEXT:
                return text

    def _decimal(self, text: str) -> Decimal:
        if len(text) > 60 or not self._number.fullmatch(text):
            signs = "” or “".join(self.file.decimal)
            thousands = ", or may be meant in thousands" if len(self.file.decimal) > 1 else ""
            raise Unreadable(f"“{text[:60]}” is not a number written with the decimal sign “{signs}”{thousands}.")
        plain = _BLANKS.sub("", text)
        plain = plain.replace(self.file.thousands, "") if self.file.thousands else plain
        return Decimal(plain.replace(",", ".") if "," in self.file.decimal else plain)

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
    groups = f"[{SPACES}{re.escape(thousands)}]"
    point = f"[{re.escape(decimal)}]"
    if len(decimal) > 1:
        point += "(?![0-9]{3}$)"  # "1,234" may be either
    return re.compile(rf"[-+]?(?:[0-9]+|[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+)(?:{point}[0-9]+)?")
