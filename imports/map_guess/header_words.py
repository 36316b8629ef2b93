"""The headers under which exports have the fields of each kind, in English and Russian, read from `header_words.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_WORDS: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _expand(phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the phrases, with the shared lists in place of their names."""
    expanded: list[str] = []
    for phrase in phrases:
        expanded += _WORDS["shared"][phrase[1:]] if phrase.startswith("@") else [phrase]
    return tuple(expanded)


HEADERS_BY_KIND: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    kind: {field: _expand(phrases) for field, phrases in fields.items()} for kind, fields in _WORDS["headers"].items()
}
ENTITY_WORDS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(words) for kind, words in _WORDS["entities"].items()
}
FIRST_NAMES: Final[Sequence[str]] = tuple(_WORDS["names"]["first"])
LAST_NAMES: Final[Sequence[str]] = tuple(_WORDS["names"]["last"])
UNCERTAIN_CURRENCIES: Final[frozenset[str]] = frozenset(_WORDS["currencies"]["uncertain"])
# (kind, field) → what a cell says → the value that it means
CELL_WORDS: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    (kind, field): words for kind, fields in _WORDS["cells"].items() for field, words in fields.items()
}
