"""Fast-path GraphQL executor: reads plain fields without the library's per-field objects.

Most fields are a column of the row or a small function of it. For each of them graphql-core creates about a
dozen objects before it reads the value, and Strawberry some more. `compile_schema` inspects the fields of the
schema once: a plain leaf is then read and coerced directly, a plain object is entered directly, and a small
function is called as it is. Everything unusual (an argument, an extension, an error, a missing value) falls
back to the library's own path, so the results are the same; a randomized test compares the two executors.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    is_leaf_type,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path, Undefined, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from tortoise.models import Model

PLAN: Final = "scoreline-plan"
_DEFINITION: Final = "strawberry-definition"
_AWAITABLE: Final[dict[type, bool]] = {}


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Return whether a resolver's result must be awaited.

    A Tortoise row has `__await__` but is a finished value. The answer depends on the type alone and is cached by it:
    it is needed for every value of every response.
    """
    kind = type(value)
    found = _AWAITABLE.get(kind)
    if found is None:
        found = _AWAITABLE[kind] = hasattr(kind, "__await__") and not issubclass(kind, Model)
    return found


@dataclass(frozen=True, slots=True)
class Brief:
    """The only part of Strawberry's `Info` that small resolvers use: the context."""

    context: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """How a plain field is resolved.

    read         returns the value from the row and the context
    coerce       serializes a leaf; None for an object
    object_type  the type of an object; None for a leaf
    non_null     whether the field must have a value
    """

    read: Callable[[Any, Any], Any]
    coerce: Callable[[Any], Any] | None
    whole: GraphQLObjectType | None
    needed: bool


def planned(schema: GraphQLSchema) -> None:
    """Attach a `FieldPlan` to every plain field of the schema and make small resolvers its direct resolvers."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name.startswith("__"):
            continue
        for field in kind.fields.values():
            definition = field.extensions.get(_DEFINITION)
            if not isinstance(definition, StrawberryField) or definition.extensions:
                continue
            streamed = definition.is_subscription  # its arguments were used when the stream was created
            read = _event if streamed else None if field.args else _reading(definition)
            if read is None:
                continue
            needed = isinstance(field.type, GraphQLNonNull)
            inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if is_leaf_type(inner):
                field.extensions[PLAN] = Plan(read, inner.coerce_output_value, None, needed)
            elif isinstance(inner, GraphQLObjectType):
                field.extensions[PLAN] = Plan(read, None, inner, needed)
            if definition.base_resolver is not None and not streamed:
                field.resolve = _called(read)


def _event(source: Any, context: Any) -> Any:
    return source


def _reading(field: StrawberryField) -> Callable[[Any, Any], Any] | None:
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
    """Executes a query or mutation, or the events of one subscription.

    The root fields of a subscription are collected once for all its events. The library would collect them for each
    event, and it caches the subfields of a field by the identity of the list of field details: with new lists for
    each event the cache would never hit and grow with every event.
    """

    _root: tuple[GraphQLObjectType, Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._planned: dict[int, tuple[Any, list[tuple[str, list[Any], Any, Plan | None]]]] = {}

    async def event(self, payload: Any) -> ExecutionResult:
        """Return the result for one event of the subscription.

        Runs in a shallow copy of the executor, so that events share its caches but not their root value and errors.
        """
        if self._root is None:
            kind = self.schema.get_root_type(self.operation.operation)
            assert kind is not None, "the stream was created from a field of this type"
            fields, _, _ = collect_fields(
                self.schema, self.fragments, self.variable_values, kind, self.operation, self.hide_suggestions
            )
            self._root = kind, fields
        executor = Executor.__new__(Executor)
        executor.__dict__.update(self.__dict__)
        executor.root_value, executor.collected_errors = payload, CollectedErrors()
        try:
            data = executor.execute_fields(self._root[0], payload, None, self._root[1], None)
            if is_awaitable(data):
                data = await data
        except GraphQLError as error:
            executor.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, executor.collected_errors.errors or None)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Resolve the fields of an object; overrides the library's method, which is called for every object.

        A planned field is read here. If reading or coercing it fails in any way, the library resolves the field again
        from the start, so that errors and missing values are handled and reported only there; reading twice is harmless.
        """
        context = self.context_value
        results: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for name, details, field, plan in self._steps(parent_type, grouped_field_set):
                value = None  # means that the library's own path resolves the field
                if plan is not None:
                    try:
                        value = plan.read(source_value, context)
                        if value is None and not plan.needed:
                            results[name] = None
                            continue
                        waits = _AWAITABLE.get(type(value))
                        if waits is None:
                            waits = is_awaitable(value)
                        if plan.coerce is not None and not waits:
                            coerced = plan.coerce(value)
                            if coerced is not None and coerced is not Undefined:
                                results[name] = coerced
                                continue
                            value = None
                    except Exception:  # noqa: BLE001 - raised again and reported by the library's own path
                        value = None
                here = Path(path, name, parent_type.name)
                if plan is None or value is None or isinstance(value, Exception):
                    result = self.execute_field(parent_type, source_value, details, here, position_context)
                else:
                    result = self._completed(parent_type, field, details, here, value, position_context)
                if result is not Undefined:
                    results[name] = result
                    if is_awaitable(result):
                        waiting.append(name)
        except Exception:
            if waiting:
                self.settle_in_background([results[name] for name in waiting])
            raise
        return _awaited(results, waiting) if waiting else results

    def _steps(self, parent_type: GraphQLObjectType, grouped: Any) -> list[tuple[str, list[Any], Any, Plan | None]]:
        """Return the fields as tuples (response key, field details, definition, plan), cached by the field set."""
        kept = self._planned.get(id(grouped))
        if kept is None:
            steps = []
            for name, details in grouped.items():
                field = parent_type.fields.get(details[0].node.name.value)
                steps.append((name, details, field, field.extensions.get(PLAN) if field else None))
            kept = self._planned[id(grouped)] = grouped, steps  # keeps a reference, so that the id is not reused
        return kept[1]

    def _completed(
        self,
        parent_type: GraphQLObjectType,
        field: GraphQLField,
        details: list[Any],
        path: Path,
        value: Any,
        position_context: Any,
    ) -> Any:
        """Complete a value that is an object or must be awaited; errors are reported at the field's path."""
        whole: Any = field.extensions[PLAN].whole
        if is_awaitable(value):
            info = self.build_resolve_info(field, [each.node for each in details], parent_type, path)
            return self.complete_awaitable_value(field.type, details, info, path, value, position_context)
        # no `is_type_of` of this schema uses the info, and building it is expensive
        no_info: Any = None
        try:
            result: Any = self.complete_object_value(whole, details, no_info, path, value, position_context)
        except Exception as error:  # noqa: BLE001 - every error becomes a field error, as in the library
            self.handle_field_error(error, field.type, details, path)
            return None
        return self._caught(result, field.type, details, path) if is_awaitable(result) else result

    async def _caught(self, result: Awaitable[Any], kind: GraphQLOutputType, details: list[Any], path: Path) -> Any:
        try:
            return await result
        except Exception as error:  # noqa: BLE001 - every error becomes a field error, as in the library
            self.handle_field_error(error, kind, details, path)
            return None


async def _awaited(results: dict[str, Any], waiting: list[str]) -> dict[str, Any]:
    """Await the named results concurrently and put their values in place."""
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
    else:
        found = await gather_with_cancel(*(results[name] for name in waiting))
        results.update(zip(waiting, found, strict=True))
    return results
