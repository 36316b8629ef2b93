"""Converts the arguments of a field to Python: input objects become instances of their classes.

The same as Strawberry's `convert_arguments`, which looks at the types of all fields of an input each time. Here that is
done once for each type.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING
from functools import cache, partial
from typing import Any, TypeAlias, cast

import strawberry
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType

Convert: TypeAlias = Callable[[Any], object]


def convert_arguments(
    schema: strawberry.Schema, arguments: Sequence[StrawberryArgument], given: Mapping[str, object]
) -> dict[str, object]:
    """Return the given arguments by the names of the function's parameters; `given` has them by their GraphQL names."""
    name_of = schema.schema_converter.config.name_converter.from_argument
    converted: dict[str, object] = {}
    for argument in arguments:
        name = name_of(argument)
        if name in given:
            value, input_type = given[name], cast(Hashable, argument.type)
            convert = _converter_of(schema, input_type)
            converted[argument.python_name] = value if convert is None or value is None else convert(value)
    return converted


@cache
def _converter_of(schema: strawberry.Schema, type_: Any) -> Convert | None:
    """Return the function that converts a value of an input type other than null; None if it stays as it is."""
    if isinstance(type_, StrawberryOptional):
        return _converter_of(schema, type_.of_type)
    if isinstance(type_, LazyType):
        return _converter_of(schema, cast(Hashable, type_.resolve_type()))
    if isinstance(type_, StrawberryList):
        # copied, as the library shares a default value between requests
        item = _converter_of(schema, type_.of_type)
        return list if item is None else partial(_convert_items, item)
    registry = schema.schema_converter.scalar_registry
    if is_scalar(type_, registry) or isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_):
        return None
    definition = get_object_definition(type_, strict=True)
    if not definition.is_input or definition.from_input is not None:
        raise TypeError(f"{type_} is no plain input type")
    name_of = schema.schema_converter.config.name_converter.from_field
    nulls = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    types = {field: cast(Hashable, field.resolve_type(type_definition=definition)) for field in definition.fields}
    fields = {
        name_of(field): (field.python_name, _converter_of(schema, input_type)) for field, input_type in types.items()
    }
    return partial(_convert_object, type_, nulls, fields)


def _convert_items(convert: Convert, values: Sequence[object]) -> list[object]:
    return [None if value is None else convert(value) for value in values]


def _convert_object(
    input_class: Callable[..., object],
    nulls: Mapping[str, None],
    fields: Mapping[str, tuple[str, Convert | None]],
    given: Mapping[str, object],
) -> object:
    """Return an instance of an input class.

    nulls   the attributes without a default
    fields  attribute and converter of each field, by its GraphQL name
    """
    values: dict[str, object] = {**nulls}
    for name, value in given.items():
        attribute, convert = fields[name]
        values[attribute] = value if convert is None or value is None or value is strawberry.UNSET else convert(value)
    return input_class(**values)
