"""Tables of exports: cells with types, and texts that no spreadsheet takes for formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

Cell = str | int | Decimal | date | None

_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
_TEXT_SIGN: Final = "'"  # as spreadsheets mark a text that looks like something else


@dataclass(frozen=True)
class ExportTable:
    """A table to be written to a file: its name, its headers in the language of the viewer, and its cells."""

    name: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def escape_formula(text: str) -> str:
    """Return a text as a cell of CSV: an apostrophe in front of what a spreadsheet would compute."""
    return _TEXT_SIGN + text if text.startswith((*_FORMULA_SIGNS, _TEXT_SIGN)) else text


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` has escaped; others as they are."""
    is_escaped = text.startswith(_TEXT_SIGN) and text[1:].startswith((*_FORMULA_SIGNS, _TEXT_SIGN))
    return text[1:] if is_escaped else text
