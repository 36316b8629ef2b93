"""Relay global ids: opaque, globally unique texts that encode a type name and a row id."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from functools import lru_cache
from typing import Final

EXTERNAL_ID_PREFIX: Final = "ext:"  # in inputs, in front of the id that another system gave to a record

MAX_EXTERNAL_ID_LENGTH: Final = 400  # code points; the size of the columns

_BIGINT_TYPES: Final = frozenset({"Activity", "Alert", "DealWon", "ScoreEntry"})  # types with 64-bit row ids
_MAX_INT32: Final = 2**31 - 1


@lru_cache(maxsize=4_096)
def encode_global_id(type_name: str, row_id: int) -> str:
    # The bytes of names, digits and colons give neither of the two characters in which the URL-safe alphabet differs.
    return binascii.b2a_base64(f"{type_name}:{row_id}".encode(), newline=False).decode().rstrip("=")


def normalize_external_id(text: str) -> str | None:
    """Return an id of another system as it is stored: in NFC, without surrounding spaces; None if none can be so."""
    external_id = text.strip()
    if not 0 < len(external_id) <= MAX_EXTERNAL_ID_LENGTH:
        return None
    return unicodedata.normalize("NFC", external_id)


def parse_external_id(text: str) -> str | None:
    """Return the external id after "ext:", as it is stored; None for other texts, and if no record can have it."""
    return normalize_external_id(text.removeprefix(EXTERNAL_ID_PREFIX)) if text.startswith(EXTERNAL_ID_PREFIX) else None


@lru_cache(maxsize=4_096)
def decode_global_id(text: str) -> tuple[str, int] | None:
    """Return type name and row id; None for an invalid id, or one that no row of the type can have."""
    if not text or len(text) > 60 or not text.isascii():
        return None
    try:
        type_name, _, row_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return None
    if not (type_name.isidentifier() and row_id.isdigit() and len(row_id) <= 18):
        return None
    is_valid = encode_global_id(type_name, int(row_id)) == text.rstrip("=") and (
        type_name in _BIGINT_TYPES or int(row_id) <= _MAX_INT32
    )
    return (type_name, int(row_id)) if is_valid else None
