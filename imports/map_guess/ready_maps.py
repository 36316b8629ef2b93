"""Finds the built-in map of an export by its headers.

A map fits if the table has the columns that it needs, and at least two signs of its system: headers that no built-in
map of another system has, or names of its stages. The maps of one system have its name, up to a hyphen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from domain.messages import Message
from domain.primitives.text import search_key
from imports import map_file
from imports.column_checks import mapped_columns, rename_as_mapped
from imports.files.column_check import ColumnError, check_columns
from imports.map_file import FileMap
from imports.map_guess.column_cells import ColumnCells
from imports.map_guess.map_text import MapContent, read_content
from imports.map_guess.unmapped_table import UnmappedTable

_NEEDED_SIGNS: Final = 2
_KNOWN_STAGE_SIGNS: Final = 2  # for which a stage that the map knows counts


@dataclass(frozen=True)
class ReadyMap:
    """A built-in map that fits a table.

    number   of the section that reads the table, from 0
    columns  the headers of the table as the map writes them
    """

    name: str
    content: MapContent
    number: int
    file_map: FileMap
    columns: Sequence[str]


def find_ready_map(table: UnmappedTable, cells: Mapping[str, ColumnCells]) -> ReadyMap | None:
    """Return the built-in map that fits a table with the most signs; None if none does, or two equally well."""
    rated: list[tuple[int, int, ReadyMap]] = []
    for name in map_file.built_in_maps():
        content, import_map = _load(name)
        for number, file_map in enumerate(import_map.files):
            columns = rename_as_mapped(table.header.names, file_map)
            is_readable = file_map.matches(table.file_name) or len(import_map.files) == 1
            if not is_readable or not _has_needed_columns(table, columns, file_map):
                continue
            signs = _count_signs(table.header.names, columns, file_map)
            if _knows_stage(columns, table.header.names, file_map, cells):
                signs += _KNOWN_STAGE_SIGNS
            named = len({*columns} & {*mapped_columns(file_map), *file_map.ignored})
            rated.append((signs, named, ReadyMap(name, content, number, file_map, columns)))
    rated = [rating for rating in rated if rating[0] >= _NEEDED_SIGNS]
    if not rated:
        return None
    rated.sort(key=lambda rating: rating[:2], reverse=True)
    is_tied = len(rated) > 1 and rated[0][:2] == rated[1][:2] and rated[0][2].name != rated[1][2].name
    return None if is_tied else rated[0][2]


@cache
def _load(name: str) -> tuple[MapContent, map_file.ImportMap]:
    text = (map_file.BUILT_IN_MAPS_DIR / f"{name}.toml").read_text(encoding="utf-8")
    return read_content(text), map_file.parse_map(text, name)


def _has_needed_columns(table: UnmappedTable, columns: Sequence[str], file_map: FileMap) -> bool:
    try:
        check_columns(table.name, table.header.names, columns, file_map, Message("as it is"))
    except ColumnError:
        return False
    return True


def _count_signs(names: Sequence[str], columns: Sequence[str], file_map: FileMap) -> int:
    """Return how many columns that the map names are named by no built-in map of another system."""
    named = {*mapped_columns(file_map), *file_map.ignored}
    system_counts = _count_systems()
    return sum(
        column in named and system_counts[search_key(name)] == 1 for name, column in zip(names, columns, strict=True)
    )


@cache
def _count_systems() -> Counter[str]:
    """Return in the built-in maps of how many systems each header stands."""
    headers_by_system: dict[str, set[str]] = defaultdict(set)
    for name in map_file.built_in_maps():
        for file in _load(name)[1].files:
            headers = {search_key(text) for text in (*mapped_columns(file), *file.ignored)}
            headers_by_system[name.partition("-")[0]] |= headers
    return Counter(header for headers in headers_by_system.values() for header in headers)


def _knows_stage(
    columns: Sequence[str], names: Sequence[str], file_map: FileMap, cells: Mapping[str, ColumnCells]
) -> bool:
    stages = {search_key(stage) for stage in file_map.stages if stage}
    return any(
        search_key(text) in stages
        for column, name in zip(columns, names, strict=True)
        if column in file_map.columns.get("stage", ()) and name in cells
        for text in cells[name].texts
    )
