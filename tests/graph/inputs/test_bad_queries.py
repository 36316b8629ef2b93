"""Queries and subscriptions with invalid arguments give a listed error code or an empty result, never INTERNAL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from domain.primitives.global_ids import encoded
from tests.graph.inputs.invalid_values import BAD, RAW, UNSTORABLE
from tests.graph.inputs.request_client import SCHEMA, Edge

CODES: Final = {"BAD_USER_INPUT", "NOT_FOUND", "CURSOR_UNKNOWN"}
NEEDED: Final[dict[str, dict[str, Any]]] = {
    "node": {"id": "x"}, "employee": {"id": "x"}, "team": {"id": "x"}, "goal": {"id": "x"},
    "testAlertRule": {"input": {"kind": "GOAL_BEHIND", "recipients": ["MANAGER"]}},
    "byExternalId": {"type": "DEAL", "externalId": "x"},
}  # fmt: skip
MARKS: Final = "x" + "\u0301\u0316" * 50_000  # Unicode normalization of them would take minutes
LONG: Final = "x" * 100_000
TEXTS: Final = [
    "",
    " ",
    "%",
    "_",
    "'; DROP TABLE deal; --",
    "a\u202eb",
    MARKS,
    LONG,
    *(bad.value for bad in UNSTORABLE),
]
IDS: Final = [
    *TEXTS, "garbage", "ext:", f"ext:{LONG}", 5, f"{RAW}{'9' * 40}", "WzFd", "WzEsMV0", "bnVsbA", "WzllNDAwXQ",
    *(encoded(kind, number) for kind in ("Employee", "Team", "Deal", "Activity", "DealWon", "Device", "Pipeline", "Stage",
                                         "Company", "Nothing") for number in (0, 2**31, 10**18 - 1)),
]  # fmt: skip
BY_TYPE: Final[dict[str, list[Any]]] = {
    "ID": IDS,
    "String": IDS,  # including cursors
    "Int": [0, -1, 101, 2**31 - 1, -(2**31), *(bad.value for bad in BAD["minute"])],
    "Decimal": [bad.value for bad in BAD["money"]],
    "Float": [0, -1, 101, "5", "NaN", True, f"{RAW}1e400", f"{RAW}1e308"],
    "Boolean": [bad.value for bad in BAD["boolean"]],
    "DateTime": [bad.value for bad in BAD["moment"]] + ["2026-11-19T09:00:00Z"],
    "PeriodInput": [bad.value for bad in BAD["period"]],
}


def questions(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each root field with arguments of which one, possibly a nested field, is invalid."""
    root = SCHEMA._schema.get_type(kind)
    assert isinstance(root, GraphQLObjectType)
    for name, field in root.fields.items():
        for argument, of in field.args.items():
            for value in worst(of.type):
                needed = NEEDED.get(name, {})
                if isinstance(value, dict) and isinstance(needed.get(argument), dict):
                    value = needed[argument] | value
                yield name, {**needed, argument: value}


def worst(type_: GraphQLInputType) -> Iterator[Any]:
    of = get_named_type(type_)
    if isinstance(of, GraphQLInputObjectType) and of.name != "PeriodInput":
        for name, inner in of.fields.items():
            for value in worst(inner.type):
                yield {name: value}
        return
    found = [bad.value for bad in BAD["enum"]] if isinstance(of, GraphQLEnumType) else BY_TYPE[of.name]
    for value in found:
        yield [value] if is_list_type(get_nullable_type(type_)) else value


def asked(kind: str, name: str, arguments: dict[str, Any]) -> str:
    taken = SCHEMA._schema.get_type(kind).fields[name].args
    declared = ", ".join(f"${argument}: {taken[argument].type}" for argument in arguments)
    passed = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    return f"{kind.lower()}({declared}) {{ {name}({passed}) {{ __typename }} }}"


def codes(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer.get("errors", ())}


QUERIES: Final = list(questions("Query"))


async def failures(edge: Edge, name: str) -> list[str]:
    return [
        f"{arguments!r:.100}: {found}"
        for field, arguments in QUERIES
        if field == name
        for found in [codes(await edge.ask(asked("Query", name, arguments), **arguments))]
        if not found <= CODES
    ]


@pytest.mark.parametrize("name", sorted({name for name, _ in QUERIES}))
async def test_a_query_that_means_nothing(sqlite: Edge, name: str) -> None:
    assert await failures(sqlite, name) == []


async def test_a_query_that_means_nothing_to_postgresql(postgres: Edge) -> None:
    for name in sorted({name for name, _ in QUERIES}):
        assert await failures(postgres, name) == []


async def test_a_list_within_another(sqlite: Edge) -> None:
    card = SCHEMA._schema.get_type("Employee").fields
    for name, field in card.items():
        for argument, of in field.args.items():
            for value in worst(of.type):
                document = f"""query($id: ID!, $it: {of.type}) {{
                  employee(id: $id) {{ {name}({argument}: $it) {{ __typename }} }} }}"""
                answer = await sqlite.ask(document, id=sqlite.ids["Ann"], it=value)
                assert codes(answer) <= CODES, (name, argument, value)


async def test_a_subscription_that_means_nothing(sqlite: Edge) -> None:
    """A subscription without a first result within half a second counts as an empty result."""

    async def first(name: str, arguments: dict[str, Any]) -> set[str]:
        try:
            async with asyncio.timeout(0.5):
                return codes(await sqlite.hear(asked("Subscription", name, arguments), **arguments))
        except TimeoutError:
            return set()

    found = await asyncio.gather(*(first(name, arguments) for name, arguments in questions("Subscription")))
    assert {code for codes in found for code in codes} <= CODES
