"""A GraphQL type is a lens on the row, not a copy of it.

Plain columns are read off the row by name; `one` follows a reference in batches; what
needs a decision is a small resolver that takes the row as its parent.
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
    return strawberry.ID(encoded(type(root).__name__, root.id))  # rows are named as their types are


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    id: strawberry.ID = strawberry.field(resolver=_id, description="Globally unique and opaque; `node(id:)` takes it.")


@dataclass_transform(kw_only_default=True)
def lens(row: type, description: str) -> Callable[[Class], Class]:
    """Make a class the GraphQL type through which rows of a table (or values of a class) are seen."""

    def looking(cls: Class) -> Class:
        cls.is_type_of = classmethod(lambda _cls, value, _info: isinstance(value, row))  # type: ignore[attr-defined]
        return strawberry.type(cls, description=description)

    return looking


def chosen(info: Info, names: frozenset[str]) -> bool:
    """Return whether any of the fields of these names is asked for, at whatever depth."""
    waiting: list[Any] = list(info.selected_fields)
    while waiting:
        each = waiting.pop()
        if getattr(each, "name", None) in names:
            return True
        waiting += each.selections
    return False


def one(by_ids: Load, key: str, description: str | None = None) -> Any:
    """Return a field that follows the reference in the column `key`, in one statement for all rows of a moment."""
    joined = f"_{key.removesuffix('_id')}"

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        if number is None:
            return None
        held = getattr(root, joined, None)  # a page brings what it is asked for along
        if held is not None and held.pk == number:
            return None if getattr(held, "deleted_at", None) else held
        return info.context.load(by_ids, number)

    return strawberry.field(resolver=follow, description=description)


def within_sight(kind: str, key: str, description: str | None = None) -> Any:
    """Return a field that follows the reference to a record in the column `key`; null where the viewer may not see it."""
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
    """Return a field that follows the reference to an employee; null where he is out of a device's scope."""
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
    """Return a field with what is found for the column `key`, as far as whoever asks may see it."""

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        return None if number is None else info.context.ask(by_keys, number)

    return strawberry.field(resolver=follow, description=description)


def gathered(by_ids: Load, description: str | None = None) -> Any:
    """Return a field with what `by_ids` finds for the row's own id."""
    return one(by_ids, "id", description)
