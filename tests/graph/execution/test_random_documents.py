"""Random documents over the whole schema: breadth-first execution and graphql-core give the same result."""

from __future__ import annotations

import inspect
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    execute,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
    validate,
)

from graph.execution.awaiting import is_awaitable
from graph.schema import create_schema
from tests.graph.privacy.company import open_privacy_company
from tests.world import World

SCHEMA: Final = create_schema(allow_suggestions=True)._schema
VIEWERS: Final = ("admin", "Dora", "Max", "Wall", None)
DEPTH: Final = 5  # levels of fields
DOCUMENTS: Final = 40
# what differs from one moment or one execution to the next
UNSTABLE_FIELDS: Final = {"asOf", "computedAt", "serverTime"}


class DocumentWriter:
    """Writes random valid documents: fields, arguments, aliases, fragments, and conditions."""

    def __init__(self, random: Random, ids: list[str]) -> None:
        self.random, self.ids = random, ids
        self.fragments: list[str] = []

    def write(self) -> str:
        assert SCHEMA.query_type is not None
        selection = self.selection(SCHEMA.query_type, 0)
        use_all = "yes: __typename @include(if: $yes) no: __typename @skip(if: $no) deals(first: $size) { totalCount }"
        definition = f"query($yes: Boolean!, $no: Boolean!, $size: Int!) {{ {use_all} {selection[1:]}"
        return f"{definition} {' '.join(self.fragments)}"

    def selection(self, graphql_type: GraphQLNamedType, depth: int) -> str:
        parts = ["__typename"] if self.random.random() < 0.3 or isinstance(graphql_type, GraphQLUnionType) else []
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType):
            fields = [(name, field) for name, field in graphql_type.fields.items() if name not in UNSTABLE_FIELDS]
            if depth >= DEPTH:
                fields = [(name, field) for name, field in fields if is_leaf_type(get_named_type(field.type))]
            for name, field in self.random.sample(fields, min(len(fields), self.random.randrange(1, 5))):
                parts.append(self.field(name, field, depth))
        if isinstance(graphql_type, GraphQLInterfaceType | GraphQLUnionType):
            for possible_type in self.random.sample(SCHEMA.get_possible_types(graphql_type), 1):
                parts.append(f"... on {possible_type.name} {self.selection(possible_type, depth)}")
        elif self.random.random() < 0.2 and depth < DEPTH and len(self.fragments) < 6:
            name = f"part{len(self.fragments)}"
            self.fragments.append("")
            self.fragments[int(name[4:])] = (
                f"fragment {name} on {graphql_type} {self.selection(graphql_type, depth + 1)}"
            )
            parts.append(f"...{name}")
        return "{ " + " ".join(part for part in parts if part) + " __typename }"

    def field(self, name: str, field: GraphQLField, depth: int) -> str:
        arguments = []
        for argument_name, argument in field.args.items():
            value = self.argument(argument_name, argument.type)
            if value is not None and (is_required_argument(argument) or self.random.random() < 0.5):
                arguments.append(f"{argument_name}: {value}")
            elif is_required_argument(argument):
                return ""
        inner = get_named_type(field.type)
        alias = f"{name}{self.random.randrange(10**9)}: "  # fields of one name but different arguments cannot be merged
        condition = self.random.choice(("", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: $no)"))
        selection = "" if is_leaf_type(inner) else self.selection(inner, depth + 1)
        return f"{alias}{name}{f'({chr(44).join(arguments)})' if arguments else ''}{condition} {selection}"

    def argument(self, name: str, graphql_type: Any) -> str | None:
        if isinstance(graphql_type, GraphQLNonNull):
            return self.argument(name, graphql_type.of_type)
        inner = get_named_type(graphql_type)
        if inner.name == "ID":
            return f'"{self.random.choice(self.ids)}"'
        if name in ("first", "last"):
            return self.random.choice(("2", "$size")) if name == "first" else None
        if isinstance(inner, GraphQLEnumType) and inner is graphql_type:
            return self.random.choice(list(inner.values))
        if inner.name == "Boolean":
            return self.random.choice(("true", "$yes"))
        if name == "metric":
            return self.random.choice(('"deals_won"', '"calls_made"', '"no_metric"'))
        if inner.name == "PeriodInput":
            return self.random.choice(("{kind: YEAR}", "{kind: MONTH, offset: -1}"))
        return None


async def test_results_of_random_documents_equal_those_of_the_library() -> None:
    async with open_privacy_company() as world:
        with_data = [await execute_both(world, seed) for seed in range(DOCUMENTS)]

    # a fifth of them are asked without a session, and one field out of reach may leave nothing of a document
    assert sum(with_data) > DOCUMENTS / 3, "many documents must have a result"


async def execute_both(world: World, seed: int) -> bool:
    """Compare the results of one random document, asked by a random viewer, and return whether it has data."""
    random = Random(seed)
    text = DocumentWriter(random, sorted(set(world.global_ids.values()))).write()
    document = parse(text)
    assert validate(SCHEMA, document) == [], text
    viewer, variables = random.choice(VIEWERS), {"yes": True, "no": random.random() < 0.5, "size": 3}

    library: Any = execute(
        SCHEMA,
        document,
        context_value=await world.authenticated_context(viewer),
        variable_values=variables,
        is_awaitable=is_awaitable,
    )
    library_result = await library if inspect.isawaitable(library) else library
    result = await world.executor.execute(text, await world.authenticated_context(viewer), variables)

    assert result.data == library_result.data, f"seed {seed}: {text}"
    errors, library_errors = (
        [(error.path, error.message) for error in answer.errors or ()] for answer in (result, library_result)
    )
    if result.data is not None:
        assert sorted(errors, key=str) == sorted(library_errors, key=str), f"seed {seed}: {text}"
    assert bool(errors) == bool(library_errors), f"seed {seed}: {text}"
    return result.data is not None
