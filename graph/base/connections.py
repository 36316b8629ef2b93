"""Relay connections: pages of long lists by keyset pagination, in both directions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, Final, Generic, TypeAlias, TypeVar

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_snake_case

from graph.base.field_declarations import KEY_ALONE, NOTHING, WHOLE_VIEWER, declare
from graph.base.row_types import Info, list_selected_fields, selects_any
from models.db.keyset_pagination import DEFAULT_PAGE_SIZE, PageArguments, PagedQuery
from models.db.row_query import Row, RowQuery

Item = TypeVar("Item")
ListResolver: TypeAlias = Callable[..., Awaitable[RowQuery[Row]]]


@dataclass(frozen=True, slots=True)
class RowOfPage:
    """A row with the query of its list, by which its cursor is made if the client selects it."""

    node: Any
    paged_query: PagedQuery[Any]

    @property
    def cursor(self) -> str:
        return self.paged_query.encode_cursor(self.node)


@strawberry.type(description="The position of a page within its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    first_row: strawberry.Private[RowOfPage | None]
    last_row: strawberry.Private[RowOfPage | None]

    @strawberry.field(metadata=declare(NOTHING, follows=KEY_ALONE))
    def start_cursor(self) -> str | None:
        return self.first_row.cursor if self.first_row else None

    @strawberry.field(metadata=declare(NOTHING, follows=KEY_ALONE))
    def end_cursor(self) -> str | None:
        return self.last_row.cursor if self.last_row else None


@strawberry.type(description="One row of a page.")
class Edge(Generic[Item]):
    cursor: str
    node: Item


@strawberry.type(description="One page of a list: at most 100 rows, 20 by default.")
class Connection(Generic[Item]):
    edges: list[Edge[Item]] = strawberry.field(metadata=declare(has_page_rows=True))
    page_info: PageInfo
    paged_query: strawberry.Private[PagedQuery[Any]]

    @strawberry.field(
        description="Number of rows in the whole list; counted only when selected.",
        metadata=declare(NOTHING, follows=KEY_ALONE),
    )
    async def total_count(self, info: Info) -> int:
        return await info.context.count(self.paged_query.query)


_to_snake_case: Final = lru_cache(maxsize=1024)(to_snake_case)
_PAGE_FIELDS: Final = frozenset({"edges", "pageInfo"})  # the fields of a connection that need rows

_PAGE_PARAMETERS: Final = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
    for name, annotation in (("first", int | None), ("after", str | None), ("last", int | None), ("before", str | None))
]


def paged_field(
    item: Any,
    *order: str,
    description: str,
    are_events: bool = False,
    follows: tuple[str, ...] | None = None,
) -> Callable[[ListResolver[Row]], StrawberryField]:
    """Return the decorator that turns an async function, which returns the query of a list, into a paged field.

    The function declares the list's own arguments; `first`, `after`, `last` and `before` are added after them. The rows
    of a page depend on the whole viewer.

    item        the GraphQL type of a row.
    order       columns, "-" in front for descending; together unique.
    are_events  whether a subscription streams the same rows and takes the cursors of the page.
    follows     the topics that move when the list or one of its rows changes, see `FieldDeclaration`.
    """

    def decorate(function: ListResolver[Row]) -> StrawberryField:
        select_rows: ListResolver[Row] = function.__func__ if isinstance(function, staticmethod) else function

        @wraps(select_rows)
        async def resolve(
            *args: object,
            info: Info,
            first: int | None = None,
            after: str | None = None,
            last: int | None = None,
            before: str | None = None,
            **arguments: object,
        ) -> Connection[Row]:
            query = await select_rows(*args, info=info, **arguments)
            page_arguments = PageArguments(first, after, last, before)
            epoch = info.context.services.epoch if are_events else None
            return await _paginate(info, PagedQuery(query, order, page_arguments, epoch))

        signature = inspect.signature(select_rows)
        parameters = [*signature.parameters.values(), *_PAGE_PARAMETERS]
        # read by Strawberry
        setattr(resolve, "__signature__", signature.replace(parameters=parameters))  # noqa: B010 - unknown to functions
        resolver = staticmethod(resolve) if isinstance(function, staticmethod) else resolve
        declaration = declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE, follows=follows)
        return strawberry.field(resolver, graphql_type=Connection[item], description=description, metadata=declaration)

    return decorate


async def _paginate(info: Info, paged_query: PagedQuery[Row]) -> Connection[Row]:
    """Return the requested page of a list as a connection. Raises BadInput for an invalid cursor.

    Lists requested in the same tick of the event loop are fetched in one statement. Rows that the client selects
    through references are joined in the same statement. If only the count is selected, no rows are fetched.
    """
    fetched: list[Row] = []
    page_query = paged_query.build_query()  # an invalid cursor is an error even if no rows are selected
    if selects_any(info, _PAGE_FIELDS):
        fetched = await info.context.fetch(page_query.with_relations(_requested_relations(info, paged_query.query)))
    page = paged_query.build_page(fetched)
    rows: list[Any] = [RowOfPage(row, paged_query) for row in page.rows]  # read like edges
    return Connection(
        edges=rows,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            first_row=rows[0] if rows else None,
            last_row=rows[-1] if rows else None,
        ),
        paged_query=paged_query,
    )


def _requested_relations(info: Info, query: RowQuery[Row]) -> list[str]:
    """Return the foreign keys of the rows that the client selects fields of; field and foreign key share a name."""
    raw_info = info._raw_info
    fields = raw_info.field_nodes
    for name in ("edges", "node"):
        fields = [field for field in list_selected_fields(fields, raw_info.fragments) if field.name.value == name]
    requested = {_to_snake_case(field.name.value) for field in list_selected_fields(fields, raw_info.fragments)}
    return sorted(requested & query.relation_names)
