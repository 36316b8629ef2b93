"""Keyset pagination: stable under inserts, in both directions, at the cost of the returned rows.

A cursor contains the sort key of its row, so the next page starts exactly after it, whatever was added or deleted in
the meantime.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.errors.operation_errors import BadInput

Row = TypeVar("Row", bound=Model)
LARGEST = 100
USUAL = 20


@dataclass(frozen=True, slots=True)
class Span:
    """Arguments of a page: the `first` rows after a cursor, or the `last` rows before one. Raises BadInput."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise BadInput("Give either first or last, not both.", field="last")
        for field, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 1 <= size <= LARGEST:
                raise BadInput(f"{field} must be 1 to {LARGEST}.", field=field)

    @property
    def backwards(self) -> bool:
        return self.last is not None

    @property
    def size(self) -> int:
        return self.last or self.first or USUAL


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A query with its sort order and the requested page.

    order  columns, "-" in front for descending, e.g. ("-created_at", "-id"); the last one is unique
    """

    query: QuerySet[Row]
    order: tuple[str, ...]
    span: Span

    def question(self) -> QuerySet[Row]:
        """Return the query for the rows of the page and one more, which tells whether there are more rows.

        raises  BadInput for an invalid cursor
        """
        span, query = self.span, self.query
        if span.after is not None:
            query = query.filter(_beyond(self.order, self._key(span.after, "after")))
        if span.before is not None:
            query = query.filter(_beyond(_reversed(self.order), self._key(span.before, "before")))
        order = _reversed(self.order) if span.backwards else self.order
        return query.order_by(*order).limit(span.size + 1)

    def page(self, rows: Sequence[Row]) -> Page[Row]:
        """Return the page from the rows of its query."""
        span = self.span
        more, found = len(rows) > span.size, list(rows[: span.size])
        if span.backwards:
            found.reverse()
        return Page(
            found,
            [self.cursor(row) for row in found],
            has_next=span.before is not None if span.backwards else more,
            has_previous=more if span.backwards else span.after is not None,
        )

    def cursor(self, row: Row) -> str:
        values = [_plain(getattr(row, field.lstrip("-"))) for field in self.order]
        return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")

    def _key(self, cursor: str, argument: str) -> list[Any]:
        values = decoded(cursor)
        fields = self.query.model._meta.fields_map
        if values is None or len(values) != len(self.order):
            raise BadInput(f"{argument} is not a cursor of this list.", field=argument)
        try:
            return [
                fields[name.lstrip("-")].to_python_value(value) for name, value in zip(self.order, values, strict=True)
            ]
        except (ValueError, TypeError, OverflowError) as error:
            raise BadInput(f"{argument} is not a cursor of this list.", field=argument) from error


def decoded(cursor: str) -> list[Any] | None:
    """Return the sort key in a cursor; None if it is not a cursor."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    plain = isinstance(values, list) and all(
        isinstance(value, str) or (isinstance(value, int) and abs(value) < 1 << 62) for value in values
    )
    return values if plain else None


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _reversed(order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def _beyond(order: tuple[str, ...], key: Sequence[Any]) -> Q:
    """Return the filter for rows after the key in that order: (a > x) or (a = x and b > y) or …"""
    condition = Q()
    same: dict[str, Any] = {}
    for name, value in zip(order, key, strict=True):
        field = name.lstrip("-")
        step = Q(**same, **{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        condition = condition | step if condition.children or condition.filters else step
        same = {**same, field: value}
    return condition
