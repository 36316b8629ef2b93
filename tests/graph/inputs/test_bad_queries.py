"""Queries and subscriptions with invalid arguments give a listed error code or an empty result, never INTERNAL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from graphql.utilities import coerce_input_value

from domain.primitives.global_ids import encode_global_id
from tests.graph.inputs.invalid_values import INVALID_BY_KIND, RAW_PREFIX, UNSTORABLE_TEXTS
from tests.graph.inputs.request_client import SCHEMA, RequestClient

ALLOWED_CODES: Final = {"BAD_USER_INPUT", "NOT_FOUND", "CURSOR_UNKNOWN"}
REQUIRED_ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "node": {"id": "x"}, "employee": {"id": "x"}, "team": {"id": "x"}, "goal": {"id": "x"},
    "testAlertRule": {"input": {"kind": "GOAL_BEHIND", "recipients": ["MANAGER"]}},
    "planPreview": {"input": {
        "scope": encode_global_id("Company", 1), "period": {}, "metrics": [
            {"metric": "calls_made", "base": "TOTAL", "total": 90, "weights": "EQUAL"}]}},
    "byExternalId": {"type": "DEAL", "externalId": "x"},
}  # fmt: skip
MANY_COMBINING_MARKS: Final = "x" + "\u0301\u0316" * 50_000  # Unicode normalization of them would take minutes
LONG_TEXT: Final = "x" * 100_000
INVALID_TEXTS: Final = [
    "",
    " ",
    "%",
    "_",
    "'; DROP TABLE deal; --",
    "a\u202eb",
    MANY_COMBINING_MARKS,
    LONG_TEXT,
    *(bad.value for bad in UNSTORABLE_TEXTS),
]
INVALID_IDS: Final = [
    *INVALID_TEXTS, "garbage", "ext:", f"ext:{LONG_TEXT}", 5, f"{RAW_PREFIX}{'9' * 40}", "WzFd", "WzEsMV0", "bnVsbA", "WzllNDAwXQ",
    *(encode_global_id(kind, number) for kind in ("Employee", "Team", "Deal", "Activity", "DealWon", "Device", "Pipeline", "Stage",
                                         "Company", "Nothing") for number in (0, 2**31, 10**18 - 1)),
]  # fmt: skip
VALUES_BY_TYPE: Final[dict[str, list[Any]]] = {
    "ID": INVALID_IDS,
    "String": INVALID_IDS,  # including cursors
    "Int": [0, -1, 101, 2**31 - 1, -(2**31), *(bad.value for bad in INVALID_BY_KIND["minute"])],
    "Decimal": [bad.value for bad in INVALID_BY_KIND["money"]],
    "Float": [0, -1, 101, "5", "NaN", True, f"{RAW_PREFIX}1e400", f"{RAW_PREFIX}1e308"],
    "Boolean": [bad.value for bad in INVALID_BY_KIND["boolean"]],
    "Date": [bad.value for bad in INVALID_BY_KIND["day"]],
    "DateTime": [bad.value for bad in INVALID_BY_KIND["moment"]] + ["2026-11-19T09:00:00Z"],
    "PeriodInput": [bad.value for bad in INVALID_BY_KIND["period"]],
}


def generate_calls(root_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each root field with arguments of which one, possibly a nested field, is invalid."""
    root = SCHEMA._schema.get_type(root_type)
    assert isinstance(root, GraphQLObjectType)
    for name, field in root.fields.items():
        for argument, argument_definition in field.args.items():
            for value in generate_invalid_values(argument_definition.type):
                required = REQUIRED_ARGUMENTS.get(name, {})
                if isinstance(value, dict) and isinstance(required.get(argument), dict):
                    value = required[argument] | value
                yield name, {**required, argument: value}


