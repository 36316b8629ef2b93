"""Queries of rows that other layers narrow, page through and run, without knowledge of tables and columns.

Functions of the models return a `RowQuery` and the conditions for it. The layers above combine them, so that the filter
of a list and the permissions of its viewer become one statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

Row = TypeVar("Row", bound=Model)
Condition = Q  # made by functions of the models; other layers combine conditions with `&`, `|` and `~`


@dataclass(frozen=True, slots=True, eq=False)
class RowQuery(Generic[Row]):
    """A query for rows of one table. Each method returns a new query or runs this one."""

    query_set: QuerySet[Row]

    def where(self, *conditions: Condition) -> RowQuery[Row]:
        """Return the query for those rows that also meet the conditions."""
        return RowQuery(self.query_set.filter(*conditions))

    def none(self) -> RowQuery[Row]:
        """Return a query without rows."""
        return RowQuery(self.query_set.filter(id=0))

    def with_relations(self, names: Iterable[str]) -> RowQuery[Row]:
        """Return the query that also reads the rows to which these foreign keys refer."""
        return RowQuery(self.query_set.select_related(*names))

    @property
    def relation_names(self) -> set[str]:
        """The names of the foreign keys of the rows."""
        return self.query_set.model._meta.fk_fields

    async def fetch(self) -> list[Row]:
        return await self.query_set

    async def count(self) -> int:
        return await self.query_set.count()

    async def find(self, row_id: int) -> Row | None:
        """Return the row with this id if the query has it."""
        return await self.query_set.get_or_none(id=row_id)

    async def fetch_after(self, row_id: int, limit: int) -> list[Row]:
        """Return the rows with the lowest ids above `row_id`, in order of id."""
        return await self.query_set.filter(id__gt=row_id).order_by("id").limit(limit)
