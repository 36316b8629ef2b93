"""Ids as clients see them: globally unique and opaque, one text for a type and a number."""

from __future__ import annotations

import base64
import binascii

EXTERNAL = "ext:"  # in inputs, before the id that another system gave the record


def encoded(kind: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def decoded(text: str) -> tuple[str, int] | None:
    """Return type and number; None for what is not one of our ids."""
    if not text or len(text) > 60 or not text.isascii():
        return None
    try:
        kind, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return None
    plain = kind.isidentifier() and number.isdigit() and len(number) <= 18
    return (kind, int(number)) if plain and encoded(kind, int(number)) == text.rstrip("=") else None
