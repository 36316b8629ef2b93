"""Parses the cells of a row into values, by the formats of the map or those that the columns prove."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from string import Formatter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from domain.i18n.languages import LANGUAGES
from domain.messages import Message, MessageError, MessageValue
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS, FieldSpec, FieldType
from imports.files.cell_formats import (
    NO_FORMATS,
    ColumnFormats,
    DateOrder,
    NumberFormat,
    combine,
    parse_named_month,
    parse_numeric_date,
)
from imports.files.column_evidence import contradicts
from imports.files.source_row import MomentCell, NumberCell, clean_cell
from imports.map_file import FileMap

SPACES: Final = " \t\u00a0\u202f\u2009"
_SPACE_PATTERN: Final = re.compile(f"[{SPACES}]")
_NUMBER_SIGNS: Final = str.maketrans("−’", "-'")
_MAX_NUMBER_LENGTH: Final = 60
_SHOWN_LENGTH: Final = 60  # of a cell, in a reason
_MIDNIGHT: Final = "T00:00:00"  # which workbooks add to the day in a header
_DAY_LENGTH: Final = len("2026-01-31")
_TIME_DIRECTIVES: Final = ("%H", "%I", "%X", "%c")
_BOOLEAN_WORDS: Final = {
    **dict.fromkeys(("true", "1", "y"), True),
    **dict.fromkeys(("false", "0", "n"), False),
    **{language.text("yes"): True for language in LANGUAGES.values()},
    **{language.text("no"): False for language in LANGUAGES.values()},
}


class CellError(MessageError):
    """A row or cell that cannot be read: the reason, with a value for each of its placeholders, and the column."""

    def __init__(self, reason: str | Message, column: str = "", **values: MessageValue) -> None:
        super().__init__(reason, values)
        self.column = column


@contextmanager
def errors_in_column(name: str) -> Iterator[None]:
    """Say of which field an error is that does not say it itself."""
    try:
        yield
    except CellError as error:
        error.column = error.column or name
        raise


class DateOrTime(NamedTuple):
    """A day, with the moment if the cell has a time."""

    day: date
    at: datetime | None = None  # in UTC


CellValue = str | Decimal | int | bool | DateOrTime
RowValues = dict[str, CellValue]
Cells = Mapping[str, str]


class RowReader:
    """Reads the cells of one file's rows by its map.

    formats  of the columns whose format the map leaves open, as the file proves them
    """

    def __init__(self, file_map: FileMap, zone: ZoneInfo, formats: ColumnFormats = NO_FORMATS) -> None:
        self.file_map, self.zone, self._formats = file_map, zone, formats
        self._map_number_format = _find_map_number_format(file_map)
        self._translations = {
            field: {word.casefold(): ours for word, ours in words.items()} for field, words in file_map.values.items()
        }
        self._fields: list[tuple[str, FieldSpec]] = [  # that the map reads
            (field, field_type)
            for field, field_type in FIELDS_BY_KIND[file_map.kind].items()
            if any(field in fields for fields in (file_map.columns, file_map.constants, file_map.templates))
        ]
        self._entry_columns = [column for columns in file_map.stage_entry_columns.values() for column in columns]
        self._parse_time_text = lru_cache(maxsize=4096)(self._parse_time_uncached)

    def read_values(self, cells: Cells, spread_column: str = "") -> RowValues:
        """Return the values of a row by field, without empty ones. Raises CellError.

        spread_column  the one of the map's `spread` with the target
        """
        row_values: RowValues = {}
        for field, field_type in self._fields:
            column, text = self._find_text(field, cells)
            if text:
                try:
                    row_values[field] = self._parse_value(field, field_type, text, column)
                except CellError as error:
                    raise CellError(error.message, column) from error
        if spread_column:
            with errors_in_column(spread_column):
                field = self.file_map.spread_field
                row_values[field] = self._parse_value(field, FieldType.TEXT, spread_column.removesuffix(_MIDNIGHT), "")
                row_values["target"] = self._parse_decimal(clean_cell(cells[spread_column]), spread_column)
        return row_values

    def spread_columns(self, cells: Cells) -> list[str]:
        """Return the columns of a row with a target each, for `read_values`; one empty text if there is none."""
        columns = [name for name in self.file_map.spread_columns if self._is_filled(clean_cell(cells.get(name, "")))]
        return columns or [""]

    def stage_entries(self, cells: Cells) -> dict[str, DateOrTime] | None:
        """Return when the row's deal entered each stage, by stage name; None if the file has no such columns."""
        if not self.has_stage_entries(cells):
            return None
        entered: dict[str, DateOrTime] = {}
        for stage, columns in self.file_map.stage_entry_columns.items():
            for column in columns:
                text = clean_cell(cells.get(column, ""))
                if text and text.casefold() not in self.file_map.empty:
                    try:
                        entered[stage] = self.parse_time(text, column)
                    except CellError as error:
                        raise CellError(error.message, column) from error
                    break
        return entered

    def has_stage_entries(self, cells: Cells) -> bool:
        """Return whether the file has columns with the times of stage entries."""
        return bool(self._entry_columns) and any(column in cells for column in self._entry_columns)

    def raw_stage_entries(self, cells: Cells) -> list[str]:
        """Return the texts of the columns with the times of stage entries, as far as the file has them."""
        return [cells[column] for column in self._entry_columns if column in cells]

    def column_of(self, field: str, cells: Cells, spread_column: str = "") -> str:
        """Return the column that a field is read from; the given name if it is read from none, or is no field.

        spread_column  as for `read_values`
        """
        if spread_column and field in ("target", self.file_map.spread_field):
            return spread_column
        return self._find_text(field, cells)[0] or field

    def parse_time(self, text: str, column: str = "") -> DateOrTime:
        """Return the day or moment that a cell of the column holds. Raises CellError."""
        if isinstance(text, NumberCell):
            raise CellError("“{text}” is a number, not a date: give the cell the format of a date.", text=text)
        if isinstance(text, MomentCell):
            return self._to_date_or_time(
                date.fromisoformat(text) if len(text) == _DAY_LENGTH else datetime.fromisoformat(text), text
            )
        return self._parse_time_text(text, column)

    def _is_filled(self, text: str) -> bool:
        return bool(text) and not (self.file_map.empty and text.casefold() in self.file_map.empty)

    def _find_text(self, field: str, cells: Cells) -> tuple[str, str]:
        for column in self.file_map.columns.get(field, ()):
            text = clean_cell(cells.get(column, ""))
            if self._is_filled(text):
                return column, text
        if field in self.file_map.constants:
            return "", self.file_map.constants[field]
        for template in self.file_map.templates.get(field, ()):
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
            if all(clean_cell(cells.get(name, "")) for name in names):
                return names[0] if names else "", template.format_map(cells)
        return "", ""

    def _parse_value(self, field: str, field_type: FieldSpec, text: str, column: str) -> CellValue:
        translations = self._translations.get(field)
        if translations:
            text = translations.get(text.casefold(), text)
        if isinstance(field_type, tuple):
            word = text.casefold().replace(" ", "_")
            if word not in field_type:
                raise CellError(
                    "“{text}” is none of {allowed}: define it in the map under values.{field}.",
                    text=text,
                    allowed=", ".join([*(translations or ()), *field_type]),
                    field=field,
                )
            return word.upper()
        match field_type:
            case FieldType.MONEY:
                return self._parse_decimal(text, column)
            case FieldType.INTEGER:
                number = self._parse_decimal(text, column)
                if number != int(number):
                    raise CellError("“{text}” is not a whole number.", text=text)
                return int(number)
            case FieldType.DATE_OR_TIME:
                return self.parse_time(text, column)
            case FieldType.BOOLEAN:
                if text.casefold() not in _BOOLEAN_WORDS:
                    raise CellError(
                        "“{text}” is neither yes nor no: define it in the map under values.{field}.",
                        text=text,
                        field=field,
                    )
                return _BOOLEAN_WORDS[text.casefold()]
            case FieldType.TEXT:
                return str(text)

    def _parse_decimal(self, text: str, column: str) -> Decimal:
        if isinstance(text, NumberCell):
            return Decimal(text)
        if isinstance(text, MomentCell):
            raise CellError("“{text}” is a date, not a number: give the cell the format of a number.", text=text)
        number_format = self._formats.numbers.get(column, self._map_number_format)
        pattern = _build_number_pattern(number_format)
        if len(text) > _MAX_NUMBER_LENGTH or not pattern.fullmatch(text.translate(_NUMBER_SIGNS)):
            if len(number_format.decimal) > 1:
                raise CellError(
                    "“{text}” is not a number written with the decimal sign “.” or “,”, or may be meant in thousands.",
                    text=text[:_SHOWN_LENGTH],
                )
            raise CellError(
                "“{text}” is not a number written with the decimal sign “{sign}”.",
                text=text[:_SHOWN_LENGTH],
                sign=number_format.decimal,
            )
        plain = _SPACE_PATTERN.sub("", text.translate(_NUMBER_SIGNS))
        plain = plain.replace(number_format.thousands, "") if number_format.thousands else plain
        return Decimal(plain.replace(",", ".") if "," in number_format.decimal else plain)

    def _parse_time_uncached(self, text: str, column: str) -> DateOrTime:
        orders = self._formats.dates.get(column, {})
        if not self.file_map.dates:
            return self._parse_time_by_order(text, orders)
        for date_format in self.file_map.dates:
            if orders and contradicts(date_format, orders):
                continue
            try:
                parsed = datetime.fromisoformat(text) if date_format == "iso" else datetime.strptime(text, date_format)  # noqa: DTZ007
            except ValueError:
                continue
            if (
                len(text) <= _DAY_LENGTH
                if date_format == "iso"
                else not any(part in date_format for part in _TIME_DIRECTIVES)
            ):
                return DateOrTime(parsed.date())
            return self._to_date_or_time(parsed, text)
        raise CellError(
            "“{text}” is not a time written as {formats}.",
            text=text[:_SHOWN_LENGTH],
            formats=" / ".join(self.file_map.dates),
        )

    def _parse_time_by_order(self, text: str, orders: Mapping[str, DateOrder]) -> DateOrTime:
        """Return the day or moment of a text in any usual format, with the order that its column proves."""
        numeric_date = parse_numeric_date(text)
        if numeric_date is None:
            named = parse_named_month(text)
            if named is None:
                raise CellError("“{text}” is not a date.", text=text[:_SHOWN_LENGTH])
            return self._to_date_or_time(combine(*named), text)
        readings = numeric_date.readings
        order = orders.get(numeric_date.separator)
        if order is not None and order in readings:
            return self._to_date_or_time(combine(readings[order], numeric_date.time_of_day), text)
        if numeric_date.is_ambiguous or order:
            raise CellError(
                "“{text}” is not a date as the others of this column are written.", text=text[:_SHOWN_LENGTH]
            )
        return self._to_date_or_time(combine(next(iter(readings.values())), numeric_date.time_of_day), text)

    def _to_date_or_time(self, parsed: date | datetime, text: str) -> DateOrTime:
        if not isinstance(parsed, datetime):
            return DateOrTime(parsed)
        at = parsed if parsed.tzinfo else parsed.replace(tzinfo=self.zone)
        try:
            return DateOrTime(parsed.date(), at.astimezone(UTC))
        except OverflowError as error:
            raise CellError("“{text}” is too long ago.", text=text[:_SHOWN_LENGTH]) from error


def _find_map_number_format(file_map: FileMap) -> NumberFormat:
    decimal = file_map.decimal or ("," if file_map.thousands == "." else ".")
    return NumberFormat(decimal, file_map.thousands)


@cache
def _build_number_pattern(number_format: NumberFormat) -> re.Pattern[str]:
    groups = f"[{SPACES}{re.escape(number_format.thousands)}]"
    point = f"[{re.escape(number_format.decimal)}]"
    if len(number_format.decimal) > 1:
        point += "(?![0-9]{3}$)"  # "1,234" may be either
    return re.compile(rf"[-+]?(?:[0-9]+|[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+)(?:{point}[0-9]+)?")


def require_fields(kind: str, values: RowValues) -> None:
    """Raise CellError for the first required field of the kind that the row lacks."""
    for name in REQUIRED_FIELDS[kind]:
        if name not in values:
            raise CellError("The row has no {field}.", name, field=name)


def find_day(values: RowValues, name: str) -> date | None:
    """Return the day of a field, or None if the row has none."""
    value = values.get(name)
    return value.day if isinstance(value, DateOrTime) else None
