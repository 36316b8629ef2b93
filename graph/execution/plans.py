"""Compiles an operation to a plan: for each object type that it reaches, the fields to read and the shapes of their values.

A plan belongs to one operation of a document and to the values of the variables that its `@skip` and `@include` depend
on; with these, the same fields are selected for all values of the other variables. It is compiled while the operation
is first executed: the selection of an interface or union exists for each object type that has come up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from graph.base.field_declarations import declaration_of
from graph.base.row_types import collect_selected_names
from graph.execution.field_readers import FieldReader, reader_of

MAX_PLANS_PER_OPERATION: Final = 32  # a client chooses the variables, so it must not choose how much is kept

BuildRows: TypeAlias = Callable[[Sequence[Sequence[object]]], list[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value: whether it must exist, and what it is.

    type        without the mark of a type that must exist
    item        the shape of the items of a list; None for other types
    """

    type: GraphQLOutputType
    non_null: bool
    item: Shape | None


@dataclass(eq=False, slots=True)
class PlannedField:
    """A selected field of one object type.

    position        in its selection
    details         its occurrences in the document, which are merged
    selections      of a field of objects: by object type, what is selected of them
    object_types    of a field of objects: the object type of values, by their class
    arguments       of a field whose arguments are the same in all executions: as they are passed to its function
    selected_names  the names of all fields selected below it
    follows         the topics that its values follow from, with `{id}` in place of a row's id
    """

    response_key: str
    position: int
    parent_type: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    shape: Shape
    reader: FieldReader
    selections: dict[GraphQLObjectType, Selection] = field(default_factory=dict)
    object_types: dict[type, GraphQLObjectType] = field(default_factory=dict)
    arguments: dict[str, object] | None = None
    selected_names: frozenset[str] = frozenset()
    follows: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.details[0].node.name.value


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields that are selected of an object type.

    build_rows  returns the objects from the columns of the fields' values
    """

    object_type: GraphQLObjectType
    fields: list[PlannedField]
    build_rows: BuildRows


class Plan:
    """The selections of an operation for one choice of its conditional parts."""

    def __init__(self, schema: GraphQLSchema, compiled: CompiledOperation, variable_values: VariableValues) -> None:
        self.schema, self.compiled = schema, compiled
        self._variable_values = variable_values
        definition = compiled.definition
        root_type = schema.get_root_type(definition.operation)
        assert root_type is not None, "validated: the schema has a type for each kind of operation"
        collected = collect_fields(
            schema, compiled.fragments, variable_values, root_type, definition, hide_suggestions=True
        )
        self.root = self._plan_selection(root_type, collected.grouped_field_set)

    def selection(self, field: PlannedField, object_type: GraphQLObjectType) -> Selection:
        """Return what the operation selects of the objects of a field that have this type."""
        selection = field.selections.get(object_type)
        if selection is None:
            collected = collect_subfields(
                self.schema,
                self.compiled.fragments,
                self._variable_values,
                self.compiled.definition,
                object_type,
                field.details,
                hide_suggestions=True,
            )
            selection = self._plan_selection(object_type, collected.grouped_field_set)
            field.selections[object_type] = selection
        return selection

    def _plan_selection(self, object_type: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> Selection:
        fields: list[PlannedField] = []
        for response_key, details in grouped_field_set.items():
            definition = self.schema.get_field(object_type, details[0].node.name.value)
            assert definition is not None, "validated: the type has this field"
            fields.append(
                PlannedField(
                    response_key,
                    len(fields),
                    object_type,
                    definition,
                    details,
                    shape_of(definition.type),
                    reader_of(definition),
                    selected_names=collect_selected_names(
                        [occurrence.node for occurrence in details], self.compiled.fragment_definitions
                    ),
                    follows=declaration_of(definition).follows or (),
                )
            )
        return Selection(object_type, fields, _row_builder(tuple(field.response_key for field in fields)))


class CompiledOperation:
    """An operation with the fragments of its document, and its plans by the values of the variables they depend on."""

    def __init__(self, document: DocumentNode, definition: OperationDefinitionNode) -> None:
        self.definition = definition
        self.fragment_definitions = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.fragments = {name: FragmentDetails(node) for name, node in self.fragment_definitions.items()}
        self._conditions = sorted(_condition_variables(document))
        self._plans: dict[Hashable, Plan] = {}

    def plan(self, schema: GraphQLSchema, variable_values: VariableValues) -> Plan:
        coerced = variable_values.coerced
        key = tuple(coerced.get(name) for name in self._conditions)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS_PER_OPERATION:
                self._plans.clear()
            plan = self._plans[key] = Plan(schema, self, variable_values)
        return plan


def shape_of(graphql_type: GraphQLOutputType) -> Shape:
    """Return the shape of the values of a type."""
    non_null = isinstance(graphql_type, GraphQLNonNull)
    inner: GraphQLOutputType = graphql_type.of_type if isinstance(graphql_type, GraphQLNonNull) else graphql_type
    item = shape_of(inner.of_type) if isinstance(inner, GraphQLList) else None
    return Shape(inner, non_null, item)


class _ConditionVisitor(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.names |= {
            argument.value.name.value for argument in node.arguments or () if isinstance(argument.value, VariableNode)
        }


def _condition_variables(document: DocumentNode) -> set[str]:
    """Return the variables that directives of the document depend on."""
    visitor = _ConditionVisitor()
    visit(document, visitor)
    return visitor.names


@lru_cache(maxsize=1024)
def _row_builder(keys: tuple[str, ...]) -> BuildRows:
    """Return a function that makes the columns of these keys to rows: columns [[1, 2], [3, 4]] to [{a: 1, b: 3}, …].

    It is compiled from one comprehension, which is three times as fast as `dict(zip(…))` for each row. The keys are
    names of a parsed document: letters, digits and underscores.
    """
    assert all(key.isidentifier() for key in keys)
    if len(keys) < 2:  # without any, it is never called: no column says how many rows there are
        return lambda columns: [{keys[0]: value} for value in columns[0]]
    names = [f"value_{index}" for index in range(len(keys))]
    entries = ", ".join(f"{key!r}: {name}" for key, name in zip(keys, names, strict=True))
    source = f"lambda columns: [{{{entries}}} for {', '.join(names)} in zip(*columns)]"
    build: BuildRows = eval(source)  # noqa: S307 - built from names alone
    return build
