"""Every field declares what sharing, the query cost and the streams of subscriptions need to know about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import strawberry
from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    parse,
)

from graph.base.field_declarations import (
    NOTHING,
    WHOLE_VIEWER,
    PermissionSet,
    Sends,
    attach_declarations,
    declaration_of,
    declare,
)
from graph.base.row_types import Info
from graph.execution.query_cost import STATEMENT_COST
from graph.execution.query_limits import QueryLimits, check_cost
from graph.execution.share_key import permissions_used
from graph.schema import create_schema

SCHEMA = create_schema()._schema
UNSHARED_TYPES = {"Query", "Mutation"}


def list_gaps(schema: GraphQLSchema) -> list[str]:
    """Return the fields that lack a part of their declaration, with the name of the part."""
    gaps = []
    for graphql_type in schema.type_map.values():
        if not isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType) or graphql_type.name[:2] == "__":
            continue
        for name, field in graphql_type.fields.items():
            declaration, place = declaration_of(field), f"{graphql_type.name}.{name}"
            if declaration.depends_on is None and graphql_type.name not in UNSHARED_TYPES:
                gaps.append(f"{place}: depends_on")
            is_object_list = isinstance(get_nullable_type(field.type), GraphQLList) and not is_leaf_type(
                get_named_type(field.type)
            )
            if is_object_list and declaration.length is declaration.page_size is None and not declaration.has_page_rows:
                gaps.append(f"{place}: length")
            if "first" in field.args and declaration.page_size is None:
                gaps.append(f"{place}: page_size")
            if graphql_type is schema.subscription_type and declaration.sends is None:
                gaps.append(f"{place}: sends")
    return gaps


def test_every_field_of_the_schema_has_its_declaration() -> None:
    assert list_gaps(SCHEMA) == []


def read_row(root: Any) -> str:
    return str(root)


def read_row_for_viewer(root: Any, info: Info) -> str:
    return str((root, info))


def read_page(root: Any, first: int = 10) -> Row:
    raise NotImplementedError


async def stream_rows(root: Any, info: Info) -> AsyncGenerator[Row, None]:
    yield Row(plain="")


@strawberry.type
class Row:
    plain: str
    computed: str = strawberry.field(resolver=read_row)
    forgotten: str = strawberry.field(resolver=read_row_for_viewer)
    declared: str = strawberry.field(resolver=read_row_for_viewer, metadata=declare(NOTHING))


@strawberry.type
class Query:
    rows: list[Row]
    typical: list[Row] = strawberry.field(metadata=declare(length=7))
    page: Row = strawberry.field(resolver=read_page)
    declared_page: Row = strawberry.field(resolver=read_page, metadata=declare(page_size=30))


@strawberry.type
class Subscription:
    forgotten: AsyncGenerator[Row, None] = strawberry.subscription(resolver=stream_rows)
    declared: AsyncGenerator[Row, None] = strawberry.subscription(
        resolver=stream_rows, metadata=declare(NOTHING, sends=Sends.EVENTS)
    )


def small_schema() -> GraphQLSchema:
    schema = strawberry.Schema(query=Query, subscription=Subscription)._schema
    attach_declarations(schema)
    return schema


def permissions_of(text: str) -> PermissionSet:
    document = parse(text)
    [definition] = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    return permissions_used(small_schema(), document, definition, {})


def cost_of(text: str) -> int:
    document = parse(text)
    [definition] = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    return check_cost(small_schema(), document, definition, {}, QueryLimits())


def test_fields_without_a_declaration_are_found() -> None:
    gaps = list_gaps(small_schema())

    assert sorted(gaps) == [
        "Query.page: page_size",
        "Query.rows: length",
        "Row.forgotten: depends_on",
        "Subscription.forgotten: depends_on",
        "Subscription.forgotten: sends",
    ]


def test_field_without_a_declaration_is_never_shared() -> None:
    assert permissions_of("subscription { declared { plain computed declared } }") == NOTHING
    assert permissions_of("subscription { declared { plain forgotten } }") == WHOLE_VIEWER


def test_declared_sizes_are_the_cost_of_a_field() -> None:
    assert cost_of("{ typical { plain } }") == 7
    assert cost_of("{ declaredPage { plain } }") == STATEMENT_COST + 30
    assert cost_of("{ declaredPage(first: 2) { plain } }") == STATEMENT_COST + 2
