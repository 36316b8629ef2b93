"""Validation and normalization of texts that people enter, and the key they are searched by.

Refused are invisible characters and characters that change how others are read: control characters, lone surrogates
(which no database accepts) and direction marks, with which one name could be made to look like another.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

from domain.messages import MessageError, MessageValue

Constraint = Literal["REQUIRED", "TOO_LONG", "CHARACTERS"]

_DIRECTION_MARKS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE_SYMBOLS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters and symbols without a glyph
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_ZERO_WIDTH_JOINER: Final = "\u200d"
_MAX_CACHED_LENGTH: Final = 100  # characters of a text whose search key is kept for the next time
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_MAX_CODE_POINTS_PER_CHARACTER: Final = 4  # on average, per character as people count them
_MAX_KEY_LENGTH: Final = 1000  # the size of the columns
_MAX_EMAIL_LENGTH: Final = 254
_IO, _IE = "\N{CYRILLIC SMALL LETTER IO}", "\N{CYRILLIC SMALL LETTER IE}"
_DOMAIN_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL_PATTERN: Final = re.compile(rf"[^\s@<>()\[\],;:\\\"]{{1,64}}@(?:{_DOMAIN_LABEL}\.)+{_DOMAIN_LABEL}")

# Visible characters and spaces of which normalization changes none, each of them one character as people count them.
# Most texts have no others, and are checked and folded many times faster.
_PLAIN_TEXT: Final = re.compile(
    f"[ -~\N{CYRILLIC CAPITAL LETTER A}-\N{CYRILLIC SMALL LETTER YA}{_IO.upper()}{_IO}]*"
)  # from the first capital letter of the alphabet to the last small one

_IMAGE_ADDRESS: Final = re.compile(
    r"(?:https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=[/?#]|$)|/(?!/))[^\s\\]*"
)


class InvalidText(MessageError, ValueError):
    """A text that cannot be stored; the message says what to do, `constraint` names the violated rule."""

    def __init__(self, message: str, constraint: Constraint, **values: MessageValue) -> None:
        super().__init__(message, values)
        self.constraint: Constraint = constraint


def clean_name(text: str, *, limit: int = 200) -> str:
    """Return a single-line text, normalized to NFC and stripped.

    limit   in characters as people count them: combining marks and joined parts belong to the character before
    raises  InvalidText if it has nothing visible, is too long, or contains forbidden characters
    """
    return _clean(text, limit, allowed_controls="")


def clean_note(text: str, *, limit: int = 2000) -> str:
    """Return a multi-line text, otherwise like `clean_name`. Lines end with a line feed, tabs are kept."""
    return _clean("\n".join(text.splitlines()), limit, allowed_controls="\n\t")


def clean_email(text: str) -> str:
    """Return the address in lower case, as addresses are compared. Raises InvalidText for an invalid address."""
    address = _clean(text, _MAX_EMAIL_LENGTH, allowed_controls="").lower()
    if len(address) > _MAX_EMAIL_LENGTH:
        raise InvalidText("Shorten the e-mail address to {limit} characters.", "TOO_LONG", limit=_MAX_EMAIL_LENGTH)
    local_part = address.partition("@")[0]
    if (
        not _EMAIL_PATTERN.fullmatch(address)
        or local_part.startswith(".")
        or local_part.endswith(".")
        or ".." in local_part
    ):
        raise InvalidText('Give an e-mail address like "anna@example.com".', "CHARACTERS")
    return address


def is_image_address(text: str) -> bool:
    """Return whether a text is a path on the site of the page ("/anna.png"), or an http(s) address with a host.

    Refused is what a browser reads as an address on another site without naming one: `//host`, and the same with a
    backslash, which browsers take for a slash. So are addresses with a user name, which look like those of another host.
    """
    return _IMAGE_ADDRESS.fullmatch(text) is not None


def search_key(text: str) -> str:
    """Return the key by which names are searched and sorted: no case or style, Cyrillic io as ie, single spaces."""
    return _find_search_key(text) if len(text) <= _MAX_CACHED_LENGTH else _build_search_key(text)


def _build_search_key(text: str) -> str:
    if len(text) <= _MAX_KEY_LENGTH and _PLAIN_TEXT.fullmatch(text):
        return " ".join(text.lower().replace(_IO, _IE).split())
    text = text[:_MAX_KEY_LENGTH]  # normalization sorts combining marks one by one, which takes hours for a million
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace(_IO, _IE)
    return " ".join(folded.split())[:_MAX_KEY_LENGTH]


_find_search_key: Final = lru_cache(maxsize=256)(_build_search_key)  # an import asks for the same names in every row


def _clean(text: str, limit: int, allowed_controls: str) -> str:
    cleaned = text.strip()
    if 0 < len(cleaned) <= limit and _PLAIN_TEXT.fullmatch(cleaned):
        return cleaned
    if (
        len(cleaned) > _MAX_CODE_POINTS_PER_CHARACTER * limit
    ):  # before normalization, which takes hours for a million combining marks
        raise InvalidText("Shorten this to {limit} characters.", "TOO_LONG", limit=limit)
    cleaned = unicodedata.normalize("NFC", cleaned)
    if any(
        (unicodedata.category(char) in _FORBIDDEN_CATEGORIES and char not in allowed_controls)
        or char in _DIRECTION_MARKS
        for char in cleaned
    ):
        raise InvalidText(
            "Take out the characters that cannot be seen: control characters and direction marks.", "CHARACTERS"
        )
    if not any(map(_is_visible, cleaned)):
        raise InvalidText("Write something here.", "REQUIRED")
    if len(cleaned) > _MAX_CODE_POINTS_PER_CHARACTER * limit or _count_characters(cleaned) > limit:
        raise InvalidText("Shorten this to {limit} characters.", "TOO_LONG", limit=limit)
    return cleaned


def _is_visible(char: str) -> bool:
    category = unicodedata.category(char)  # Cn: unknown to this Python's Unicode tables, e.g. new emoji
    return (category[0] in "LNPS" or category in ("Cn", "Co")) and char not in _INVISIBLE_SYMBOLS


def _count_characters(text: str) -> int:
    return sum(
        not (
            unicodedata.category(char)[0] == "M"
            or char == _ZERO_WIDTH_JOINER
            or previous == _ZERO_WIDTH_JOINER
            or ord(char) in _SKIN_TONES
        )
        for previous, char in zip(" " + text, text, strict=False)
    )
