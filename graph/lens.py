"""A GraphQL type is a lens on the row, not a copy of it.

Plain columns are read off the row by name; `one` follows a reference in batches; what
needs a decision is a small resolver that takes the row as its parent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, dataclass_transform

import strawberry

from domain.ids import encoded
from resolvers import people, records
from resolvers.context import Context

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


def one(by_ids: Load, key: str, description: str | None = None) -> Any:
    """Return a field that follows the reference in the column `key`, in one statement for all rows of a moment.

    Each field asks for itself: else two fields would share a statement or not as their moments happen to meet.
    """

    async def found(ids: Sequence[Any]) -> Sequence[Any]:
        return await by_ids(ids)

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        return None if number is None else info.context.load(found, number)

    return strawberry.field(resolver=follow, description=description)


def within_sight(kind: str, key: str, description: str | None = None) -> Any:
    """Return a field that follows the reference to a record in the column `key`; null where the viewer may not see it."""

    async def found(context: Context, numbers: Sequence[int]) -> Sequence[Any]:
        return await records.subjects(context, [(kind, number) for number in numbers])

    return asked(found, key, description)


def somebody(key: str, description: str | None = None) -> Any:
    """Return a field that follows the reference to an employee; null where he is out of a device's scope."""
    return asked(people.seen, key, description)


def asked(by_keys: Ask, key: str = "id", description: str | None = None) -> Any:
    """Return a field with what is found for the column `key`, as far as whoever asks may see it."""

    async def found(context: Context, keys: Sequence[Any]) -> Sequence[Any]:
        return await by_keys(context, keys)

    def follow(root: Any, info: Info) -> Any:
        number = getattr(root, key)
        return None if number is None else info.context.ask(found, number)

    return strawberry.field(resolver=follow, description=description)


def gathered(by_ids: Load, description: str | None = None) -> Any:
    """Return a field with what `by_ids` finds for the row's own id."""
    return one(by_ids, "id", description)
