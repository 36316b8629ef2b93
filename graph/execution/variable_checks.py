"""Checks variables and literals for values that no field accepts, before any further processing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from domain.errors.operation_errors import BadInput

UNFIT: Final = "This contains characters that cannot be stored: take out null characters and halves of emoji."
TOO_LONG: Final = "This number is too long."
DIGITS: Final = 40  # of a numeric literal; more than any stored number has

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_BITS: Final = 128  # about MAX_DIGITS decimal digits
_NESTED: Final = 20  # levels of lists and objects
VALUES: Final = 25_000  # enough for 500 records with all their fields
_PATH: Final = 100  # characters, in error messages


def clean(value: Any) -> Any:
    """Return the variables unchanged if all their values can be stored.

    Iterates instead of recursing, and takes at most one value more than allowed, so hostile input is cheap to refuse.

    raises  BadInput, with the path of the value: null characters and lone surrogates, NaN and infinity, integers of
            more than 128 bits; too deep nesting, too many values
    """
    left = VALUES
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        each, path, level = waiting.pop()
        left -= 1
        if left < 0:
            raise BadInput(f"Send fewer values: at most {VALUES} in all variables together.", field="variables")
        if isinstance(each, dict | list | tuple):
            if level > _NESTED:
                raise BadInput(f"The variables are nested too deep: at most {_NESTED} levels.", field=_shown(path))
            inner = _inside(each, path)
            waiting.extend((item, where, level + 1) for where, item in islice(inner, left + 1))
        elif wrong := fault(each):
            raise BadInput(wrong, field=_shown(path))
    return value


def fault(value: Any) -> str | None:
    """Return why a single value cannot be stored, as a sentence; None when it can."""
    if isinstance(value, str):
        return UNFIT if _UNSTORABLE.search(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "This is not a finite number."
    if isinstance(value, int):
        return TOO_LONG if value.bit_length() > _BITS else None
    return None


def _inside(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield from ((f"{path}[{place}]", each) for place, each in enumerate(value))
        return
    for name, each in value.items():
        if _UNSTORABLE.search(name):
            raise BadInput(UNFIT, field=_shown(path))
        yield f"{path}.{name}" if path else name, each


def _shown(path: str) -> str:
    return path[:_PATH] or "variables"
