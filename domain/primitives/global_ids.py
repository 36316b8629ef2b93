"""Relay global ids: opaque, globally unique texts that encode a type name and a row id."""

from __future__ import annotations

import base64
import binascii
from typing import Final

EXTERNAL: Final = "ext:"  # in inputs, in front of the id that another system gave to a record

LONGEST_EXTERNAL: Final = 400  # code points; the size of the columns

_LONG: Final = frozenset({"Activity", "Alert", "DealWon", "ScoreEntry"})  # types with 64-bit row ids
_LARGEST: Final = 2**31 - 1


def encoded(kind: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def external(text: str) -> str | None:
    """Return the external id after "ext:"; None for other texts and for one that no record can have."""
    found = text.removeprefix(EXTERNAL)
    return found if text.startswith(EXTERNAL) and 0 < len(found) <= LONGEST_EXTERNAL else None


def decoded(text: str) -> tuple[str, int] | None:
    """Return type name and row id; None for an invalid id, or one that no row of the type can have."""
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
