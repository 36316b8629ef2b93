"""A mutation that is sent again changes nothing: by its idempotency key, or because it states the result."""

from __future__ import annotations

from typing import Any, Final

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from models.auth.sessions import IdempotencyRecord
from tests.graph.inputs import valid_inputs
from tests.graph.inputs.request_client import SCHEMA, RequestClient, read_all_rows

MUTATIONS_WITHOUT_KEY: Final = {
    "endSessions",
    "previewImport",  # changes nothing
    "refreshSession",
    "requestPasswordReset",
    "setPassword",
    "signIn",
    "signOut",
}
MUTATIONS: Final = sorted(SCHEMA._schema.mutation_type.fields.keys() - MUTATIONS_WITHOUT_KEY)
STATING_THE_RESULT: Final = (
    "archiveGoal", "completeTask", "createMetric", "deleteAlertRule", "deleteDeal", "deleteRecord", "deleteRefund", "flagDeal", "loseDeal",
    "markAlertsRead", "moveDeal", "recordCall", "recordClient", "recordContact", "recordDeal", "recordLead", "recordRefund", "recordResult",
    "rejectLead", "reopenDeal", "reopenTask", "revokeDevice", "setAbsence", "setCompanyDays", "setGoal", "undoPlan", "updateDeal", "winDeal",
)  # fmt: skip

DEFAULT_ON_POSTGRESQL: Final = {  # which send statements that few or no other tests send to PostgreSQL
    "createTask", "markAlertsRead", "mergeContacts", "mergeLeads", "recordCall", "recordRefund", "recordResult", "removeAbsence",
    "reopenDeal", "reopenTask", "revokeDevice", "runImport", "savePipeline", "setAbsence", "setGoal", "submitForecast",
    "updateAlertRule", "updateCompany", "updateDeal", "updateGoal", "updateProfile",
}  # fmt: skip


def select_all(object_type: GraphQLObjectType) -> str:
    """Return a selection of all fields of a payload, objects by their ids."""
    parts = []
    for name, field in object_type.fields.items():
        named_type = get_named_type(field.type)
        if is_leaf_type(named_type):
            parts.append(name)
        else:
            parts.append(f"{name} {{ {next(key for key in ('id', 'key', 'path', 'at') if key in named_type.fields)} }}")
    return f"{{ {' '.join(parts)} }}"


async def execute(client: RequestClient, mutation: str, arguments: dict[str, Any]) -> Any:
    """Execute a mutation and return its whole payload, which must have no errors."""
    field = SCHEMA._schema.mutation_type.fields[mutation]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
    arguments_text = ", ".join(f"{name}: ${name}" for name in arguments)
    selection = select_all(get_named_type(field.type))
    answer = await client.execute(f"mutation({declared}) {{ {mutation}({arguments_text}) {selection} }}", **arguments)
    assert "errors" not in answer, (mutation, answer)
    assert answer["data"][mutation]["userErrors"] == [], (mutation, answer)
    return answer["data"][mutation]


def without_keys(arguments: Any) -> Any:
    """Return the arguments without idempotency keys."""
    if isinstance(arguments, list):
        return [without_keys(item) for item in arguments]
    if isinstance(arguments, dict):
        return {name: without_keys(value) for name, value in arguments.items() if name != "idempotencyKey"}
    return arguments


def test_every_mutation_takes_an_idempotency_key() -> None:
    arguments = valid_inputs.build_valid_arguments(_AnyId())

    assert [mutation for mutation in MUTATIONS if arguments[mutation] == without_keys(arguments[mutation])] == []


class _AnyId(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "1"


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_repetition_by_key_returns_the_first_response_and_changes_nothing(
    sqlite_client: RequestClient, mutation: str
) -> None:
    await check_repetition_by_key(sqlite_client, mutation)


@pytest.mark.parametrize(
    "mutation",
    [
        mutation if mutation in DEFAULT_ON_POSTGRESQL else pytest.param(mutation, marks=pytest.mark.long)
        for mutation in MUTATIONS
    ],
)
async def test_repetition_by_key_returns_the_first_response_on_postgresql(
    postgres_client: RequestClient, mutation: str
) -> None:
    await check_repetition_by_key(postgres_client, mutation)


async def check_repetition_by_key(client: RequestClient, mutation: str) -> None:
    arguments = valid_inputs.build_valid_arguments(client.ids)[mutation]
    first = await execute(client, mutation, arguments)
    rows = await read_all_rows()
    second = await execute(client, mutation, arguments)

    first |= dict.fromkeys(first.keys() & {"token", "link"})  # shown once
    if mutation == "recordDeals":
        first["goals"] = []  # of the inputs that were recorded now
    assert second == first
    assert await read_all_rows() == rows


@pytest.mark.parametrize("mutation", STATING_THE_RESULT)
async def test_mutation_that_states_the_result_is_repeated_without_a_key(
    sqlite_client: RequestClient, mutation: str
) -> None:
    arguments = without_keys(valid_inputs.build_valid_arguments(sqlite_client.ids)[mutation])
    first = await execute(sqlite_client, mutation, arguments)
    rows = await read_all_rows()
    second = await execute(sqlite_client, mutation, arguments)

    first.pop("goals", None)  # the repetition moves none
    assert second.pop("goals", []) == []
    assert second == first
    assert await read_all_rows() == rows


async def test_deletion_is_repeated_on_postgresql(postgres_client: RequestClient) -> None:
    for mutation in ("deleteDeal", "deleteRecord", "deleteAlertRule"):
        arguments = without_keys(valid_inputs.build_valid_arguments(postgres_client.ids)[mutation])
        first = await execute(postgres_client, mutation, arguments)
        rows = await read_all_rows()
        second = await execute(postgres_client, mutation, arguments)

        assert {**second, "goals": []} == {**first, "goals": []}
        assert await read_all_rows() == rows


async def test_key_of_an_argument_with_another_input_is_a_conflict(sqlite_client: RequestClient) -> None:
    delete = {"id": sqlite_client.ids["deal"], "idempotencyKey": "k"}
    await execute(sqlite_client, "deleteDeal", delete)
    answer = await sqlite_client.execute_mutation("deleteDeal", {**delete, "id": sqlite_client.ids["won"]})

    (error,) = answer["data"]["deleteDeal"]["userErrors"]
    assert (error["code"], error["path"]) == ("CONFLICT", ["idempotencyKey"])


async def test_neither_passwords_nor_tokens_are_stored_with_a_key(sqlite_client: RequestClient) -> None:
    """A digest of an input with a password could be used to guess the password."""
    employee = {"name": "Eve", "email": "eve@example.com", "idempotencyKey": "employee"}
    await execute(sqlite_client, "createEmployee", {"input": {**employee, "password": "first password"}})
    repeated = await execute(sqlite_client, "createEmployee", {"input": {**employee, "password": "another one"}})
    device = {"name": "Hall", "kind": "WALLBOARD", "idempotencyKey": "device"}
    token = (await execute(sqlite_client, "createDevice", {"input": device}))["token"]

    records = {record.key: record.answer for record in await IdempotencyRecord.all()}
    assert repeated["employee"] is not None
    assert token not in str(records)
    assert records["device"].keys() == {"device", "user_errors"}
