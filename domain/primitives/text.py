"""What people write, made fit to be stored, shown and found again.

Refused is what cannot be seen or changes how its neighbours are read: control characters,
lone surrogates (no database takes them) and the marks that turn the direction of writing,
with which a name could pass for another.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Constraint = Literal["REQUIRED", "TOO_LONG", "CHARACTERS"]

_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters and symbols that show nothing
_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_JOINER: Final = "\u200d"
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_CODE_POINTS: Final = 4  # a character, as people count them, has on average at most
_LONGEST_KEY: Final = 1000  # the columns that hold keys end there
_LONGEST_EMAIL: Final = 254
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL: Final = re.compile(rf"[^\s@<>()\[\],;:\\\"]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")


class UnfitText(ValueError):
    """A text that cannot be stored; the message says what to do, `constraint` what it breaks."""

    def __init__(self, message: str, constraint: Constraint) -> None:
        super().__init__(message)
        self.constraint: Constraint = constraint


def name(text: str, *, limit: int = 200) -> str:
    """Return a text of one line, composed and without spaces around it.

    limit   in characters as people count them: marks and joined parts are of the one before
    raises  UnfitText when nothing can be seen of it, when it is too long, or has unfit characters
    """
    return _fit(text, limit, kept="")


def note(text: str, *, limit: int = 2000) -> str:
    """Return a text of any number of lines; the rest as for a name. Lines end with a line feed, tabs stay."""
    return _fit("\n".join(text.splitlines()), limit, kept="\n\t")


def email(text: str) -> str:
    """Return the address in small letters, as it is compared. Raises UnfitText for what is none."""
    address = _fit(text, _LONGEST_EMAIL, kept="").lower()
    if len(address) > _LONGEST_EMAIL:
        raise UnfitText(f"Shorten the e-mail address to {_LONGEST_EMAIL} characters.", "TOO_LONG")
    local = address.partition("@")[0]
    if not _EMAIL.fullmatch(address) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise UnfitText('Give an e-mail address like "anna@example.com".', "CHARACTERS")
    return address


def search_key(text: str) -> str:
    """Return what names are compared by, in search and in order: without case and style, ё as е, single spaces."""
    text = text[:_LONGEST_KEY]  # marks are put in order one by one: of a million that would take hours
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("ё", "е")
    return " ".join(folded.split())[:_LONGEST_KEY]


def _fit(text: str, limit: int, kept: str) -> str:
    found = text.strip()
    if len(found) > _CODE_POINTS * limit:  # before they are put in order, which takes hours for a million marks
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
    category = unicodedata.category(char)  # Cn: what this Python's tables do not know yet, new emoji above all
    return (category[0] in "LNPS" or category in ("Cn", "Co")) and char not in _BLANK_LETTERS


def _length(text: str) -> int:
    return sum(
        not (unicodedata.category(char)[0] == "M" or char == _JOINER or before == _JOINER or ord(char) in _SKIN_TONES)
        for before, char in zip(" " + text, text, strict=False)
    )
