"""Compares the headers of a file with the words under which exports have each field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

from domain.primitives.money import is_known_currency
from domain.primitives.text import search_key
from imports.map_guess.header_words import ENTITY_WORDS, HEADERS_BY_KIND, UNCERTAIN_CURRENCIES
from imports.vocabulary import CURRENCY_BY_SIGN

EXACT: Final = 0.95
_WITH_ENTITY: Final = 0.9  # "Deal owner" of deals
_PARTIAL: Final = 0.8  # of which the share of the header's words counts that are those of the field
_CAMEL_CASE: Final = re.compile(
    r"(?<=[a-z\u0430-\u044f\u0451\d])(?=[A-Z\u0410-\u042f\u0401])"
)  # the ranges are Cyrillic
_SIGNS: Final = re.compile(r"[^\w№]+|_+")
_WORD: Final = re.compile(r"\w+")
_UPPER_CASE_WORD: Final = re.compile(r"\b[A-Z]{3}\b")


def normalize_header(header: str) -> str:
    """Return the words of a header in small letters, with single spaces and without signs."""
    return " ".join(_SIGNS.sub(" ", search_key(_CAMEL_CASE.sub(" ", header[:200]))).split())


def rate_header(header: str, kind: str, field: str) -> float:
    """Return how sure it is that a header names a field of a kind, from 0 to 0.95."""
    words = _drop_currency(header)
    text = " ".join(words)
    if not words:
        return 0.0
    phrases = _phrases(kind, field)
    if text in phrases:
        return EXACT
    own_words = ENTITY_WORDS[kind]
    plain = [word for word in words if word not in own_words]
    if plain and len(plain) < len(words) and " ".join(plain) in phrases:
        return _WITH_ENTITY
    if field != "client" and _names_other_entity(plain, kind):
        return 0.0
    contained = max((len(phrase.split()) for phrase in phrases if f" {phrase} " in f" {' '.join(plain)} "), default=0)
    return _PARTIAL * contained / len(words)


def rate_kind_by_name(name: str, kind: str) -> bool:
    """Return whether a file or sheet has words of a kind in its name."""
    return not ENTITY_WORDS[kind].isdisjoint(normalize_header(re.sub(r"\d+", " ", name)).split())


def count_known_headers(names: Sequence[str]) -> int:
    """Return how many headers name a field of any kind, to tell a header from other rows."""
    return sum(
        " ".join(words) in _ALL_PHRASES
        or " ".join(word for word in words if word not in _ALL_ENTITY_WORDS) in _ALL_PHRASES
        for words in map(_drop_currency, names)
    )


def find_currency(header: str) -> str | None:
    """Return the currency that a header names beyond doubt: `Amount (EUR)`, `Budget, ₽`; not `$`."""
    codes = {word for word in _UPPER_CASE_WORD.findall(header) if is_known_currency(word)}
    codes |= {code for sign, code in CURRENCY_BY_SIGN.items() if sign in header}
    return codes.pop() if len(codes) == 1 else None


@lru_cache(maxsize=4096)
def _drop_currency(header: str) -> list[str]:
    """Return the words of a header without a currency."""
    currencies = {*UNCERTAIN_CURRENCIES, (find_currency(header) or "").casefold()}
    return [word for word in normalize_header(header).split() if word not in currencies]


def _names_other_entity(words: Sequence[str], kind: str) -> bool:
    return any(word in entity for other, entity in ENTITY_WORDS.items() if other != kind for word in words)


@cache
def _phrases(kind: str, field: str) -> frozenset[str]:
    return frozenset(map(normalize_header, HEADERS_BY_KIND[kind].get(field, ())))


_ALL_PHRASES: Final = frozenset(
    phrase for kind, fields in HEADERS_BY_KIND.items() for field in fields for phrase in _phrases(kind, field)
)
_ALL_ENTITY_WORDS: Final = frozenset(word for words in ENTITY_WORDS.values() for word in words)
