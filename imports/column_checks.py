"""Compares the columns of a file with those that its map names.

Case and surrounding spaces of a header do not matter. A field of the map that has no column in the file refuses the
file, unless the map lists the field under `optional`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from functools import reduce
from string import Formatter
from typing import Final

from domain.messages import Message, quoted
from domain.primitives.text import search_key
from imports.lookalikes import skeleton
from imports.map_file import FileMap

_MIN_SIMILARITY: Final = 0.5  # of a header that is named as the nearest one


def template_columns(template: str) -> list[str]:
    """Return the columns that a template like "{product} for {account}" names."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def field_columns(file_map: FileMap, fields: Collection[str]) -> list[str]:
    """Return the columns that the map reads for these fields, each once."""
    names = [
        *(name for field in fields for name in file_map.columns.get(field, ())),
        *(name for field in fields for text in file_map.templates.get(field, ()) for name in template_columns(text)),
        *(name for name in file_map.spread_columns if "target" in fields),
    ]
    return list(dict.fromkeys(names))


def mapped_columns(file_map: FileMap) -> list[str]:
    """Return all columns that the map reads, in its order, each once."""
    names = [
        *(name for alternatives in file_map.columns.values() for name in alternatives),
        *(name for templates in file_map.templates.values() for text in templates for name in template_columns(text)),
        *(name for alternatives in file_map.stage_entry_columns.values() for name in alternatives),
        *file_map.spread_columns,
        *file_map.id_from,
    ]
    return list(dict.fromkeys(names))


def fields_by_column(file_map: FileMap) -> dict[str, str]:
    """Return the field that each column of the map is read for, the first one of several."""
    pairs = [
        *((name, field) for field, names in file_map.columns.items() for name in names),
        *((name, "target") for name in file_map.spread_columns),
        *((name, "id") for name in file_map.id_from),
        *((name, f"entered {stage}") for stage, names in file_map.stage_entry_columns.items() for name in names),
        *(
            (name, field)
            for field, templates in file_map.templates.items()
            for template in templates
            for name in template_columns(template)
        ),
    ]
    return dict(reversed(pairs))


def rename_as_mapped(names: Sequence[str], file_map: FileMap) -> list[str]:
    """Return the headers of a file, those that the map names in other case or spacing as the map writes them."""
    mapped = [*mapped_columns(file_map), *file_map.ignored]
    mapped_by_key = {search_key(name): name for name in reversed(mapped)}
    exact = {*mapped} & {*names}
    renamed = []
    for name in names:
        mapped_name = mapped_by_key.get(search_key(name), name)
        renamed.append(name if name in exact or mapped_name in exact else mapped_name)
    return renamed


def unread_names(columns: Sequence[str], names: Sequence[str], file_map: FileMap) -> list[str]:
    """Return the headers that the map does not name; `columns` are the same ones as the map writes them."""
    mapped = {*mapped_columns(file_map)}
    return [name for column, name in zip(columns, names, strict=True) if column not in mapped]


def missing_fields(file_map: FileMap, names: Collection[str], *, optional: bool = False) -> dict[str, list[str]]:
    """Return the fields of the map for which the file has none of the columns, each with its columns.

    names     headers of the file, as the map writes them
    optional  return the fields that the map allows to be missing, not those that it does not
    """
    existing = {*names}
    missing: dict[str, list[str]] = {}
    for field in dict.fromkeys([*file_map.columns, *file_map.templates]):
        columns = file_map.columns.get(field, [])
        templates = [template_columns(text) for text in file_map.templates.get(field, ())]
        lacks_columns = bool(columns) and existing.isdisjoint(columns)
        lacks_templates = bool(templates) and not any(existing.issuperset(needed) for needed in templates)
        if (lacks_columns or lacks_templates) and (field in file_map.optional) is optional:
            needed_names = dict.fromkeys(name for needed in templates for name in needed if name not in existing)
            missing[field] = [*(columns if lacks_columns else []), *(needed_names if lacks_templates else [])]
    if ("entered" in file_map.optional) is optional:
        for stage, columns in file_map.stage_entry_columns.items():
            if existing.isdisjoint(columns):
                missing[f"entered.{stage}"] = columns
    missing_targets = [name for name in file_map.spread_columns if name not in existing]
    if missing_targets and not optional:
        missing[f"spread.{file_map.spread_field}"] = missing_targets
    missing_ids = [name for name in file_map.id_from if name not in existing]
    if missing_ids and not optional:
        missing["id_from"] = missing_ids
    return missing


def describe_missing(missing: dict[str, list[str]], unread_headers: Sequence[str]) -> Message:
    """Return the missing columns with their fields and the nearest unread headers, to follow “has no column”."""
    descriptions = []
    for field, columns in missing.items():
        quoted_columns = [quoted(name) for name in columns]
        alternatives = reduce(
            lambda first, rest: Message("{first} or {rest}", {"first": first, "rest": rest}), quoted_columns
        )
        header = _find_nearest(columns, unread_headers)
        description = Message("{name} ({reason})", {"name": alternatives, "reason": field})
        if header:
            description = Message(
                "{columns} ({field}, the nearest header is “{header}”)",
                {"columns": alternatives, "field": field, "header": header},
            )
        descriptions.append(description)
    return reduce(lambda first, rest: Message("{first}, and none {rest}", {"first": first, "rest": rest}), descriptions)


def _find_nearest(columns: Sequence[str], names: Sequence[str]) -> str | None:
    names_by_key = {skeleton(name): name for name in reversed(names)}
    for similarity in (0.9, 0.7, _MIN_SIMILARITY):
        for column in columns:
            if keys := get_close_matches(skeleton(column), names_by_key, n=1, cutoff=similarity):
                return names_by_key[keys[0]]
    return None
