"""Checks that a table has the columns that its map reads."""

from __future__ import annotations

from collections.abc import Sequence

from domain.messages import Message
from imports.field_specs import REQUIRED_FIELDS
from imports.files.source_row import ImportFileError
from imports.map_file import FileMap


def check_columns(name: str, columns: Sequence[str], file_map: FileMap, reading: Message) -> None:
    """Raise ImportFileError for a table that lacks a required column or has a mapped one twice.

    name     of the file and sheet
    columns  as the map writes them (see `match_columns`)
    reading  how the header was read, e.g. the separator and encoding
    """
    for column in {column for names in file_map.columns.values() for column in names} | set(file_map.id_from):
        if columns.count(column) > 1:
            raise ImportFileError("{file}: the column “{column}” is there twice.", file=name, column=column)
    needed = [
        file_map.columns.get(field, ())
        for field in (*REQUIRED_FIELDS[file_map.kind], "id")
        if field not in file_map.fields_without_column
    ]
    for names in (*filter(None, needed), *([column] for column in file_map.id_from)):
        if not {*names} & {*columns}:
            raise ImportFileError(
                "{file} has no column {columns}. Read {reading}, it has: {header}. Is it another export, or does the "
                "map ({location}) have to be changed?",
                file=name,
                columns=" or ".join(f"“{column}”" for column in names),
                reading=reading,
                header=", ".join(columns)[:300],
                location=file_map.location,
            )


def match_columns(header: Sequence[str], file_map: FileMap) -> list[str]:
    """Return the names of the columns as the map writes them; case and outer or repeated spaces do not matter.

    A column that the map does not name keeps the name it has in the file.
    """
    mapped = file_map.column_names
    by_key = {_column_key(column): column for column in reversed(mapped)}
    return [name if name in mapped else by_key.get(_column_key(name), name) for name in header]


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


def _column_key(column: str) -> str:
    return " ".join(column.casefold().split())
