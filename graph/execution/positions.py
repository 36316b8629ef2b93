"""Positions in a response: where the values of a column stand, for the paths of errors and for nulls that spread upwards.

The values of a field for all objects of a level are a column; the items of all lists of a column are one again. Neither
knows the paths of its values: these are worked out from the columns above when an error needs one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from graphql import GraphQLError, located_error

from graph.execution.plans import PlannedField, Selection

Path: TypeAlias = tuple[str | int, ...]
Order: TypeAlias = tuple[int, ...]


class Column(Protocol):
    """Values at one place of the plan: those of a field for the objects of a level, or the items of such lists."""

    @property
    def field(self) -> PlannedField: ...

    def path(self, index: int) -> Path: ...

    def order(self, index: int) -> Order:
        """Return what positions are sorted by to stand in the order of the document."""
        ...

    def null_path(self, index: int) -> Path | None:
        """Return the path of the value that becomes null if this one fails; None if it is the whole response."""
        ...


class ObjectLevel:
    """Objects of one type at one place of the plan, and the rows of the response that they become.

    origin   the column that the objects are values of; None for the root
    indices  the index of each object in its column; None if they are the same
    rows     set once the fields that need not be awaited are read
    """

    __slots__ = ("indices", "origin", "rows", "selection", "sources")

    def __init__(
        self, selection: Selection, sources: list[object], origin: Column | None, indices: Sequence[int] | None
    ) -> None:
        self.selection, self.sources, self.origin, self.indices = selection, sources, origin, indices
        self.rows: list[dict[str, object]] = []

    def index_in_origin(self, index: int) -> int:
        return index if self.indices is None else self.indices[index]

    def path(self, index: int) -> Path:
        return () if self.origin is None else self.origin.path(self.index_in_origin(index))

    def order(self, index: int) -> Order:
        return () if self.origin is None else self.origin.order(self.index_in_origin(index))

    def null_path(self, index: int) -> Path | None:
        return None if self.origin is None else self.origin.null_path(self.index_in_origin(index))


class FieldColumn:
    """The values of a field for the objects of a level."""

    __slots__ = ("field", "level")

    def __init__(self, level: ObjectLevel, field: PlannedField) -> None:
        self.level, self.field = level, field

    def path(self, index: int) -> Path:
        return (*self.level.path(index), self.field.response_key)

    def order(self, index: int) -> Order:
        return (*self.level.order(index), self.field.position)

    def null_path(self, index: int) -> Path | None:
        return self.level.null_path(index) if self.field.shape.non_null else self.path(index)


class ItemColumn:
    """The items of the lists of a column, one list after the other.

    sizes  the number of items of each value of the column
    """

    __slots__ = ("lists", "non_null", "sizes")

    def __init__(self, lists: Column, sizes: Sequence[int], *, non_null: bool) -> None:
        self.lists, self.sizes, self.non_null = lists, sizes, non_null

    @property
    def field(self) -> PlannedField:
        return self.lists.field

    def place(self, index: int) -> tuple[int, int]:
        """Return the index of the item's list in its column and that of the item in its list."""
        for list_index, size in enumerate(self.sizes):
            if index < size:
                return list_index, index
            index -= size
        raise IndexError("an item behind the last list")

    def path(self, index: int) -> Path:
        list_index, item_index = self.place(index)
        return (*self.lists.path(list_index), item_index)

    def order(self, index: int) -> Order:
        list_index, item_index = self.place(index)
        return (*self.lists.order(list_index), item_index)

    def null_path(self, index: int) -> Path | None:
        return self.lists.null_path(self.place(index)[0]) if self.non_null else self.path(index)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of one value."""

    column: Column
    index: int
    error: Exception


def apply_failures(
    data: dict[str, object], failures: Iterable[Failure]
) -> tuple[dict[str, object] | None, list[GraphQLError]]:
    """Put a null where each failure belongs and return the data with the errors, in the order of the document.

    The value that fails becomes null if its type allows it, else the nearest one around it that may be null, else the
    whole response (GraphQL specification, "Handling Execution Errors"). Of several errors that null the same value, or
    one inside another, the first in the document is reported, as if the execution had stopped there.
    """
    errors: list[GraphQLError] = []
    nulled: set[Path | None] = set()
    for failure in sorted(failures, key=lambda failure: failure.column.order(failure.index)):
        null_path = failure.column.null_path(failure.index)
        if None in nulled or (
            null_path is not None and any(null_path[:length] in nulled for length in range(1, len(null_path) + 1))
        ):
            continue
        nulled.add(null_path)
        nodes = [details.node for details in failure.column.field.details]
        errors.append(located_error(failure.error, nodes, list(failure.column.path(failure.index))))
        if null_path is not None:
            _set_null(data, null_path)
    return None if None in nulled else data, errors


def _set_null(data: dict[str, object], path: Path) -> None:
    container: object = data
    for key in path[:-1]:
        if isinstance(container, dict | list):
            container = container[key]  # type: ignore[index]
    if isinstance(container, dict | list):
        container[path[-1]] = None  # type: ignore[index]
