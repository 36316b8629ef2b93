"""Validation and normalization of texts that people enter, and the key they are searched by.

Refused are invisible characters and characters that change how others are read: control characters, lone surrogates
(which no database accepts) and direction marks, with which one name could be made to look like another.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Constraint = Literal["REQUIRED", "TOO_LONG", "CHARACTERS"]

_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters and symbols without a glyph
_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_JOINER: Final = "\u200d"
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_CODE_POINTS: Final = 4  # on average, per character as people count them
_LONGEST_KEY: Final = 1000  # the size of the columns
_LONGEST_EMAIL: Final = 254
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL: Final = re.compile(rf"[^\s@<>()\[\],;:\\\"]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")


class UnfitText(ValueError):
    """A text that cannot be stored; the message says what to do, `constraint` names the violated rule."""

    def __init__(self, message: str, constraint: Constraint) -> None:
        super().__init__(message)
        self.constraint: Constraint = constraint


def name(text: str, *, limit: int = 200) -> str:
    """Return a single-line text, normalized to NFC and stripped.

    limit   in characters as people count them: combining marks and joined parts belong to the character before
    raises  InvalidText if it has nothing visible, is too long, or contains forbidden characters
    """
    return _fit(text, limit, kept="")


def note(text: str, *, limit: int = 2000) -> str:
    """Return a multi-line text, otherwise like `clean_name`. Lines end with a line feed, tabs are kept."""
    return _fit("\n".join(text.splitlines()), limit, kept="\n\t")


def email(text: str) -> str:
    """Return the address in lower case, as addresses are compared. Raises InvalidText for an invalid address."""
    address = _fit(text, _LONGEST_EMAIL, kept="").lower()
    if len(address) > _LONGEST_EMAIL:
        raise UnfitText(f"Shorten the e-mail address to {_LONGEST_EMAIL} characters.", "TOO_LONG")
    local = address.partition("@")[0]
    if not _EMAIL.fullmatch(address) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise UnfitText('Give an e-mail address like "anna@example.com".', "CHARACTERS")
    return address


def search_key(text: str) -> str:
    """Return the key by which names are searched and sorted: no case or style, ё as е, single spaces."""
    text = text[:_LONGEST_KEY]  # normalization sorts combining marks one by one, which takes hours for a million
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("ё", "е")
    return " ".join(folded.split())[:_LONGEST_KEY]


def _fit(text: str, limit: int, kept: str) -> str:
    found = text.strip()
    if len(found) > _CODE_POINTS * limit:  # before normalization, which takes hours for a million combining marks
        raise UnfitText(f"Shorten this to {limit} characters.", "TOO_LONG")
    found = unicodedata.normalize("NFC", found)
    if any((unicodedata.category(char) in _UNFIT and char not in kept) or char in _TURNS for char in found):
        raise UnfitText(
            "Take out the characters that cannot be seen: control characters and direction marks.", "CHARACTERS"
        )
    if not any(map(_is_seen, found)):
        raise UnfitText("Write something here.", "REQUIRED")
    if len(found) > _CODE_POINTS * limit or _length(found) > limit:
        raise UnfitText(f"Shorten this to {limit} characters.", "TOO_LONG")
    return found


def _is_seen(char: str) -> bool:
    category = unicodedata.category(char)  # Cn: unknown to this Python's Unicode tables, e.g. new emoji
    return (category[0] in "LNPS" or category in ("Cn", "Co")) and char not in _BLANK_LETTERS


def _length(text: str) -> int:
    return sum(
        not (unicodedata.category(char)[0] == "M" or char == _JOINER or before == _JOINER or ord(char) in _SKIN_TONES)
        for before, char in zip(" " + text, text, strict=False)
    )
