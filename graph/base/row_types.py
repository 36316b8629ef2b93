"""Row types: GraphQL types that read the attributes of database rows directly.

Plain columns are attributes of the row with the same name. `to_one` and its variants resolve references, for all rows
of a level at once. Anything that needs a decision is a small resolver with the row as its parent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, dataclass_transform

import strawberry
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionNode

from domain.permissions import Action
from domain.primitives.global_ids import encode_global_id
from graph.base.field_declarations import (
    KEY_ALONE,
    NOTHING,
    PEOPLE,
    RESOLVE_MANY_KEY,
    WHOLE_VIEWER,
    PermissionSet,
    declare,
)
from models.organization.people import Employee
from models.organization.people import load_by_ids as load_employees
from resolvers import node
from resolvers.organization import people
from resolvers.request.context import Reference, RequestContext
from resolvers.request.event_cursors import encode_event_cursor
from resolvers.request.id_resolution import owner_id_of

Info = strawberry.Info[RequestContext, None]
Class = TypeVar("Class", bound=type)
AnyContext = TypeVar("AnyContext", bound=RequestContext)
Key = TypeVar("Key")
Root = TypeVar("Root")
Value = TypeVar("Value")
BatchLoader = Callable[[Sequence[Key]], Awaitable[Sequence[Value | None]]]
ViewerBatchLoader = Callable[[RequestContext, Sequence[Key]], Awaitable[Sequence[Value | None]]]
Pending: TypeAlias = Value | Awaitable[Value | None] | None


class HasId(Protocol):
    """A row with an id."""

    id: int


def _resolve_id(root: HasId) -> strawberry.ID:
    return strawberry.ID(
        encode_global_id(type(root).__name__, root.id)
    )  # a row's class has the name of its GraphQL type


def _resolve_ids(rows: Sequence[HasId], info: Info) -> list[str]:
    return [encode_global_id(type(row).__name__, row.id) for row in rows]


@strawberry.interface(description="Any object with an id of its own.")
class Node:
    id: strawberry.ID = strawberry.field(
        resolver=_resolve_id,
        description="Globally unique and opaque; an argument of `node(id:)`.",
        metadata={RESOLVE_MANY_KEY: _resolve_ids},
    )


@dataclass_transform(kw_only_default=True)
def row_type(row_class: type, description: str) -> Callable[[Class], Class]:
    """Return the decorator that makes a class the GraphQL type of a table's rows, or of the values of a class."""

    def decorate(cls: Class) -> Class:
        setattr(cls, "is_type_of", classmethod(lambda _cls, value, _info: isinstance(value, row_class)))  # noqa: B010 - the class declares no such attribute
        return strawberry.type(cls, description=description)

    return decorate


def selects_any(info: strawberry.Info[AnyContext, None], names: frozenset[str]) -> bool:
    """Return whether the operation selects a field with one of these names below the field, at any depth."""
    known_names: frozenset[str] | None = getattr(info, "selected_names", None)  # that of a planned field
    if known_names is None:
        known_names = collect_selected_names(info._raw_info.field_nodes, info._raw_info.fragments)
    return not names.isdisjoint(known_names)


