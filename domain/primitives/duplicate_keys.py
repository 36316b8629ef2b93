"""Keys by which records of the same person or company are recognized: equal for spellings that mean the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from domain.primitives.text import search_key

_MAX_KEY_LENGTH: Final = 400
_MIN_DIGITS, _NATIONAL_DIGITS = 6, 10
_NUMBER: Final = re.compile(r"[0-9](?:[\s().+\-\u2010-\u2015]*[0-9])*")
_INNER_MARKS: Final = re.compile(r"[.'’`\"“”„«»]")  # within a word: L.L.C., O'Neill
_LEGAL_FORMS: Final = frozenset(
    word for words in tomllib.loads(Path(__file__).with_name("legal_forms.toml").read_text()).values() for word in words
)


def phone_key(text: str | None) -> str | None:
    """Return the last ten digits of the first number of at least six digits in a text; None without one.

    Ten digits leave out what people write differently: `+7` and `8`, `+49` and `0`, `00` in front of the country. An
    extension behind a word or a sign does not belong to the number.
    """
    for match in _NUMBER.finditer(text or ""):
        digits = "".join(char for char in match.group() if char.isdecimal())
        if (
            len(digits) >= _MIN_DIGITS and len(set(digits)) > 1
        ):  # shorter ones are internal, one digit alone a placeholder
            return digits[-_NATIONAL_DIGITS:]
    return None


def name_key(name: str | None) -> str | None:
    """Return a name without case, spaces, punctuation and the legal form of a company, Cyrillic io as ie.

    None without a letter or digit.
    """
    if name is None:
        return None
    words = re.findall(r"[^\W_]+", _INNER_MARKS.sub("", search_key(name)))
    return "".join([word for word in words if word not in _LEGAL_FORMS] or words)[:_MAX_KEY_LENGTH] or None
