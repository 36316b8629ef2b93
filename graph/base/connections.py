"""Relay connections: pages of long lists by keyset pagination, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import strawberry
from graphql import FieldNode, FragmentSpreadNode, SelectionNode, SelectionSetNode
from strawberry.utils.str_converters import to_snake_case
from tortoise.queryset import QuerySet

from graph.base.row_types import Info
from models.db.keyset_pagination import Listing, Span

Item = TypeVar("Item")


@strawberry.type(description="The position of a page within its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One row of a page.")
class Edge(Generic[Item]):
    cursor: str
    node: Item


@strawberry.type(description="One page of a list: at most 100 rows, 20 by default.")
class Connection(Generic[Item]):
    edges: list[Edge[Item]]
    page_info: PageInfo
    listing: strawberry.Private[Any]

    @strawberry.field(description="Number of rows in the whole list; counted only when selected.")
    async def total_count(self, info: Info) -> int:
        return await info.context.count(self.listing.query)


async def paged(info: Info, query: QuerySet[Any], order: tuple[str, ...], span: Span) -> Any:
    """Return the requested page of a list as a connection. Raises BadInput for an invalid cursor.

    Lists requested in the same tick of the event loop are fetched in one statement. Rows that the client selects
    through references are joined in the same statement.

    order  columns, "-" in front for descending; together unique
    """
    listing = Listing(query, order, span)
    page = listing.page(await info.context.rows(listing.question().select_related(*_joined(info, query))))
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


def _joined(info: Info, query: QuerySet[Any]) -> list[str]:
    """Return the foreign keys of the rows whose fields the client selects; field and foreign key have the same name."""
    followed = {to_snake_case(name) for name in _selected(info)}
    return sorted(followed & query.model._meta.fk_fields)


def _selected(info: Info) -> Iterator[str]:
    """Yield the names of the fields that the client selects of a page's nodes."""
    raw = info._raw_info

    def fields(sets: Iterable[SelectionSetNode | None]) -> Iterator[FieldNode]:
        for selections in sets:
            for each in selections.selections if selections else ():
                yield from _spread(each)

    def _spread(node: SelectionNode) -> Iterator[FieldNode]:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, FragmentSpreadNode):
            yield from fields([raw.fragments[node.name.value].selection_set])
        else:
            yield from fields([node.selection_set])  # type: ignore[attr-defined]

    edges = (each for each in fields(node.selection_set for node in raw.field_nodes) if each.name.value == "edges")
    nodes = (each for each in fields(edge.selection_set for edge in edges) if each.name.value == "node")
    for each in fields(node.selection_set for node in nodes):
        yield each.name.value
