"""Row types: GraphQL types that read the attributes of database rows directly.

Plain columns are attributes of the row with the same name. `to_one` and its variants resolve references, batched by
a DataLoader. Anything that needs a decision is a small resolver with the row as its parent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, dataclass_transform

import strawberry

from domain.permissions import Action
from domain.primitives.global_ids import encoded
from resolvers import node
from resolvers.organization import people
from resolvers.request.context import Context
from resolvers.request.id_resolution import owner_of

Info = strawberry.Info[Context, None]
Class = TypeVar("Class", bound=type)
Load = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]
Ask = Callable[[Context, Sequence[Any]], Awaitable[Sequence[Any]]]


def _id(root: Any) -> strawberry.ID:
    return strawberry.ID(encoded(type(root).__name__, root.id))  # a row's class has the name of its GraphQL type


@strawberry.interface(description="Any object with an id of its own.")
class Node:
    id: strawberry.ID = strawberry.field(
        resolver=_id, description="Globally unique and opaque; an argument of `node(id:)`."
    )


@dataclass_transform(kw_only_default=True)
def lens(row: type, description: str) -> Callable[[Class], Class]:
    """Return the decorator that makes a class the GraphQL type of a table's rows, or of the values of a class."""

    def looking(cls: Class) -> Class:
        cls.is_type_of = classmethod(lambda _cls, value, _info: isinstance(value, row))  # type: ignore[attr-defined]
        return strawberry.type(cls, description=description)

    return looking


def chosen(info: Info, names: frozenset[str]) -> bool:
    """Return whether the operation selects a field with one of these names, at any depth."""
    waiting: list[Any] = list(info.selected_fields)
    while waiting:
        each = waiting.pop()
        if getattr(each, "name", None) in names:
            return True
        waiting += each.selections
    return False


def one(by_ids: Load, key: str, description: str | None = None) -> Any:
    """Return a field that resolves the reference in a column.

    load_rows  returns rows by their ids; it is called once for all references of one tick of the event loop
    column     the row's attribute with the id; the relation joined by a page's query is read without a statement
    """
    joined = f"_{key.removesuffix('_id')}"

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        if number is None:
            return None
        held = getattr(root, joined, None)  # set when the query of a page has joined the relation
        if held is not None and held.pk == number:
            return None if getattr(held, "deleted_at", None) else held
        return info.context.load(by_ids, number)

    return strawberry.field(resolver=follow, description=description)


def within_sight(kind: str, key: str, description: str | None = None) -> Any:
    """Return a field that resolves the reference to a record in a column; null if the viewer may not see the record."""
    joined = f"_{key.removesuffix('_id')}"

    async def found(context: Context, numbers: Sequence[int]) -> Sequence[Any]:
        return await node.subjects(context, [(kind, number) for number in numbers])

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        if number is None:
            return None
        held = getattr(root, joined, None)
        if held is not None and held.pk == number:
            seen = info.context.sees(owner_of(held))
            if seen is not None:
                return held if seen and held.deleted_at is None else None
        return info.context.ask(found, number)

    return strawberry.field(resolver=follow, description=description)


def somebody(key: str, description: str | None = None) -> Any:
    """Return a field that resolves the reference to an employee in a column; null outside a device's scope."""
    joined = f"_{key.removesuffix('_id')}"

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        if number is None:
            return None
        held = getattr(root, joined, None)
        if held is not None and held.pk == number:
            return held if info.context.viewer.may(Action.VIEW_PEOPLE, held) else None
        return info.context.ask(people.seen, number)

    return strawberry.field(resolver=follow, description=description)


def asked(by_keys: Ask, key: str = "id", description: str | None = None) -> Any:
    """Return a field with the value that `load_values` finds for a column, as far as the viewer may see it."""

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        return None if number is None else info.context.ask(by_keys, number)

    return strawberry.field(resolver=follow, description=description)


def gathered(by_ids: Load, description: str | None = None) -> Any:
    """Return a field with the value that `load_rows` finds for the row's own id."""
    return one(by_ids, "id", description)
