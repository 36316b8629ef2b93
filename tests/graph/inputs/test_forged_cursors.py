"""A cursor that a client has made up is bad input on every paged field, and unknown to every subscription."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLString, get_named_type

from tests.graph.inputs.request_client import SCHEMA, RequestClient

ID_BY_TYPE = {
    "Employee": "Ann",
    "Client": "client",
    "Deal": "deal",
    "Goal": "goal",
    "ImportJob": "import",
}  # an object with the field


def encode(key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


FORGED_CURSORS = {  # sort keys that no list has
    "number": "5",
    "text": "nonsense",
    "not ASCII": "курсор",
    "other alphabet": "WzFd\n",
    "empty": "",
    "no list": encode({"id": 1}),
    "no values": encode([]),
    "too many values": encode([1, 1, 1]),
    "null": encode([None]),
    "boolean": encode([True]),
    "decimal": encode([1.5]),
    "nested": encode([[1]]),
    "beyond 63 bits": encode([1 << 63]),
    "beyond 64 bits": encode([1 << 64]),
    "beyond 63 bits in an epoch": encode([1 << 63, "abcdef01"]),
    "negative beyond 64 bits": encode([-(1 << 70)]),
    "text as the id": encode(["1"]),
    "null character": encode(["a\0b", 1]),
    "half of a surrogate pair": encode(["\ud800", 1]),
    "text as the last id": encode(["x", "y"]),
    "time as the id": encode(["2026-11-18T09:00:00+00:00", "2026-11-18T09:00:00+00:00"]),
    "second value beyond 64 bits": encode(["2026-11-18T09:00:00+00:00", 1 << 70]),
    "second value beyond 32 bits": encode(["2026-11-18T09:00:00+00:00", 1 << 31]),
    "very long": encode(["x" * 100_000, 1]),
}
SUSPICIOUS_CURSORS = {  # sort keys that fit the columns of some lists
    "64-bit id": encode([(1 << 63) - 1]),
    "negative id": encode([-(1 << 63)]),
    "32-bit id": encode([0, 1 << 31]),
    "year 10000": encode(["10000-01-01T00:00:00+00:00", 1]),
    "overflow by its offset": encode(["0001-01-01T00:00:00+14:00", 1]),
    "no offset": encode(["2026-11-18T09:00:00", 1]),
    "no time": encode(["now", 1]),
    "name": encode(["ann", 1]),
    "place beyond 64 bits": encode([1 << 63, 1]),
    "long name": encode(["x" * 4_000, 1]),
}


@pytest.fixture(params=["sqlite_client", "postgres_client"])
def client(request: pytest.FixtureRequest) -> RequestClient:
    return request.getfixturevalue(request.param)


def list_paged_fields() -> Iterator[tuple[str, str]]:
    """Yield the type and name of each field with a cursor."""
    for object_type in SCHEMA._schema.type_map.values():
        if isinstance(object_type, GraphQLObjectType) and object_type.name != "Subscription":
            for name, field in object_type.fields.items():
                if "after" in field.args and get_named_type(field.args["after"].type) is GraphQLString:
                    yield object_type.name, name


async def find_codes(client: RequestClient, type_name: str, field: str, argument: str, cursor: str) -> set[str]:
    selection = f"{field}({argument}: $cursor) {{ totalCount edges {{ cursor }} }}"
    if type_name == "Query":
        answer = await client.execute(f"query($cursor: String) {{ {selection} }}", cursor=cursor)
    else:
        document = f"query($id: ID!, $cursor: String) {{ node(id: $id) {{ ... on {type_name} {{ {selection} }} }} }}"
        answer = await client.execute(document, id=client.ids[ID_BY_TYPE[type_name]], cursor=cursor)
    return {error["extensions"]["code"] for error in answer.get("errors", ())}


async def test_forged_cursor_is_bad_input_on_every_paged_field(client: RequestClient) -> None:
    fields = list(list_paged_fields())
    unexpected = []
    for type_name, field in fields:
        for argument in ("after", "before"):
            for name, cursor in FORGED_CURSORS.items():
                codes = await find_codes(client, type_name, field, argument, cursor)
                if codes != {"BAD_USER_INPUT"}:
                    unexpected.append((type_name, field, argument, name, codes))
            for name, cursor in SUSPICIOUS_CURSORS.items():
                codes = await find_codes(client, type_name, field, argument, cursor)
                if not codes <= {"BAD_USER_INPUT"}:
                    unexpected.append((type_name, field, argument, name, codes))

    assert unexpected == []
    assert len(fields) >= 17


@pytest.mark.parametrize("field", ["activities", "alerts", "dealWon", "undoneActivities"])
async def test_forged_cursor_is_unknown_to_every_subscription(client: RequestClient, field: str) -> None:
    argument_type = SCHEMA._schema.subscription_type.fields[field].args["after"].type
    document = f"subscription($after: {argument_type}) {{ {field}(after: $after) {{ __typename }} }}"
    unexpected = {}
    for name, cursor in {**FORGED_CURSORS, **SUSPICIOUS_CURSORS}.items():
        answer = await client.receive_first(document, after=cursor)
        codes = {error["extensions"]["code"] for error in answer["errors"]}
        if codes != {"CURSOR_UNKNOWN"}:
            unexpected[name] = codes

    assert unexpected == {}