def list_selected_fields(
    nodes: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> list[FieldNode]:
    """Return the fields that are selected directly below these occurrences of a field, those in fragments included."""
    selected: list[FieldNode] = []
    pending: list[SelectionNode] = [
        selection for node in nodes if node.selection_set for selection in node.selection_set.selections
    ]
    while pending:
        selection = pending.pop()
        if isinstance(selection, FieldNode):
            selected.append(selection)
        elif isinstance(selection, FragmentSpreadNode):
            pending += fragments[selection.name.value].selection_set.selections
        elif isinstance(selection, InlineFragmentNode):
            pending += selection.selection_set.selections
    return selected


def collect_selected_names(
    nodes: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """Return the names of all fields that are selected below these occurrences of a field, at any depth."""
    names: set[str] = set()
    fields = list_selected_fields(nodes, fragments)
    while fields:
        names |= {field.name.value for field in fields}
        fields = list_selected_fields(fields, fragments)
    return frozenset(names)


def row_field(
    resolve: Callable[[Root, Info], Pending[Value]],
    description: str | None,
    depends_on: PermissionSet,
    *,
    length: int | None = None,
    follows: tuple[str, ...] | None = None,
) -> Value:
    """Return a field of a row type that is resolved by a function of the row and the info.

    For the type checker it is the value, as a class declares its fields by the types of their values. The value of a
    field whose type is not nullable must exist.
    """
    resolver: Any = resolve  # else its type would be that of the value, of which it may be an awaitable
    field: Value = strawberry.field(
        resolver=resolver, description=description, metadata=declare(depends_on, length=length, follows=follows)
    )
    return field


def reference_field(
    prepare: Callable[[Reference], Callable[[Any], Value]], graph_type: Any, description: str | None = None
) -> Value:
    """Return a field whose value follows from the row and the reference data: the company, its metrics and calendar.

    prepare     returns the function of the row; it is called once for all rows of a level
    graph_type  the GraphQL type of the value
    """

    def resolve_many(rows: Sequence[object], info: Info) -> list[Value] | Awaitable[list[Value]]:
        return info.context.with_reference(lambda reference: list(map(prepare(reference), rows)))

    def resolve(root: object, info: Info) -> object:
        return info.context.with_reference(lambda reference: prepare(reference)(root))

    resolver: Any = resolve  # else its type would be that of the value, which it may return as an awaitable
    field: Value = strawberry.field(
        resolver=resolver,
        graphql_type=graph_type,
        description=description,
        metadata={**declare(NOTHING, follows=KEY_ALONE), RESOLVE_MANY_KEY: resolve_many},
    )
    return field


def to_one(
    load_rows: BatchLoader[Key, Value], column: str, description: str | None = None, *, length: int | None = None
) -> Value:
    """Return a field that resolves the reference in a column.

    load_rows  returns rows by their ids; it is called once for all references of one tick of the event loop
    column     the row's attribute with the id; the relation joined by a page's query is read without a statement
    """
    prefetched_attribute = f"_{column.removesuffix('_id')}"

    def resolve(root: object, info: Info) -> Pending[Value]:
        row_id = getattr(root, column)
        if row_id is None:
            return None
        prefetched = getattr(root, prefetched_attribute, None)  # set when the query of a page has joined the relation
        if prefetched is not None and prefetched.pk == row_id:
            return None if getattr(prefetched, "deleted_at", None) else prefetched
        if load_rows is load_employees:
            employee: Any = info.context.load_employee(row_id)
            pending: Pending[Value] = employee  # the type checker cannot know that `Value` is the employee
            return pending
        return info.context.load(load_rows, row_id)

    follows = KEY_ALONE if load_rows is load_employees else None
    return row_field(resolve, description, NOTHING, length=length, follows=follows)


def visible_to_one(row_class: type[Value], column: str, description: str | None = None) -> Value:
    """Return a field that resolves the reference to a record in a column; null if the viewer may not see the record."""
    prefetched_attribute = f"_{column.removesuffix('_id')}"

    async def load_visible(context: RequestContext, row_ids: Sequence[int]) -> Sequence[Value | None]:
        rows = await node.load_subjects(context, [(row_class.__name__, row_id) for row_id in row_ids])
        return [row if isinstance(row, row_class) else None for row in rows]

    def resolve(root: object, info: Info) -> Pending[Value]:
        row_id = getattr(root, column)
        if row_id is None:
            return None
        prefetched = getattr(root, prefetched_attribute, None)
        if prefetched is not None and prefetched.pk == row_id:
            is_visible = info.context.can_see_records_of(owner_id_of(prefetched))
            if is_visible is not None:
                return prefetched if is_visible and prefetched.deleted_at is None else None
        return info.context.load_for_viewer(load_visible, row_id)

    return row_field(resolve, description, WHOLE_VIEWER)


def employee_ref(column: str, description: str | None = None) -> Employee | None:
    """Return a field that resolves the reference to an employee in a column; null outside a device's scope."""
    prefetched_attribute = f"_{column.removesuffix('_id')}"

    def resolve(root: object, info: Info) -> Pending[Employee]:
        employee_id = getattr(root, column)
        if employee_id is None:
            return None
        prefetched = getattr(root, prefetched_attribute, None)
        if prefetched is not None and prefetched.pk == employee_id:
            return prefetched if info.context.viewer.can(Action.VIEW_PEOPLE, prefetched) else None
        return info.context.load_for_viewer(people.load_visible_employees, employee_id)

    return row_field(resolve, description, PEOPLE, follows=KEY_ALONE)


def viewer_field(
    load_values: ViewerBatchLoader[Key, Value],
    column: str = "id",
    description: str | None = None,
    *,
    length: int | None = None,
) -> Value:
    """Return a field with the value that `load_values` finds for a column, as far as the viewer may see it."""

    def resolve(root: object, info: Info) -> Pending[Value]:
        row_id = getattr(root, column)
        return None if row_id is None else info.context.load_for_viewer(load_values, row_id)

    return row_field(resolve, description, WHOLE_VIEWER, length=length)


def event_cursor() -> str:
    """Return the field with the cursor of an event, for the argument `after` of its subscription."""

    def resolve(root: HasId, info: Info) -> str:
        return encode_event_cursor(info.context, root.id)

    description = "Of this event alone: the argument `after` of the subscription sends all events behind it."
    return row_field(resolve, description, NOTHING)


def by_own_id(
    load_rows: BatchLoader[Key, Value], description: str | None = None, *, length: int | None = None
) -> Value:
    """Return a field with the value that `load_rows` finds for the row's own id; `length` is that of a list."""
    return to_one(load_rows, "id", description, length=length)