def generate_invalid_values(type_: GraphQLInputType) -> Iterator[Any]:
    named_type = get_named_type(type_)
    if isinstance(named_type, GraphQLInputObjectType) and named_type.name != "PeriodInput":
        for name, input_field in named_type.fields.items():
            for value in generate_invalid_values(input_field.type):
                yield {name: value}
        return
    invalid_values = (
        [bad.value for bad in INVALID_BY_KIND["enum"]]
        if isinstance(named_type, GraphQLEnumType)
        else VALUES_BY_TYPE[named_type.name]
    )
    for value in invalid_values:
        yield [value] if is_list_type(get_nullable_type(type_)) else value


def write_operation(root_type: str, name: str, arguments: dict[str, Any]) -> str:
    argument_definitions = SCHEMA._schema.get_type(root_type).fields[name].args
    declared = ", ".join(f"${argument}: {argument_definitions[argument].type}" for argument in arguments)
    arguments_text = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    return f"{root_type.lower()}({declared}) {{ {name}({arguments_text}) {{ __typename }} }}"


def read_codes(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer.get("errors", ())}


QUERIES: Final = list(generate_calls("Query"))


async def find_unexpected_codes(
    client: RequestClient, name: str, calls: Sequence[tuple[str, dict[str, Any]]] = QUERIES
) -> list[str]:
    return [
        f"{arguments!r:.100}: {answered_codes}"
        for field, arguments in calls
        if field == name
        for answered_codes in [read_codes(await client.execute(write_operation("Query", name, arguments), **arguments))]
        if not answered_codes <= ALLOWED_CODES
    ]


@pytest.mark.parametrize("name", sorted({name for name, _ in QUERIES}))
async def test_query_with_invalid_argument_gives_listed_code(sqlite_client: RequestClient, name: str) -> None:
    assert await find_unexpected_codes(sqlite_client, name) == []


@pytest.mark.parametrize("divisor", [3, pytest.param(1, marks=pytest.mark.long)])
async def test_query_with_invalid_argument_gives_listed_code_on_postgresql(
    postgres_client: RequestClient, divisor: int
) -> None:
    """By default one in three values, other ones for each argument."""
    accepted = [call for call in QUERIES if is_accepted_by_graphql(*call)][::divisor]
    for name in sorted({name for name, _ in accepted}):
        assert await find_unexpected_codes(postgres_client, name, accepted) == []


def is_accepted_by_graphql(name: str, arguments: dict[str, Any]) -> bool:
    """Return whether the arguments of a query fit their types, so that the database may be asked."""
    definitions = SCHEMA._schema.get_type("Query").fields[name].args
    return all(
        coerce_input_value(value, definitions[argument].type) is not Undefined for argument, value in arguments.items()
    )


async def test_employee_field_with_invalid_argument_gives_listed_code(sqlite_client: RequestClient) -> None:
    employee_fields = SCHEMA._schema.get_type("Employee").fields
    for name, field in employee_fields.items():
        selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
        for argument, argument_definition in field.args.items():
            for value in generate_invalid_values(argument_definition.type):
                document = f"""query($id: ID!, $it: {argument_definition.type}) {{
                  employee(id: $id) {{ {name}({argument}: $it) {selection} }} }}"""
                answer = await sqlite_client.execute(document, id=sqlite_client.ids["Ann"], it=value)
                assert read_codes(answer) <= ALLOWED_CODES, (name, argument, value)


async def test_subscription_with_invalid_argument_gives_listed_code(sqlite_client: RequestClient) -> None:
    """A subscription without a first result within half a second counts as an empty result."""

    async def receive_first_codes(name: str, arguments: dict[str, Any]) -> set[str]:
        try:
            async with asyncio.timeout(0.5):
                return read_codes(
                    await sqlite_client.receive_first(write_operation("Subscription", name, arguments), **arguments)
                )
        except TimeoutError:
            return set()

    answered_codes = await asyncio.gather(
        *(receive_first_codes(name, arguments) for name, arguments in generate_calls("Subscription"))
    )
    assert {code for codes in answered_codes for code in codes} <= ALLOWED_CODES
