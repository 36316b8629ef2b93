"""Pages of long lists, by key: stable under inserts, in both directions."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry
from tortoise.queryset import QuerySet

from models.pages import Listing, Span

Item = TypeVar("Item")


@strawberry.type(description="Where a page stands within its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One row of a page.")
class Edge(Generic[Item]):
    cursor: str
    node: Item


@strawberry.type(description="One page of a list: at most 100 rows, 20 unless asked for.")
class Connection(Generic[Item]):
    edges: list[Edge[Item]]
    page_info: PageInfo
    listing: strawberry.Private[Any]

    @strawberry.field(description="How many rows the whole list has; counted only when asked for.")
    async def total_count(self) -> int:
        return int(await self.listing.count())


async def paged(query: QuerySet[Any], order: tuple[str, ...], span: Span) -> Any:
    """Return the part of the list that was asked for. Raises BadInput for what is no cursor of it."""
    listing = Listing(query, order, span)
    page = await listing.page()
    cursors = page.cursors
    return Connection(
        edges=[Edge(cursor=cursor, node=row) for cursor, row in zip(cursors, page.rows, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        listing=listing,
    )
