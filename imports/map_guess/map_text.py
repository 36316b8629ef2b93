"""Writes a map as TOML, with a comment where something has to be filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r",
}  # fmt: skip
Hints = Mapping[tuple[int, str], Sequence[str]]


def write_map(content: Mapping[str, Any], hints: Hints, comments: Sequence[str] = ()) -> str:
    """Return a map as the text of a TOML file.

    content   the tables of the map, as `tomllib` reads them
    hints     lines that are written as comments: by the number of the [[file]] (from 1; 0: the map itself) and its table
              (empty: before its tables)
    comments  lines at the beginning
    """
    lines = _write_comments(comments)
    lines += _write_table({key: value for key, value in content.items() if key not in ("file", "pipeline")})
    lines += _write_comments(hints.get((0, ""), ()))
    if content.get("pipeline"):
        lines += ["", "[pipeline]", *_write_table(content["pipeline"])]
    for number, file in enumerate(content["file"], 1):
        lines += ["", "[[file]]", *_write_table({key: value for key, value in file.items() if not _is_table(value)})]
        lines += _write_comments(hints.get((number, ""), ()))
        tables = {name: table for name, table in file.items() if _is_table(table)}
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


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _write_table(table: Mapping[str, Any]) -> list[str]:
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
