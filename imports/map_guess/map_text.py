"""Writes a map as TOML, with a comment where something has to be filled in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r",
}  # fmt: skip
Hints = Mapping[tuple[int, str], Sequence[str]]
TomlTable = dict[str, object]


@dataclass
class MapContent:
    """The tables of a map, before they are validated.

    settings  the keys at the beginning, such as `name`
    files     each [[file]]
    """

    settings: TomlTable
    pipeline: TomlTable = field(default_factory=dict)
    files: list[TomlTable] = field(default_factory=list)


def read_content(text: str) -> MapContent:
    """Return the tables of a map. Raises TOMLDecodeError."""
    settings = tomllib.loads(text)
    pipeline, files = settings.pop("pipeline", {}), settings.pop("file", [])
    return MapContent(settings, pipeline, files)


def write_map(content: MapContent, hints: Hints, comments: Sequence[str] = ()) -> str:
    """Return a map as the text of a TOML file.

    hints     lines that are written as comments: by the number of the [[file]] (from 1; 0: the map itself) and its table
              (empty: before its tables)
    comments  lines at the beginning
    """
    lines = _write_comments(comments)
    lines += _write_table(content.settings)
    lines += _write_comments(hints.get((0, ""), ()))
    if content.pipeline:
        lines += ["", "[pipeline]", *_write_table(content.pipeline)]
    for number, file in enumerate(content.files, 1):
        tables = {name: table for name, table in file.items() if isinstance(table, Mapping)}
        lines += ["", "[[file]]", *_write_table({key: value for key, value in file.items() if key not in tables})]
        lines += _write_comments(hints.get((number, ""), ()))
        values = tables.pop("values", {})
        tables |= {f"values.{field}": words for field, words in values.items()}
        for name in dict.fromkeys([*tables, *(table for position, table in hints if position == number and table)]):
            lines += ["", f"[file.{name}]", *_write_table(tables.get(name, {}))]
            lines += _write_comments(hints.get((number, name), ()))
    return "\n".join(lines).lstrip("\n") + "\n"


def quote(text: str) -> str:
    """Return a text as TOML writes it."""
    escaped = "".join(
        _ESCAPES.get(char) or (f"\\u{ord(char):04X}" if char < " " or char == "\x7f" else char) for char in text
    )
    return f'"{escaped}"'


def _write_comments(lines: Sequence[str]) -> list[str]:
    return [f"# {' '.join(line.splitlines())}" for line in lines]


def _write_table(table: Mapping[str, object]) -> list[str]:
    return [f"{_write_key(key)} = {_write_value(value)}" for key, value in table.items()]


def _write_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else quote(key)


def _write_value(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_write_table(value))} }}"
    assert isinstance(value, list), value  # of texts
    return f"[{', '.join(map(_write_value, value))}]"
