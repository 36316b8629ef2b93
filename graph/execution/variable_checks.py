"""Checks variables and literals for values that no field accepts, before any further processing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from domain.errors.operation_errors import BadInput
from domain.messages import gettext_noop

Variables = TypeVar("Variables")

UNSTORABLE_CHARACTERS: Final = gettext_noop(
    "This contains characters that cannot be stored: take out null characters and halves of emoji."
)
NUMBER_TOO_LONG: Final = gettext_noop("This number is too long.")
MAX_DIGITS: Final = 40  # of a numeric literal; more than any stored number has

_MAX_INTEGER_BITS: Final = 128  # about MAX_DIGITS decimal digits
_MAX_NESTING: Final = 20  # levels of lists and objects
MAX_VALUES: Final = 25_000  # enough for 500 records with all their fields
_MAX_PATH_LENGTH: Final = 100  # characters, in error messages


def validate_variables(variables: Variables) -> Variables:
    """Return the variables unchanged if all their values can be stored.

    Iterates instead of recursing, and takes at most one value more than allowed, so hostile input is cheap to refuse.

    raises  BadInput, with the path of the value: null characters and lone surrogates, NaN and infinity, integers of
            more than 128 bits; too deep nesting, too many values
    """
    remaining = MAX_VALUES
    pending: list[tuple[object, str, int]] = [(variables, "", 0)]
    while pending:
        value, path, level = pending.pop()
        remaining -= 1
        if remaining < 0:
            raise BadInput(
                "Send fewer values: at most {most} in all variables together.", field="variables", most=MAX_VALUES
            )
        if isinstance(value, dict | list | tuple):
            if level > _MAX_NESTING:
                raise BadInput(
                    "The variables are nested too deep: at most {most} levels.",
                    field=_shorten_path(path),
                    most=_MAX_NESTING,
                )
            children = _iterate_children(value, path)
            pending.extend((item, item_path, level + 1) for item_path, item in islice(children, remaining + 1))
        elif problem := scalar_error(value):
            raise BadInput(problem, field=_shorten_path(path))
    return variables


def scalar_error(value: object) -> str | None:
    """Return why a single value cannot be stored, as a sentence to translate; None when it can."""
    if isinstance(value, str):
        return None if _is_storable(value) else UNSTORABLE_CHARACTERS
    if isinstance(value, float):
        return None if math.isfinite(value) else gettext_noop("This is not a finite number.")
    if isinstance(value, int):
        return NUMBER_TOO_LONG if value.bit_length() > _MAX_INTEGER_BITS else None
    return None


def _is_storable(text: str) -> bool:
    """Return whether a text has neither null characters nor lone surrogates; fast, as a client may send a megabyte."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _iterate_children(value: dict[str, object] | Sequence[object], path: str) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        yield from ((f"{path}[{index}]", element) for index, element in enumerate(value))
        return
    for name, item in value.items():
        if not _is_storable(name):
            raise BadInput(UNSTORABLE_CHARACTERS, field=_shorten_path(path))
        yield f"{path}.{name}" if path else name, item


def _shorten_path(path: str) -> str:
    return path[:_MAX_PATH_LENGTH] or "variables"
