"""A field depends on no more than it declares: viewers whose declared actions reach as far get the same value."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)

from graph.base.field_declarations import PermissionSet, declaration_of
from graph.execution.share_key import permission_fingerprint, permissions_used
from graph.schema import create_schema
from resolvers.request.viewer import Viewer
from tests.graph.privacy.company import ACTORS, open_privacy_company

SCHEMA = create_schema()._schema
NODES = {
    "Employee": ("Ann", "Fay", "Bob", "Pat", "Max"),
    "Team": ("Sales", "North", "Far", "Pair"),
    "Company": ("company",),
    "Deal": ("open deal of Ann", "won deal of Fay", "open deal of Bob", "won deal of Pat"),
    "Client": ("client of Ann", "client of Sam", "client of Eve"),
    "Goal": ("hours_worked of Pair", "calls_made of North", "deals_won_amount of Ann", "hours_worked of company"),
}


def is_shared(field: GraphQLField) -> bool:
    """Return whether the field can be selected without arguments and may be shared between viewers."""
    depends_on = declaration_of(field).depends_on
    return depends_on is not None and None not in depends_on and not any(map(is_required_argument, field.args.values()))


def iterate_selections(type_name: str) -> Iterator[tuple[str, str]]:
    """Yield the shared fields of a type as name and selection; of an object, with its shared leaves."""
    graphql_type = SCHEMA.type_map[type_name]
    assert isinstance(graphql_type, GraphQLObjectType)
    for name, field in graphql_type.fields.items():
        inner_type = get_named_type(field.type)
        if not is_shared(field):
            continue
        if is_leaf_type(inner_type):
            yield name, name
            continue
        inner_fields = inner_type.fields if isinstance(inner_type, GraphQLObjectType | GraphQLInterfaceType) else {}
        leaves = [
            inner_name
            for inner_name, inner in inner_fields.items()
            if is_shared(inner) and is_leaf_type(get_named_type(inner.type))
        ]
        yield name, f"{name} {{ __typename {' '.join(leaves)} }}"


def permissions_of(type_name: str, selection: str) -> PermissionSet:
    document = parse(f"subscription {{ dealWon {{ ... on {type_name} {{ {selection} }} }} }}")
    [definition] = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    return permissions_used(SCHEMA, document, definition, {})


@pytest.mark.parametrize("type_name", NODES)
async def test_viewers_with_equal_reach_get_equal_fields(type_name: str) -> None:
    selections = dict(iterate_selections(type_name))
    document = f"query($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {' '.join(selections.values())} }} }} }}"
    values: dict[tuple[str, str, Hashable], set[str]] = {}
    viewers_by_key: dict[tuple[str, str, Hashable], list[str]] = {}

    async with open_privacy_company() as world:
        viewers: dict[str, Viewer] = {actor: (await world.authenticated_context(actor)).viewer for actor in ACTORS}
        for node in NODES[type_name]:
            for actor, viewer in viewers.items():
                row = (await world.query(document, actor, id=world.global_ids[node]))["node"]
                for name, selection in selections.items() if row else ():
                    key = node, name, permission_fingerprint(viewer, permissions_of(type_name, selection))
                    values.setdefault(key, set()).add(json.dumps(row[name]))
                    viewers_by_key.setdefault(key, []).append(actor)

    assert [(key[:2], viewers_by_key[key]) for key, different in values.items() if len(different) > 1] == []
    assert any(len(actors) > 1 for actors in viewers_by_key.values())
