"""Fast-path GraphQL executor: reads plain fields without the library's per-field objects.

Most fields are a column of the row or a small function of it. For each of them graphql-core creates about a
dozen objects before it reads the value, and Strawberry some more. `compile_schema` inspects the fields of the
schema once: a plain leaf is then read and coerced directly, a plain object is entered directly, and a small
function is called as it is. Everything unusual (an argument, an extension, an error, a missing value) falls
back to the library's own path, so the results are the same; a randomized test compares the two executors.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    is_leaf_type,
)
from graphql.execution import executor as library_executor
from graphql.execution.collect_fields import DeferUsage, FieldDetailsList, GroupedFieldSet, collect_fields
from graphql.execution.executor import CollectedErrors
from graphql.execution.incremental.incremental_executor import DeliveryGroup
from graphql.pyutils import AwaitableOrValue, Path, RefMap, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from graph.base.field_declarations import STRAWBERRY_DEFINITION_KEY
from models.db.row_store import TableRow
from resolvers.request.context import RequestContext

PositionContext: TypeAlias = RefMap[DeferUsage, DeliveryGroup] | None

PLAN_KEY: Final = "scoreline-plan"
_AWAITABLE_TYPES: Final[dict[type, bool]] = {}


def is_awaitable(value: object) -> TypeGuard[Awaitable[object]]:
    """Return whether a resolver's result must be awaited.

    A Tortoise row has `__await__` but is a finished value. The answer depends on the type alone and is cached by it:
    it is needed for every value of every response.
    """
    value_type = type(value)
    awaitable = _AWAITABLE_TYPES.get(value_type)
    if awaitable is None:
        awaitable = _AWAITABLE_TYPES[value_type] = hasattr(value_type, "__await__") and not issubclass(
            value_type, TableRow
        )
    return awaitable


@dataclass(frozen=True, slots=True)
class MinimalInfo:
    """The only part of Strawberry's `Info` that small resolvers use: the context."""

    context: RequestContext


