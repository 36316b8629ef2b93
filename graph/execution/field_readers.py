"""How the values of a field are read: for all objects of a level at once.

`attach_readers` inspects the fields of the schema once. A reader takes the objects and returns their values in the same
order: a list, or something to await that returns one. A value may itself be awaitable. An error belongs to its object
alone and is a value too, `Raised`.

A plain column is read by one call for all objects. A function of the row and the `info` is called for each object. A
field with a function for many rows (`resolve_many` in its metadata, see graph/base/row_types.py) calls it once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from operator import attrgetter
from types import NoneType
from typing import Any, Final, Protocol, TypeAlias

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    VariableNode,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import default_field_resolver
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.unset import UnsetType

from graph.base.field_declarations import STRAWBERRY_DEFINITION_KEY, resolve_many_of
from graph.execution.input_values import convert_arguments
from resolvers.request.context import RequestContext

READER_KEY: Final = "scoreline-reader"


class Raised:
    """The error that a resolver has raised for one object, in place of its value."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


Values: TypeAlias = list[object]


class FieldInfo(Protocol):
    """What a resolver may ask about its field: the part of `strawberry.Info` that this product uses."""

    @property
    def context(self) -> RequestContext: ...

    @property
    def _raw_info(self) -> GraphQLResolveInfo[object]: ...


class SelectedField(Protocol):
    """A field of an operation: its definition, and its occurrences in the document, which are merged."""

    @property
    def definition(self) -> GraphQLField: ...

    @property
    def details(self) -> FieldDetailsList: ...

    arguments: dict[str, object] | None


class ExecutionState(Protocol):
    """What a reader needs of the execution that calls it."""

    @property
    def variable_values(self) -> VariableValues: ...

    @property
    def hide_suggestions(self) -> bool: ...

    @property
    def strawberry_schema(self) -> strawberry.Schema: ...

    def info(self, field: Any, /) -> FieldInfo: ...


class FieldReader(Protocol):
    """Returns the values of a field for the objects of a level, in their order."""

    def __call__(
        self, sources: Values, execution: ExecutionState, field: SelectedField, /
    ) -> Values | Awaitable[Values]: ...


def attach_readers(schema: GraphQLSchema) -> None:
    """Attach its reader to each field of the schema's own types."""
    for graphql_type in schema.type_map.values():
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType):
            for field in graphql_type.fields.values():
                field.extensions[READER_KEY] = _make_reader(field, schema)


def reader_of(field: GraphQLField) -> FieldReader:
    reader: FieldReader | None = field.extensions.get(READER_KEY)
    return reader or _read_by_library  # `__schema`, `__type` and `__typename` belong to no type of the schema


def _make_reader(field: GraphQLField, schema: GraphQLSchema) -> FieldReader:
    definition = field.extensions.get(STRAWBERRY_DEFINITION_KEY)
    if not isinstance(definition, StrawberryField):
        return _read_by_library
    if definition.extensions:
        return _mutation_reader(definition)
    if definition.is_subscription:  # its function was called when the stream was created: an object is an event
        return _read_event
    resolve_many = resolve_many_of(definition)
    if resolve_many is not None:
        return partial(_read_many, resolve_many)
    resolver = definition.base_resolver
    if resolver is None:
        return partial(_read_attribute, attrgetter(definition.python_name))
    function: Any = resolver.wrapped_func
    function = function.__func__ if isinstance(function, staticmethod) else function
    if definition.arguments:
        return partial(_read_with_arguments, _adapt(resolver, function), definition)
    names = list(resolver.signature.parameters)
    if len(names) == 1 and resolver.info_parameter is None:
        return partial(_read_attribute, function)  # a function of the row alone
    if len(names) == 2 and resolver.info_parameter is not None and names[1] == resolver.info_parameter.name:
        return partial(_read_with_info, function)
    return partial(_read_with_arguments, _adapt(resolver, function), definition)


def _read_event(sources: Values, execution: ExecutionState, field: SelectedField) -> Values:
    return sources


def _read_attribute(
    get: Callable[[object], object], sources: Values, execution: ExecutionState, field: SelectedField
) -> Values:
    try:
        return list(map(get, sources))
    except Exception:  # noqa: BLE001 - read again one by one, to find whose error it is; reading twice is harmless
        return [_call(get, source) for source in sources]


def _call(get: Callable[[object], object], source: object) -> object:
    try:
        return get(source)
    except Exception as error:  # noqa: BLE001 - becomes the error of this field
        return Raised(error)


def _read_with_info(
    function: Callable[[object, FieldInfo], object], sources: Values, execution: ExecutionState, field: SelectedField
) -> Values:
    info = execution.info(field)
    values: Values = []
    for source in sources:
        try:
            values.append(function(source, info))
        except Exception as error:  # noqa: BLE001 - becomes the error of this field
            values.append(Raised(error))
    return values


