"""Words and letters of other languages that an import recognizes in files, read from `vocabulary.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from babel.dates import get_month_names

from domain.i18n.languages import LANGUAGES

_VOCABULARY: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

HEADER_WORDS: Final[Mapping[str, Sequence[str]]] = _VOCABULARY["headers"]
CURRENCY_BY_SIGN: Final[Mapping[str, str]] = _VOCABULARY["currency_signs"]
CURRENCY_SIGNS: Final = "".join([*CURRENCY_BY_SIGN, *_VOCABULARY["shared_currency_signs"]])
PATTERNS: Final[Mapping[str, str]] = _VOCABULARY["patterns"]
COMPANY_NAMES: Final[frozenset[str]] = frozenset(_VOCABULARY["names"]["company"])
# in the languages of the product: small letters, without a full stop
MONTH_NAMES: Final[Mapping[str, int]] = {
    name.casefold().rstrip("."): month
    for language in LANGUAGES.values()
    for width in ("wide", "abbreviated")
    for context in ("format", "stand-alone")
    for month, name in get_month_names(width, context, language.locale).items()
} | _VOCABULARY["names"]["months"]
FOLDED_LETTERS: Final = str.maketrans(_VOCABULARY["letters"]["folded"])
CYRILLIC_LETTERS: Final[frozenset[str]] = frozenset(_VOCABULARY["letters"]["cyrillic"])
LETTER_FREQUENCIES: Final[Mapping[str, int]] = _VOCABULARY["letters"]["frequencies"]
LATIN_LOOKALIKES: Final[Mapping[int, str]] = {
    ord(letter): latin
    for table in _VOCABULARY["lookalikes"]
    for letter, latin in zip(table["letters"], table["latin"], strict=True)
}