Reader: TypeAlias = Callable[[object, RequestContext], object]


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How a plain field is resolved.

    read         returns the value from the row and the context
    coerce       serializes a leaf; None for an object
    object_type  the type of an object; None for a leaf
    non_null     whether the field must have a value
    """

    read: Reader
    coerce: Callable[[object], object] | None
    object_type: GraphQLObjectType | None
    non_null: bool


FieldStep: TypeAlias = tuple[str, FieldDetailsList, GraphQLField, FieldPlan | None]


def compile_schema(schema: GraphQLSchema) -> None:
    """Attach a `FieldPlan` to every plain field of the schema and make small resolvers its direct resolvers."""
    for graphql_type in schema.type_map.values():
        if not isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType) or graphql_type.name.startswith("__"):
            continue
        for field in graphql_type.fields.values():
            definition = field.extensions.get(STRAWBERRY_DEFINITION_KEY)
            if not isinstance(definition, StrawberryField) or definition.extensions:
                continue
            is_stream = definition.is_subscription  # its arguments were used when the stream was created
            read = _identity if is_stream else None if field.args else _compile_reader(definition)
            if read is None:
                continue
            non_null = isinstance(field.type, GraphQLNonNull)
            nullable_type = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if is_leaf_type(nullable_type):
                field.extensions[PLAN_KEY] = FieldPlan(read, nullable_type.coerce_output_value, None, non_null)
            elif isinstance(nullable_type, GraphQLObjectType):
                field.extensions[PLAN_KEY] = FieldPlan(read, None, nullable_type, non_null)
            if definition.base_resolver is not None and not is_stream:
                field.resolve = _make_resolver(read)


def _identity(source: object, context: RequestContext) -> object:
    return source


def _compile_reader(field: StrawberryField) -> Reader | None:
    if field.base_resolver is None:
        name = field.python_name
        return lambda source, context: getattr(source, name)
    function: Any = field.base_resolver.wrapped_func
    function = function.__func__ if isinstance(function, staticmethod) else function
    parameter_names = list(inspect.signature(function).parameters)
    if parameter_names == ["root"]:
        return lambda source, context: function(source)
    if parameter_names == ["root", "info"]:
        return lambda source, context: function(source, MinimalInfo(context))
    return None


def _make_resolver(read: Reader) -> Callable[[object, GraphQLResolveInfo[RequestContext]], object]:
    return lambda source, info: read(source, info.context)


class FastExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes a query or mutation, or the events of one subscription.

    The root fields of a subscription are collected once for all its events. The library would collect them for each
    event, and it caches the subfields of a field by the identity of the list of field details: with new lists for
    each event the cache would never hit and grow with every event.
    """

    _root_fields: tuple[GraphQLObjectType, GroupedFieldSet] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._steps_by_field_set: dict[int, tuple[GroupedFieldSet, list[FieldStep]]] = {}

    async def execute_event(self, payload: object) -> ExecutionResult:
        """Return the result for one event of the subscription.

        Runs in a shallow copy of the executor, so that events share its caches but not their root value and errors.
        """
        if self._root_fields is None:
            root_type = self.schema.get_root_type(self.operation.operation)
            assert root_type is not None, "the stream was created from a field of this type"
            fields, _, _ = collect_fields(
                self.schema, self.fragments, self.variable_values, root_type, self.operation, self.hide_suggestions
            )
            self._root_fields = root_type, fields
        executor = FastExecutor.__new__(FastExecutor)
        executor.__dict__.update(self.__dict__)
        executor.root_value, executor.collected_errors = payload, CollectedErrors()
        try:
            data: Any = executor.execute_fields(self._root_fields[0], payload, None, self._root_fields[1], None)
            if is_awaitable(data):
                data = await data
        except GraphQLError as error:
            executor.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, executor.collected_errors.errors or None)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: object,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: PositionContext,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Resolve the fields of an object; overrides the library's method, which is called for every object.

        A planned field is read here. If reading or coercing it fails in any way, the library resolves the field again
        from the start, so that errors and missing values are handled and reported only there; reading twice is harmless.
        """
        context = self.context_value
        results: dict[str, Any] = {}
        awaitable_names: list[str] = []
        try:
            for name, field_details, field, plan in self._field_steps(parent_type, grouped_field_set):
                value = None  # means that the library's own path resolves the field
                if plan is not None:
                    try:
                        value = plan.read(source_value, context)
                        if value is None and not plan.non_null:
                            results[name] = None
                            continue
                        must_await = _AWAITABLE_TYPES.get(type(value))
                        if must_await is None:
                            must_await = is_awaitable(value)
                        if plan.coerce is not None and not must_await:
                            coerced = plan.coerce(value)
                            if coerced is not None and coerced is not Undefined:
                                results[name] = coerced
                                continue
                            value = None
                    except Exception:  # noqa: BLE001 - raised again and reported by the library's own path
                        value = None
                field_path = Path(path, name, parent_type.name)
                if plan is None or value is None or isinstance(value, Exception):
                    result = self.execute_field(parent_type, source_value, field_details, field_path, position_context)
                else:
                    result = self._complete_planned_value(
                        parent_type, field, field_details, field_path, value, position_context
                    )
                if result is not Undefined:
                    results[name] = result
                    if is_awaitable(result):
                        awaitable_names.append(name)
        except Exception:
            if awaitable_names:
                self.settle_in_background([results[name] for name in awaitable_names])
            raise
        return _await_results(results, awaitable_names) if awaitable_names else results

    def _field_steps(self, parent_type: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> list[FieldStep]:
        """Return the fields as tuples (response key, field details, definition, plan), cached by the field set."""
        cached = self._steps_by_field_set.get(id(grouped_field_set))
        if cached is None:
            steps = []
            for name, field_details in grouped_field_set.items():
                field = parent_type.fields.get(field_details[0].node.name.value)
                steps.append((name, field_details, field, field.extensions.get(PLAN_KEY) if field else None))
            cached = self._steps_by_field_set[id(grouped_field_set)] = (
                grouped_field_set,
                steps,
            )  # keeps a reference, so that the id is not reused
        return cached[1]

    def _complete_planned_value(
        self,
        parent_type: GraphQLObjectType,
        field: GraphQLField,
        field_details: FieldDetailsList,
        path: Path,
        value: object,
        position_context: PositionContext,
    ) -> object:
        """Complete a value that is an object or must be awaited; errors are reported at the field's path."""
        object_type: Any = field.extensions[PLAN_KEY].object_type
        if is_awaitable(value):
            info = self.build_resolve_info(field, [detail.node for detail in field_details], parent_type, path)
            return self.complete_awaitable_value(field.type, field_details, info, path, value, position_context)
        # no `is_type_of` of this schema uses the info, and building it is expensive
        no_info: Any = None
        try:
            result = self.complete_object_value(object_type, field_details, no_info, path, value, position_context)
        except Exception as error:  # noqa: BLE001 - every error becomes a field error, as in the library
            self.handle_field_error(error, field.type, field_details, path)
            return None
        return self._await_or_report_error(result, field.type, field_details, path) if is_awaitable(result) else result

    async def _await_or_report_error(
        self, result: Awaitable[object], return_type: GraphQLOutputType, field_details: FieldDetailsList, path: Path
    ) -> object:
        try:
            return await result
        except Exception as error:  # noqa: BLE001 - every error becomes a field error, as in the library
            self.handle_field_error(error, return_type, field_details, path)
            return None


async def await_all(*awaitables: Awaitable[Any]) -> list[Any]:
    """Await concurrently and return the values in order; after an error or a cancellation, cancel the others.

    The library's function may cancel a task before its first step. The coroutines that the task was about to await are
    then lost, and Python warns of each of them: it happens when a client leaves at the wrong moment. A cancelled
    `asyncio.wait` does not touch the tasks, and by the time it raises, all of them have had their first step.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        _, unfinished = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        unfinished = set(tasks)
        raise
    finally:
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.gather(*unfinished, return_exceptions=True)
    errors = [task.exception() for task in tasks if task not in unfinished]  # asked of all, or asyncio logs the others
    for error in errors:
        if error is not None:
            raise error
    return [task.result() for task in tasks]


# lists are awaited by the library itself
library_executor.gather_with_cancel = await_all  # type: ignore[attr-defined]


async def _await_results(results: dict[str, Any], awaitable_names: list[str]) -> dict[str, Any]:
    """Await the named results concurrently and put their values in place."""
    if len(awaitable_names) == 1:
        results[awaitable_names[0]] = await results[awaitable_names[0]]
    else:
        values = await await_all(*(results[name] for name in awaitable_names))
        results.update(zip(awaitable_names, values, strict=True))
    return results
