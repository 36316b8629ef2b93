"""Which columns of leaf values stand in a response as they are, without a call for each value."""

from __future__ import annotations

from functools import cache
from math import isfinite
from typing import Any, Final

from strawberry.schema.schema_converter import CustomGraphQLEnumType

MAX_INT: Final = 2**31 - 1
_STRINGS: Final = frozenset({str, type(None)})
_PLAIN_KINDS: Final = {"String": _STRINGS, "ID": _STRINGS, "Boolean": frozenset({bool, type(None)})}


def enum_names(graphql_type: object) -> dict[Any, str] | None:
    """Return the names in the response of the members of an enum, by member; None for another type."""
    if not isinstance(graphql_type, CustomGraphQLEnumType):
        return None
    return _enum_names(graphql_type)


@cache
def _enum_names(graphql_type: CustomGraphQLEnumType) -> dict[Any, str]:
    members: Any = graphql_type.wrapped_cls
    return {member: graphql_type.coerce_output_value(member) for member in members}


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
