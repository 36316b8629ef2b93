"""Checks that a table has the columns that its map reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.messages import Message, MessageValue
from imports import column_checks
from imports.field_specs import REQUIRED_FIELDS, SPREAD_FIELDS
from imports.files.source_row import ImportFileError
from imports.map_file import FileMap

_NEVER_OPTIONAL: Final = frozenset({"id_from", *(f"spread.{field}" for field in SPREAD_FIELDS)})


class ColumnError(ImportFileError):
    """A table without the columns of its map; `missing_count` tells how many fields it lacks."""

    def __init__(self, message: str, missing_count: int, **values: MessageValue) -> None:
        super().__init__(message, **values)
        self.missing_count = missing_count


def check_columns(file: str, names: Sequence[str], columns: Sequence[str], file_map: FileMap, reading: Message) -> None:
    """Raise ColumnError for a table that lacks a column which the map needs, or has a mapped one twice.

    file     name of the file and sheet
    names    the headers as the file writes them
    columns  the same, as the map writes them
    reading  how the header was read, e.g. with which separator and encoding
    """
    for column in column_checks.mapped_columns(file_map):
        if columns.count(column) > 1:
            raise ColumnError("{file}: the column “{column}” is there twice.", 0, file=file, column=column)
    missing = column_checks.missing_fields(file_map, columns)
    for field in {*REQUIRED_FIELDS[file_map.kind], "id"} - {*missing} - file_map.fields_without_column:
        alternatives = file_map.columns.get(field, [])
        if alternatives and {*alternatives}.isdisjoint(columns):  # needed, whatever `optional` says
            missing[field] = alternatives
    if missing:
        optional = dict.fromkeys(field.partition(".")[0] for field in missing if field not in _NEVER_OPTIONAL)
        raise ColumnError(
            "{file} has no column {columns}. Read {reading}, it has: {header}. Is it another export, or does the map "
            "({location}) have to be changed? Fields that an export may lack are listed there as `optional = [{optional}]`.",
            len(missing),
            file=file,
            columns=column_checks.describe_missing(missing, column_checks.unread_names(columns, names, file_map)),
            reading=reading,
            header=", ".join(names)[:300],
            location=file_map.location,
            optional=", ".join(f'"{field}"' for field in optional),
        )


def make_unique(columns: Sequence[str]) -> list[str]:
    """Return the names with a number added to those that are there twice, and the position for those without one."""
    unique: dict[str, None] = {}
    for position, column in enumerate(columns, 1):
        name, number = column or f"column {position}", 2
        candidate = name
        while candidate in unique:
            candidate, number = f"{name} ({number})", number + 1
        unique[candidate] = None
    return list(unique)
