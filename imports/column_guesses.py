"""Tells from its header and cells whether a column seems to hold money, days, people or currencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from domain.messages import Message
from domain.primitives.money import is_known_currency
from domain.primitives.text import search_key
from imports.vocabulary import CURRENCY_SIGNS, HEADER_WORDS, PATTERNS

_MONEY: Final = Message("money")
_DAYS: Final = Message("days or times")
_PEOPLE: Final = Message("people")
_CURRENCIES: Final = Message("currencies")

_HEADER_WORDS: Final = tuple(
    (subject, tuple(HEADER_WORDS[name]))
    for subject, name in ((_CURRENCIES, "currencies"), (_MONEY, "money"), (_DAYS, "days"), (_PEOPLE, "people"))
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_MONEY_CELL: Final = re.compile(
    rf"[{CURRENCY_SIGNS}]\s?[-+]?\d[\d\s.,']*|[-+]?\d[\d\s.,']*\s?(?:[{CURRENCY_SIGNS}]|{PATTERNS['money_suffix']}|[A-Z]{{3}})"
    r"|[-+]?\d{1,3}(?:[\s,.']\d{3})*[.,]\d{2}"
)
_DAY_CELL: Final = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})(?:[ T,].*)?")


def guess_subject(header: str, cells: Sequence[str], employee_keys: frozenset[str] = frozenset()) -> Message | None:
    """Return what a column seems to hold that matters to every import: money, days, people or currencies.

    employee_keys  the search keys of the employees' names
    """
    if not cells:
        return None
    if all(_MONEY_CELL.fullmatch(cell) for cell in cells):
        return _MONEY
    if all(_DAY_CELL.fullmatch(cell) for cell in cells):
        return _DAYS
    if all(is_known_currency(cell) or cell in CURRENCY_SIGNS for cell in cells):
        return _CURRENCIES
    if all(search_key(cell) in employee_keys for cell in cells):
        return _PEOPLE
    words = _WORD.findall(header.casefold())
    return next(
        (
            subject
            for subject, beginnings in _HEADER_WORDS
            if any(word.startswith(beginning) for word in words for beginning in beginnings)
        ),
        None,
    )
