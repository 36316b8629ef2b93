"""Single values, from variables and literals: what no field could take is refused before it is looked at further."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from domain.errors.operation_errors import BadInput

UNFIT: Final = "This contains characters that cannot be stored: take out null characters and halves of emoji."
TOO_LONG: Final = "This number is too long."
DIGITS: Final = 40  # more than any number of ours has

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_BITS: Final = 128  # about as many digits
_NESTED: Final = 20  # lists and objects within each other
VALUES: Final = 25_000  # 500 records with every field given
_PATH: Final = 100  # characters of a path that are shown


def clean(value: Any) -> Any:
    """Return the variables as they are, when everything in them can be stored.

    raises  BadInput, with the path of what cannot: null characters and lone surrogates, NaN and infinity,
            numbers of absurd length; too deep a nesting, too many values
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
    """Return what is wrong with a single value, whatever it is meant for."""
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
