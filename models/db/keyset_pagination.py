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
from typing import Final, Generic, TypeVar

import orjson
from tortoise import fields
from tortoise.fields.base import Field
from tortoise.models import Model

from domain.errors.operation_errors import BadInput
from models.db.conditions import EVERY_ROW, NO_ROW, Condition, equals
from models.db.row_query import RowQuery

Row = TypeVar("Row", bound=Model)
MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 20
_MAX_CURSOR_LENGTH: Final = 8_000  # longer than that of the longest name


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Arguments of a page: the `first` rows after a cursor, or the `last` rows before one. Raises BadInput."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise BadInput("Give either first or last, not both.", field="last")
        for field, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 1 <= size <= MAX_PAGE_SIZE:
                raise BadInput("{argument} must be 1 to {most}.", field=field, argument=field, most=MAX_PAGE_SIZE)

    @property
    def is_backward(self) -> bool:
        return self.last is not None

    @property
    def size(self) -> int:
        return self.last or self.first or DEFAULT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class PagedQuery(Generic[Row]):
    """A query with its sort order and the requested page.

    order  columns, "-" in front for descending, e.g. ("-created_at", "-id"); the last one is unique
    epoch  of a list of events: added to its cursors, which streams of the same events take, too; may be empty
    """

    query: RowQuery[Row]
    order: tuple[str, ...]
    page_arguments: PageArguments
    epoch: str | None = None

    def build_query(self) -> RowQuery[Row]:
        """Return the query for the rows of the page and one more, which tells whether there are more rows.

        raises  BadInput for an invalid cursor
        """
        page_arguments, query = self.page_arguments, self.query
        if page_arguments.after is not None:
            query = query.where(self._after(self.order, self._sort_key(page_arguments.after, "after")))
        if page_arguments.before is not None:
            sort_key = self._sort_key(page_arguments.before, "before")
            query = query.where(self._after(_reverse_order(self.order), sort_key))
        order = _reverse_order(self.order) if page_arguments.is_backward else self.order
        return query.order_by(*order).limit(page_arguments.size + 1)

    def _after(self, order: tuple[str, ...], key: Sequence[str | int | datetime]) -> Condition:
        """Return the condition for rows after the key in that order."""
        columns = self.query.model._meta.fields_db_projection
        return _is_after([(f'"{columns[name.lstrip("-")]}"', name.startswith("-")) for name in order], key)

    def build_page(self, rows: Sequence[Row]) -> Page[Row]:
        """Return the page from the rows of its query."""
        page_arguments = self.page_arguments
        has_more, page_rows = len(rows) > page_arguments.size, list(rows[: page_arguments.size])
        if page_arguments.is_backward:
            page_rows.reverse()
        return Page(
            page_rows,
            has_next=page_arguments.before is not None if page_arguments.is_backward else has_more,
            has_previous=has_more if page_arguments.is_backward else page_arguments.after is not None,
        )

    def encode_cursor(self, row: Row) -> str:
        values = [_to_json_value(getattr(row, field.lstrip("-"))) for field in self.order]
        return encode_cursor([*values, self.epoch] if self.epoch else values)

    def _sort_key(self, cursor: str, argument: str) -> list[str | int | datetime]:
        values = decode_cursor(cursor)
        columns = self.query.model._meta.fields_map
        if self.epoch is not None and values and len(values) == len(self.order) + 1 and isinstance(values[-1], str):
            values.pop()  # a page of any epoch may be continued: its sort key means the same
        if values is None or len(values) != len(self.order):
            raise BadInput("{argument} is not a cursor of this list.", field=argument, argument=argument)
        try:
            return [
                _parse_column_value(columns[name.lstrip("-")], value)
                for name, value in zip(self.order, values, strict=True)
            ]
        except (ValueError, TypeError, OverflowError) as error:
            raise BadInput("{argument} is not a cursor of this list.", field=argument, argument=argument) from error


def encode_cursor(values: Sequence[str | int]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[str | int] | None:
    """Return the sort key in a cursor; None if it is not a cursor.

    A cursor comes from a client and may be made up: the values are of the types of JSON that cursors have, but
    not necessarily those of the columns.
    """
    if len(cursor) > _MAX_CURSOR_LENGTH:
        return None
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    is_valid = isinstance(values, list) and all(
        (type(value) is int and abs(value) < 1 << 63) or (type(value) is str and "\0" not in value) for value in values
    )
    return values if is_valid else None


def _parse_column_value(column: Field[object], value: str | int) -> str | int | datetime:
    """Return the value in a cursor as one of the column. Raises ValueError or TypeError if the column cannot hold it."""
    if isinstance(column, fields.IntField):
        limits = column.constraints
        if type(value) is not int or not limits["ge"] <= value <= limits["le"]:
            raise ValueError("not a number of this column")
        return value
    if not isinstance(value, str):
        raise TypeError("not a text")
    if isinstance(column, fields.DatetimeField):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without an offset")
        return moment.astimezone(UTC)
    if not isinstance(column, fields.CharField):
        raise TypeError("not a column that lists are sorted by")
    return value


def _to_json_value(value: str | int | datetime) -> str | int:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _reverse_order(order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def _is_after(order: Sequence[tuple[str, bool]], key: Sequence[str | int | datetime]) -> Condition:
    """Return the condition for rows after the key in an order: columns, each with whether it is descending."""
    if len({is_descending for _, is_descending in order}) == 1:  # rows are compared as a whole, which indexes can do
        columns, placeholders = ", ".join(column for column, _ in order), ", ".join("?" * len(order))
        return Condition(f"({columns}) {'<' if order[0][1] else '>'} ({placeholders})", tuple(key))
    # (a > x) or (a = x and b > y) or …
    condition = NO_ROW
    equal_prefix = EVERY_ROW
    for (column, is_descending), value in zip(order, key, strict=True):
        condition |= equal_prefix & Condition(f"{column} {'<' if is_descending else '>'} ?", (value,))
        equal_prefix &= equals(column, value)
    return condition
