"""Executing an operation without paying for what our fields do not use.

Most fields are a column of the row, or a small function of it. GraphQL's executor makes a dozen
objects for each before it gets there, Strawberry some more. Here the schema's fields are looked at once:
a plain leaf is read and coerced at once, a small function is called as it is. Whatever is unusual (an
argument, an extension, an error, a missing value) goes the executor's own way, so the results are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from graphql import (
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    is_leaf_type,
)
from graphql.pyutils import Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from tortoise.models import Model

PLAN: Final = "scoreline-plan"
_ROOT: Final[Any] = "root"  # in place of the type and the list by which the library remembers
_DEFINITION: Final = "strawberry-definition"
_AWAITABLE: Final[dict[type, bool]] = {}


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Return whether a resolver's result is to be awaited: a row is not, though Tortoise lets it be."""
    kind = type(value)
    found = _AWAITABLE.get(kind)
    if found is None:
        found = _AWAITABLE[kind] = hasattr(kind, "__await__") and not issubclass(kind, Model)
    return found


@dataclass(frozen=True, slots=True)
class Brief:
    """What our small resolvers use of Strawberry's info."""

    context: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """How a leaf is read: from the row and the context, and as what it is coerced."""

    read: Callable[[Any, Any], Any]
    leaf: GraphQLLeafType
    needed: bool


def planned(schema: GraphQLSchema) -> None:
    """Look at every field once: note how a plain leaf is read, and call small resolvers as they are."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name.startswith("__"):
            continue
        for field in kind.fields.values():
            definition = field.extensions.get(_DEFINITION)
            if not isinstance(definition, StrawberryField) or definition.extensions or field.args:
                continue
            read = _reading(definition)
            if read is None:
                continue
            needed = isinstance(field.type, GraphQLNonNull)
            inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if is_leaf_type(inner):
                field.extensions[PLAN] = Plan(read, inner, needed)
            if definition.base_resolver is not None:
                field.resolve = _called(read)


def _reading(field: StrawberryField) -> Callable[[Any, Any], Any] | None:
    if field.is_subscription:
        return None
    if field.base_resolver is None:
        name = field.python_name
        return lambda source, context: getattr(source, name)
    function: Any = field.base_resolver.wrapped_func
    function = function.__func__ if isinstance(function, staticmethod) else function
    names = list(inspect.signature(function).parameters)
    if names == ["root"]:
        return lambda source, context: function(source)
    if names == ["root", "info"]:
        return lambda source, context: function(source, Brief(context))
    return None


def _called(read: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda source, info: read(source, info.context)


class Executor(StrawberryGraphQLCoreExecutionContext):
    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: Any,
        serially: bool,
        new_defer_usages: Any,
    ) -> Any:
        """Take the fields that the first event of a stream collected: the executors of its events share what they collect.

        The library remembers what is below a field by the very list it was collected in. Of lists that are
        made anew for each event it would find none again, and let go of none.
        """
        kept: dict[Any, Any] = self._relevant_sub_fields
        fields = kept.setdefault(_ROOT, grouped_field_set)
        return super().execute_collected_root_fields(root_type, root_value, fields, serially, new_defer_usages)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[Any],
        path: Path,
        position_context: Any,
    ) -> Any:
        field = parent_type.fields.get(field_details_list[0].node.name.value)
        plan = field.extensions.get(PLAN) if field else None
        if plan is not None and field is not None:
            try:
                value = plan.read(source, self.context_value)
                if value is None and not plan.needed:
                    return None
                if not self.is_awaitable(value):
                    coerced = plan.leaf.coerce_output_value(value)
                    if coerced is not None and coerced is not Undefined:
                        return coerced
                else:
                    nodes = [each.node for each in field_details_list]
                    info = self.build_resolve_info(field, nodes, parent_type, path)
                    return self.complete_awaitable_value(
                        field.type, field_details_list, info, path, value, position_context
                    )
            except Exception:  # noqa: BLE001, S110 - it is met again, and told in the executor's way
                pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)