ResolveMany: TypeAlias = Callable[[Sequence[object], FieldInfo], Values | Awaitable[Values]]


def _read_many(
    resolve_many: ResolveMany, sources: Values, execution: ExecutionState, field: SelectedField
) -> Values | Awaitable[Values]:
    try:
        return resolve_many(sources, execution.info(field))
    except Exception as error:  # noqa: BLE001 - becomes the error of this field
        return [Raised(error) for _ in sources]


CallWithArguments: TypeAlias = Callable[[object, FieldInfo, dict[str, object]], object]


def _read_with_arguments(
    call: CallWithArguments,
    definition: StrawberryField,
    sources: Values,
    execution: ExecutionState,
    field: SelectedField,
) -> Values:
    info = execution.info(field)
    try:
        arguments = _convert_arguments(definition, execution, field)
    except Exception as error:  # noqa: BLE001 - becomes the error of this field
        return [Raised(error) for _ in sources]
    values: Values = []
    for source in sources:
        try:
            values.append(call(source, info, arguments))
        except Exception as error:  # noqa: BLE001 - becomes the error of this field
            values.append(Raised(error))
    return values


def _convert_arguments(
    definition: StrawberryField, execution: ExecutionState, field: SelectedField
) -> dict[str, object]:
    """Return the arguments by the names of the function's parameters; inputs are instances of their classes."""
    if field.arguments is not None:
        return field.arguments
    values = _given_arguments(execution, field)
    converted = convert_arguments(execution.strawberry_schema, definition.arguments, values)
    if _are_constant(field, converted):
        field.arguments = converted
    return converted


def _are_constant(field: SelectedField, converted: Mapping[str, object]) -> bool:
    """Return whether all executions pass these arguments: no variable, and no value that could be changed."""
    return all(
        is_leaf_type(get_nullable_type(field.definition.args[node.name.value].type))
        and not isinstance(node.value, VariableNode)
        for node in field.details[0].node.arguments or ()
    ) and all(isinstance(value, _UNCHANGEABLE) for value in converted.values())


_UNCHANGEABLE: Final = (str, int, float, Decimal, date, Enum, NoneType, UnsetType)  # `date` includes times


def _mutation_reader(definition: StrawberryField) -> FieldReader:
    """Return the reader of a field with an extension that wraps its resolver."""
    resolver = definition.base_resolver
    assert resolver is not None
    function: Any = resolver.wrapped_func
    call = _adapt(resolver, function.__func__ if isinstance(function, staticmethod) else function)
    [extension] = definition.extensions

    def call_resolver(source: object, info: FieldInfo, **arguments: object) -> object:
        return call(source, info, arguments)

    def call_extension(source: object, info: FieldInfo, arguments: dict[str, object]) -> object:
        return extension.resolve_async(call_resolver, source, info, **arguments)  # type: ignore[arg-type]

    return partial(_read_with_arguments, call_extension, definition)


def _given_arguments(execution: ExecutionState, field: SelectedField) -> dict[str, object]:
    details = field.details[0]
    if not (field.definition.args or details.node.arguments):
        return {}
    values: dict[str, object] = get_argument_values(
        field.definition,
        details.node,
        execution.variable_values,
        details.fragment_variable_values,
        execution.hide_suggestions,
    )
    return values


def _adapt(resolver: StrawberryResolver[object], function: Callable[..., object]) -> CallWithArguments:
    """Return a function (object, info, arguments) that passes each to the resolver's own parameters."""
    source_parameter = resolver.parent_parameter or resolver.root_parameter
    source_name = source_parameter.name if source_parameter else None
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    takes_self = resolver.self_parameter is not None

    def call(source: object, info: FieldInfo, arguments: dict[str, object]) -> object:
        named = dict(arguments)
        if source_name is not None:
            named[source_name] = source
        if info_name is not None:
            named[info_name] = info
        return function(source, **named) if takes_self else function(**named)

    return call


def _read_by_library(sources: Values, execution: ExecutionState, field: SelectedField) -> Values:
    """Call the field's resolver as the library does: for introspection."""
    resolve = field.definition.resolve or default_field_resolver
    info: GraphQLResolveInfo[object] = execution.info(field)._raw_info
    try:
        arguments = _given_arguments(execution, field)
    except Exception as error:  # noqa: BLE001 - becomes the error of this field
        return [Raised(error) for _ in sources]
    values: Values = []
    for source in sources:
        try:
            values.append(resolve(source, info, **arguments))
        except Exception as error:  # noqa: BLE001 - becomes the error of this field
            values.append(Raised(error))
    return values
