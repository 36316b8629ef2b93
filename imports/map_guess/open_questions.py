"""What a map cannot take from a file and nobody should guess: it is asked, or left out with a line that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.messages import Message
from domain.primitives.money import is_known_currency
from domain.primitives.text import search_key
from imports.column_checks import rename_as_mapped
from imports.field_specs import FIELDS_BY_KIND, FieldType
from imports.files.column_evidence import find_open_separators
from imports.map_file import FileMap
from imports.map_guess.column_cells import ColumnCells
from imports.map_guess.map_text import quote

_MAX_STAGES: Final = 50  # that are asked about; a column with more holds something else
_TIME_FORMATS: Final = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
_STATUSES: Final = ("open", "won", "lost")


@dataclass(frozen=True)
class OpenQuestion:
    """A question about a map.

    message  the question
    table    the table of the [[file]] in which the answer stands (empty: that of the [[file]] itself)
    key      its key there
    hint     the line of the map that has to be filled in
    answers  what the map gets for each answer; empty: a currency is given by its code
    """

    message: Message
    table: str
    key: str
    hint: str
    answers: Mapping[str, object]

    def parse_answer(self, text: str) -> object | None:
        """Return what the map gets for an answer; None if it is none."""
        if self.answers:
            return self.answers.get(text) or self.answers.get(text.casefold())
        return text.upper() if is_known_currency(text.upper()) else None


def find_questions(file_map: FileMap, names: Sequence[str], cells: Mapping[str, ColumnCells]) -> Iterator[OpenQuestion]:
    """Yield what the map of a file leaves open.

    names  headers of the file
    cells  of its columns, by header
    """
    columns = rename_as_mapped(names, file_map)
    by_mapped_name = {column: cells[name] for name, column in zip(names, columns, strict=True) if name in cells}
    cells_by_field = {
        field: [(column, by_mapped_name[column]) for column in alternatives if column in by_mapped_name]
        for field, alternatives in file_map.columns.items()
    }
    yield from _ask_for_words(file_map, cells_by_field)
    yield from _ask_for_dates(file_map, cells_by_field)
    if not file_map.decimal and not file_map.thousands:
        yield from _ask_for_decimal(file_map, cells_by_field)
    fields = FIELDS_BY_KIND[file_map.kind]
    has_amounts = any(
        fields[field] is FieldType.MONEY and field_columns for field, field_columns in cells_by_field.items()
    )
    if (
        has_amounts
        and "currency" in fields
        and not cells_by_field.get("currency")
        and "currency" not in file_map.constants
    ):
        yield OpenQuestion(
            Message("In which currency are the amounts? Left out, in that of the company."),
            "constants", "currency", 'currency = "EUR"  # of the amounts; the company\'s if it is left out', {},
        )  # fmt: skip


CellsByField = Mapping[str, list[tuple[str, ColumnCells]]]


def _ask_for_words(file_map: FileMap, cells_by_field: CellsByField) -> Iterator[OpenQuestion]:
    """Ask what stages, statuses and other words mean that neither the map nor the import knows."""
    known_stages = {search_key(stage) for stage in file_map.stages}
    creates_stages = file_map.unknown.get("stage") == "create"
    for field, field_columns in cells_by_field.items():
        field_type = FIELDS_BY_KIND[file_map.kind][field]
        words = {word.casefold() for word in file_map.values.get(field, {})} | {*file_map.empty}
        texts = [text for _, cells in field_columns for text in cells.texts if text.casefold() not in words]
        if field == "stage" and file_map.kind in ("deals", "visits") and not creates_stages:
            for text in dict.fromkeys(texts[:_MAX_STAGES]):
                if search_key(text) not in known_stages:
                    yield _ask(Message("What does the stage “{text}” mean?", {"text": text}), "stages", text, _STATUSES)
        elif isinstance(field_type, tuple):
            for text in dict.fromkeys(texts):
                if text.casefold().replace(" ", "_") not in field_type:
                    message = Message("What does “{text}” mean as {field}?", {"text": text, "field": field})
                    yield _ask(message, f"values.{field}", text, field_type)
        elif field == "currency":
            for text in dict.fromkeys(texts):
                if not is_known_currency(text):
                    message = Message("Which currency is “{text}”?", {"text": text})
                    hint = f'{quote(text)} = ""  # the code of the currency, such as "EUR"'
                    yield OpenQuestion(message, "values.currency", text, hint, {})


def _ask(message: Message, table: str, text: str, choices: tuple[str, ...]) -> OpenQuestion:
    hint = f"{quote(text)} = {quote(choices[0])}  # or {', '.join(map(quote, choices[1:]))}?"
    return OpenQuestion(message, table, text, hint, {choice: choice for choice in choices})


def _ask_for_dates(file_map: FileMap, cells_by_field: CellsByField) -> Iterator[OpenQuestion]:
    """Ask whether the day or the month is first in dates that no cell of their column proves."""
    open_separators = find_open_separators(file_map)
    if open_separators is not None and not open_separators:
        return
    fields = FIELDS_BY_KIND[file_map.kind]
    columns = {
        column: cells.date_evidence
        for field, field_columns in cells_by_field.items()
        if fields[field] is FieldType.DATE_OR_TIME
        for column, cells in field_columns
    }
    for column, evidence in columns.items():
        separators = [sign for sign, orders in evidence.separators.items() if orders.list_doubts(column, sign)]
        for separator in separators:
            samples = evidence.separators[separator].ambiguous
            if not samples:
                continue  # contradictions: the file has to be corrected, which the import says
            message = Message(
                "“{column}”: is the day or the month first? {cells}", {"column": column, "cells": "; ".join(samples)}
            )
            others = {
                sign: order for column_evidence in columns.values() for sign, order in column_evidence.orders().items()
            }
            formats = {
                answer: _date_formats({**others, separator: order})
                for answer, order in (("day", "dmy"), ("month", "mdy"))
            }
            hint = f"dates = {list(map(str, formats['day'][:1]))}".replace("'", '"')
            hint += f"  # is the day first in “{column}”, or the month: {quote(formats['month'][0])}?"
            yield OpenQuestion(message, "", "dates", hint, formats)
            return  # the answer holds for the file


def _date_formats(orders: Mapping[str, str]) -> list[str]:
    """Return the formats of dates with these orders of day, month and year, by separator."""
    formats = []
    for separator, order in orders.items():
        for year in ("%Y", "%y"):
            day = {"dmy": f"%d.%m.{year}", "mdy": f"%m.%d.{year}", "ymd": f"{year}.%m.%d"}[order].replace(
                ".", separator
            )
            formats += [f"{day}{time}" for time in _TIME_FORMATS]
    return [*formats, "iso"]


def _ask_for_decimal(file_map: FileMap, cells_by_field: CellsByField) -> Iterator[OpenQuestion]:
    fields = FIELDS_BY_KIND[file_map.kind]
    for field, field_columns in cells_by_field.items():
        if fields[field] not in (FieldType.MONEY, FieldType.INTEGER):
            continue
        for column, cells in field_columns:
            if cells.number_evidence.list_doubts(column):
                message = Message(
                    "“{column}”: are these thousands or decimals? {cells}",
                    {"column": column, "cells": "; ".join(cells.number_evidence.ambiguous)},
                )
                sign = "," if "," in cells.number_evidence.ambiguous[0] else "."
                other = "." if sign == "," else ","
                hint = f"decimal = {quote(sign)}  # or {quote(other)}, if “{column}” has thousands?"
                yield OpenQuestion(message, "", "decimal", hint, {"thousands": other, "decimals": sign})
                return
