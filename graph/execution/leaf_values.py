"""Which columns of leaf values stand in a response as they are, without a call for each value."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

MAX_INT: Final = 2**31 - 1
_STRINGS: Final = frozenset({str, type(None)})
_PLAIN_KINDS: Final = {"String": _STRINGS, "ID": _STRINGS, "Boolean": frozenset({bool, type(None)})}


def need_no_coercion(scalar: str, kinds: set[type], values: list[object]) -> bool:
    """Return whether the values of a built-in scalar stand in the response as they are."""
    plain_kinds = _PLAIN_KINDS.get(scalar)
    if plain_kinds is not None:
        return kinds <= plain_kinds
    if scalar == "Int" and kinds == {int}:
        numbers: Any = values
        return bool(min(numbers) >= -MAX_INT and max(numbers) <= MAX_INT)
    if scalar == "Float" and kinds == {float}:
        return all(map(isfinite, values))  # type: ignore[arg-type]
    return False
