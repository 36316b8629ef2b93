"""Ids as clients see them: globally unique and opaque, one text for a type and a number."""

from __future__ import annotations

import base64
import binascii
from typing import Final

EXTERNAL: Final = "ext:"  # in inputs, before the id that another system gave the record

LONGEST_EXTERNAL: Final = 400  # code points; the columns that hold them end there

_LONG: Final = frozenset(
    {"Activity", "Alert", "DealWon", "ScoreEntry"}
)  # whose rows are numbered beyond what 32 bits hold
_LARGEST: Final = 2**31 - 1


def encoded(kind: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def external(text: str) -> str | None:
    """Return the id of another system that is meant; None for one of our own, and for one that no record can have."""
    found = text.removeprefix(EXTERNAL)
    return found if text.startswith(EXTERNAL) and 0 < len(found) <= LONGEST_EXTERNAL else None


def decoded(text: str) -> tuple[str, int] | None:
    """Return type and number; None for what is not one of our ids, or has a number that no row of that type can have."""
    if not text or len(text) > 60 or not text.isascii():
        return None
    try:
        kind, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return None
    if not (kind.isidentifier() and number.isdigit() and len(number) <= 18):
        return None
    known = encoded(kind, int(number)) == text.rstrip("=") and (kind in _LONG or int(number) <= _LARGEST)
    return (kind, int(number)) if known else None
