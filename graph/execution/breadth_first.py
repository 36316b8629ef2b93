"""Executes an operation breadth first: each selected field once for all objects of a level, instead of once per object.

A level is all objects of one type at one place of the document, such as the employees of all rows of a leaderboard. The
fields of a level are read one after the other; what must be awaited is collected, awaited together, and gone on with.
So everything that a level needs from the database is asked for in the same tick of the event loop, and the loaders of
`RequestContext` answer each question with one statement. See docs/decisions/execution.md.

Results, errors and nulls are those of graphql-core, which stays the reference in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import strawberry
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    OperationType,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.executor import Executor, invalid_return_type_error
from graphql.execution.values import VariableValues
from graphql.pyutils import Path as LibraryPath
from graphql.pyutils import Undefined, UndefinedType, is_iterable

from graph.execution.awaiting import AWAITABLE, KINDS, ODD, Waiting, is_awaitable, settle
from graph.execution.field_readers import Raised, Values
from graph.execution.leaf_values import enum_names, need_no_coercion
from graph.execution.plans import Plan, PlannedField, Selection, Shape
from graph.execution.positions import Column, Failure, FieldColumn, ItemColumn, ObjectLevel, apply_failures
from resolvers.request.context import RequestContext


class PlannedFieldInfo:
    """What a resolver may ask about its field, see `FieldInfo`."""

    def __init__(self, execution: Execution, field: PlannedField) -> None:
        self.context: RequestContext = execution.context
        self._execution, self._field = execution, field

    @property
    def field_name(self) -> str:
        return self._field.name

    @property
    def selected_names(self) -> frozenset[str]:
        """The names of all fields that are selected below this one."""
        return self._field.selected_names

    @property
    def _raw_info(self) -> GraphQLResolveInfo[object]:
        execution, field = self._execution, self._field
        compiled = execution.plan.compiled
        nodes: list[FieldNode] = [details.node for details in field.details]
        path = LibraryPath(None, field.response_key, field.parent_type.name)
        return GraphQLResolveInfo(
            field.name, nodes, field.definition.type, field.parent_type, path, execution.plan.schema,
            compiled.fragment_definitions, execution.root_value, compiled.definition, execution.variable_values,
            execution.context, is_awaitable, None, _NO_HELPERS,
        )  # fmt: skip


_NO_HELPERS: Any = None  # of the library: for resolvers that start tasks of their own, which none here does


class Execution:
    """One execution of a plan.

    topics  takes the topics that the answer follows from, if it is to be kept
    """

    def __init__(
        self,
        plan: Plan,
        context: RequestContext,
        root_value: object,
        variable_values: VariableValues,
        *,
        hide_suggestions: bool,
        topics: set[str] | None = None,
    ) -> None:
        self.plan, self.context, self.root_value = plan, context, root_value
        self.variable_values, self.hide_suggestions = variable_values, hide_suggestions
        self.strawberry_schema: strawberry.Schema = plan.schema._strawberry_schema  # type: ignore[attr-defined]
        self._topics = topics
        self._failures: list[Failure] = []
        self._waiting: list[Waiting] = []
        self._infos: dict[PlannedField, PlannedFieldInfo] = {}

    def info(self, field: PlannedField) -> PlannedFieldInfo:
        info = self._infos.get(field)
        if info is None:
            info = self._infos[field] = PlannedFieldInfo(self, field)
        return info

    async def run(self) -> ExecutionResult:
        """Execute the whole operation; the fields of a mutation one after the other."""
        root = self.plan.root
        if self.plan.compiled.definition.operation is OperationType.MUTATION:
            data = await self._run_serially(root)
        else:
            [data] = self._read_level(root, [self.root_value], None, None)
            await self._await_waiting()
        if not self._failures:
            return ExecutionResult(data, None)
        return ExecutionResult(*apply_failures(data, self._failures))

    async def _run_serially(self, root: Selection) -> dict[str, object]:
        level = ObjectLevel(root, [self.root_value], None, None)
        level.rows = [{}]
        for field in root.fields:
            level.rows[0][field.response_key] = self._read_field(level, field)[0]
            await self._await_waiting()
            if any(failure.column.null_path(failure.index) is None for failure in self._failures):
                break  # the response is null: what follows must not happen
        return level.rows[0]

    def _read_level(
        self, selection: Selection, sources: Values, origin: Column | None, indices: list[int] | None
    ) -> list[dict[str, object]]:
        """Return the rows of these objects; values that must be awaited are put in later."""
        if not selection.fields:  # all that is selected stands in fragments of other types
            return [{} for _ in sources]
        level = ObjectLevel(selection, sources, origin, indices)
        columns = [self._read_field(level, field) for field in selection.fields]
        level.rows = selection.build_rows(columns)
        return level.rows

    def _read_field(self, level: ObjectLevel, field: PlannedField) -> Values:
        sources = level.sources
        if field.follows and self._topics is not None:
            self._note_topics(field.follows, sources)
        values = field.reader(sources, self, field)
        if isinstance(values, list):
            return self._complete(FieldColumn(level, field), field.shape, values)
        nothing: Values = [None] * len(sources)
        self._waiting.append(Waiting(FieldColumn(level, field), field.shape, nothing, values))
        return nothing

    def _note_topics(self, follows: Sequence[str], sources: Values) -> None:
        """Add the topics that the values of these objects follow from to the basis of the answer."""
        assert self._topics is not None
        for topic in follows:
            prefix, mark, _ = topic.partition("{id}")
            self._topics.update([f"{prefix}{source.id}" for source in sources] if mark else [topic])  # type: ignore[attr-defined]

    # -- values -----------------------------------------------------------------------------------------------------

    def _complete(self, column: Column, shape: Shape, values: Values) -> Values:
        """Return the values as they stand in the response; None for those that fail or must be awaited."""
        kinds = set(map(type, values))
        bits = 0
        for kind in kinds:
            bits |= KINDS[kind]
        if bits:
            if bits & AWAITABLE:
                self._waiting.append(Waiting(column, shape, values))
                return [None] * len(values)
            if bits & ODD or shape.non_null:
                values = self._sort_out(column, shape, values)
                kinds = set(map(type, values))
            if kinds == {type(None)}:
                return values
        has_nulls = bits != 0
        if shape.item is not None:
            return self._complete_lists(column, shape.item, values, kinds)
        if is_leaf_type(shape.type):
            return self._complete_leaves(column, shape, values, kinds, has_nulls)
        return self._complete_objects(column, shape, values, kinds, has_nulls)

    def _sort_out(self, column: Column, shape: Shape, values: Values) -> Values:
        """Return the values with None for errors and for what is missing, each recorded as a failure."""
        sorted_out: Values = []
        for index, value in enumerate(values):
            present: object = None
            if isinstance(value, Raised):
                self._fail(column, index, value.error)
            elif isinstance(value, Exception):
                self._fail(column, index, value)
            elif value is not None and value is not Undefined:
                present = value
            elif shape.non_null:
                field = column.field
                message = f"Cannot return null for non-nullable field {field.parent_type}.{field.name}."
                self._fail(column, index, TypeError(message))
            sorted_out.append(present)
        return sorted_out

    def _fail(self, column: Column, index: int, error: Exception) -> None:
        self._failures.append(Failure(column, index, error))

    def _complete_leaves(
        self, column: Column, shape: Shape, values: Values, kinds: set[type], has_nulls: bool
    ) -> Values:
        leaf_type: Any = shape.type
        if need_no_coercion(leaf_type.name, kinds, values):
            return values
        names = enum_names(leaf_type)
        coerce = leaf_type.coerce_output_value
        if names is not None and len(kinds) == 1 and type(next(iter(names), None)) in kinds:
            coerce = names.__getitem__  # the library compares with each member
        try:
            coerced = (
                [None if value is None else coerce(value) for value in values]
                if has_nulls
                else list(map(coerce, values))
            )
        except Exception:  # noqa: BLE001 - coerced again one by one, to find whose error it is
            coerced = []
        else:
            result_kinds = set(map(type, coerced))
            if UndefinedType not in result_kinds and (has_nulls or type(None) not in result_kinds):
                return coerced
        return [self._complete_leaf(column, index, leaf_type, value) for index, value in enumerate(values)]

    def _complete_leaf(self, column: Column, index: int, leaf_type: Any, value: object) -> object:
        if value is None:
            return None
        try:
            coerced: object = Executor.complete_leaf_value(leaf_type, value)
        except Exception as error:  # noqa: BLE001 - becomes the error of this value
            self._fail(column, index, error)
            return None
        return coerced

    def _complete_lists(self, column: Column, item: Shape, values: Values, kinds: set[type]) -> Values:
        lists: list[Any] = values
        if not kinds <= _LIST_KINDS:
            lists = [self._to_list(column, index, value) for index, value in enumerate(values)]
        sizes = [0 if items is None else len(items) for items in lists]
        items: Values = list(chain.from_iterable(items for items in lists if items is not None))
        if not items:
            return [None if items is None else [] for items in lists]
        waiting_before = len(self._waiting)
        item_column = ItemColumn(column, sizes, non_null=item.non_null)
        completed = self._complete(item_column, item, items)
        regrouped: list[list[object] | None] = []
        start = 0
        for original, size in zip(lists, sizes, strict=True):
            regrouped.append(None if original is None else completed[start : start + size])
            start += size
        for waiting in self._waiting[waiting_before:]:
            if waiting.column is item_column:
                waiting.lists = regrouped
        return regrouped  # type: ignore[return-value]

    def _to_list(self, column: Column, index: int, value: object) -> list[object] | tuple[object, ...] | None:
        if value is None or isinstance(value, list | tuple):
            return value
        if is_iterable(value):
            try:
                return list(value)
            except Exception as error:  # noqa: BLE001 - becomes the error of this value
                self._fail(column, index, error)
                return None
        field = column.field
        message = f"Expected Iterable, but did not find one for field '{field.parent_type}.{field.name}'."
        self._fail(column, index, GraphQLError(message))
        return None

    def _complete_objects(
        self, column: Column, shape: Shape, values: Values, kinds: set[type], has_nulls: bool
    ) -> Values:
        known_types = column.field.object_types
        if not has_nulls and len(kinds) == 1:
            [kind] = kinds
            object_type = known_types.get(kind)
            if object_type is not None:
                selection = self.plan.selection(column.field, object_type)
                return self._read_level(selection, values, column, None)  # type: ignore[return-value]
        # one level for each type
        indices_by_type: dict[GraphQLObjectType, list[int]] = {}
        for index, value in enumerate(values):
            if value is None:
                continue
            object_type = known_types.get(type(value))
            if object_type is None:
                try:
                    object_type = self._resolve_type(column, shape, value)
                except Exception as error:  # noqa: BLE001 - becomes the error of this value
                    self._fail(column, index, error)
                    continue
                if not isinstance(value, Mapping):  # all values of a class of ours have one type
                    known_types[type(value)] = object_type
            indices_by_type.setdefault(object_type, []).append(index)
        completed: Values = [None] * len(values)
        for object_type, indices in indices_by_type.items():
            selection = self.plan.selection(column.field, object_type)
            rows = self._read_level(selection, [values[index] for index in indices], column, indices)
            for index, row in zip(indices, rows, strict=True):
                completed[index] = row
        return completed

    def _resolve_type(self, column: Column, shape: Shape, value: object) -> GraphQLObjectType:
        """Return the object type of a value. Raises the library's error for a value of none."""
        details, info = column.field.details, self.info(column.field)._raw_info
        expected: Any = shape.type
        object_type: GraphQLObjectType = expected
        if not is_object_type(expected):
            assert expected.resolve_type is not None, "Strawberry sets one for each interface and union"
            name = expected.resolve_type(value, info, expected)
            # the library's check uses nothing of its executor but the schema
            object_type = Executor.ensure_valid_runtime_type(self.plan, name, expected, details, info, value)  # type: ignore[arg-type]
        if object_type.is_type_of and not object_type.is_type_of(value, info):
            raise invalid_return_type_error(object_type, value, details)
        return object_type

    # -- awaiting ---------------------------------------------------------------------------------------------------

    async def _await_waiting(self) -> None:
        """Await what the levels so far wait for, all together, and go on with the levels below, until none is left."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await settle(waiting)
            for entry in waiting:
                self._put(entry, self._complete(entry.column, entry.shape, entry.values))

    def _put(self, entry: Waiting, completed: Values) -> None:
        column = entry.column
        if isinstance(column, FieldColumn):
            key = column.field.response_key
            for row, value in zip(column.level.rows, completed, strict=True):
                row[key] = value
        elif isinstance(column, ItemColumn):
            for index, value in enumerate(completed):
                list_index, item_index = column.place(index)
                items = entry.lists[list_index]
                if items is not None:
                    items[item_index] = value


_LIST_KINDS: Final = frozenset({list, tuple, type(None)})
