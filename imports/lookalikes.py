"""Names that look alike and differ in letters of other scripts, such as a Cyrillic letter in a Latin name.

The pairs are those of Unicode Technical Standard 39 (confusables) for letters that people type by mistake.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from domain.primitives.text import search_key
from imports.vocabulary import LATIN_LOOKALIKES

_INVISIBLE_CATEGORY: Final = "Cf"  # zero-width characters, soft hyphens and direction marks


def skeleton(text: str) -> str:
    """Return a text that is the same for all texts that look alike; only for comparison."""
    decomposed = unicodedata.normalize("NFKD", text[:1000])
    visible = "".join(letter for letter in decomposed if unicodedata.category(letter) != _INVISIBLE_CATEGORY)
    return search_key(visible.translate(LATIN_LOOKALIKES))


def group_lookalikes(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of different names that look alike, each sorted."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        groups.setdefault(skeleton(name), {}).setdefault(search_key(name), name)
    return [sorted(group.values()) for group in groups.values() if len(group) > 1]
