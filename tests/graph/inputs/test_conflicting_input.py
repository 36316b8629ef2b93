"""Inputs whose values are valid but contradict each other or existing records; batches and idempotency keys."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.graph.inputs.invalid_values import BAD_INPUT, CONFLICT, INVALID, NOT_FOUND, RANGE, REQUIRED
from tests.graph.inputs.request_client import SCHEMA, RequestClient, read_all_rows

MONTH: Final = {"kind": "MONTH"}
QUARTER: Final = {"kind": "QUARTER"}

# fmt: off
CONTRADICTIONS: Final = {  # mutation, its input with `$name` for ids, expected error code and field
    "a goal that is there already": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "period": QUARTER}, CONFLICT, "period"),
    "a goal of the same days by another name": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "period": {**QUARTER, "on": "2026-11-30"}},
        CONFLICT, "period"),
    "a custom goal that recurs": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "recurring": True,
                    "period": {"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-05"}}, INVALID, "recurring"),
    "half a deal as a target": (
        "setGoal", {"owner": "$Ann", "metric": "calls_made", "target": "1.5", "period": MONTH}, RANGE, "target"),
    "a goal of a deal": ("setGoal", {"owner": "$deal", "metric": "deals_won", "target": 5, "period": MONTH}, NOT_FOUND, "owner"),
    "a goal seen in another version": ("updateGoal", {"id": "$goal", "ifVersion": 1, "target": 7, "reason": "raised"}, CONFLICT, "ifVersion"),
    "a team below itself": ("updateTeam", {"id": "$Sales", "parent": "$Sales"}, INVALID, "parent"),
    "a team below its own": ("updateTeam", {"id": "$Sales", "parent": "$North"}, INVALID, "parent"),
    "an employee as their own manager": ("updateEmployee", {"id": "$Ann", "manager": "$Ann"}, INVALID, "manager"),
    "the last administrator demoted": ("updateEmployee", {"id": "$admin", "role": "EMPLOYEE"}, CONFLICT, "role"),
    "the last administrator deactivated": ("updateEmployee", {"id": "$admin", "active": False}, CONFLICT, "role"),
    "an e-mail address in use": ("updateEmployee", {"id": "$Ann", "email": "BOB@example.com"}, CONFLICT, "email"),
    "a picture on another site without a scheme": (
        "updateEmployee", {"id": "$Ann", "avatarUrl": "//evil.example/a.png"}, INVALID, "avatarUrl"),
    "a device of a person": ("createDevice", {"name": "Hall", "kind": "WALLBOARD", "scope": "$Ann"}, INVALID, "scope"),
    "a pipeline without stages": ("savePipeline", {"name": "New", "stages": []}, RANGE, "stages"),
    "a pipeline of too many stages": (
        "savePipeline", {"name": "New", "stages": [{"name": str(n)} for n in range(51)]}, RANGE, "stages"),
    "two stages of one name": ("savePipeline", {"name": "New", "stages": [{"name": "A"}, {"name": "A"}]}, INVALID, "stages"),
    "a stage of another pipeline": (
        "savePipeline", {"name": "New", "stages": [{"name": "A"}, {"name": "B", "id": "$stage"}]}, NOT_FOUND, "stages.1.id"),
    "a stage that deals have been in": (
        "savePipeline", {"id": "$pipeline", "name": "New", "stages": [{"name": "A"}]}, CONFLICT, "stages"),
    "a rate of the company's currency": ("setExchangeRate", {"currency": "eur", "rate": 1}, INVALID, "currency"),
    "another currency once something was counted": ("updateCompany", {"currency": "USD"}, CONFLICT, "currency"),
    "a working day over midnight": ("updateCompany", {"workdayStart": "22:00", "workdayEnd": "06:00"}, RANGE, "workdayEnd"),
    "a working day that begins when it ends": ("updateCompany", {"workdayStart": "18:00"}, RANGE, "workdayStart"),
    "a region without a country": ("updateCompany", {"holidayRegion": "BY"}, INVALID, "holidayRegion"),
    "a region of a country without regions": (
        "updateCompany", {"holidayCountry": "RU", "holidayRegion": "BY"}, INVALID, "holidayRegion"),
    "a region of another country": (
        "updateCompany", {"holidayCountry": "FR", "holidayRegion": "BY"}, INVALID, "holidayRegion"),
    "a day off that is over": (
        "setCompanyDays", {"days": [{"date": "2026-11-17", "kind": "OFF", "name": "Party"}]}, CONFLICT, "days.0.date"),
    "a day off set twice": (
        "setCompanyDays", {"days": [{"date": "2026-12-30", "kind": kind, "name": "Party"} for kind in ("OFF", "ON")]},
        INVALID, "days.1.date"),
    "an absence that overlaps another": (
        "setAbsence", {"employee": "$Ann", "from": "2026-11-19", "to": "2026-11-20", "kind": "SICK"}, CONFLICT, "from"),
    "an absence that ends before it begins": (
        "setAbsence", {"employee": "$Bob", "from": "2026-11-20", "to": "2026-11-19", "kind": "SICK"}, INVALID, "to"),
    "an absence of a lifetime": (
        "setAbsence", {"employee": "$Bob", "from": "2026-11-20", "to": "2036-11-19", "kind": "OTHER"}, RANGE, "to"),
    "an absence of another employee": (
        "setAbsence", {"id": "$absence", "employee": "$Bob", "from": "2026-11-19", "to": "2026-11-20", "kind": "SICK"},
        CONFLICT, "employee"),
    "an externalId of another absence": (
        "setAbsence", {"id": "$absence", "from": "2026-11-19", "to": "2026-11-20", "kind": "SICK", "externalId": "taken"},
        CONFLICT, "externalId"),
    "no days off": ("setCompanyDays", {"days": []}, RANGE, "days"),
    "a new password without the old": ("updateProfile", {"password": "correct horses"}, INVALID, "currentPassword"),
    "a won deal without an amount": ("recordDeal", {"title": "A", "status": "WON"}, REQUIRED, "amount"),
    "an open deal that was closed": ("recordDeal", {"title": "A", "closedAt": "2026-11-18T08:00:00Z"}, INVALID, "closedAt"),
    "a deal closed before it was created": (
        "recordDeal", {"title": "A", "status": "LOST", "createdAt": "2026-11-17T00:00:00Z",
                       "closedAt": "2026-11-16T00:00:00Z"}, INVALID, "closedAt"),
    "a currency without a rate": (
        "recordDeal", {"title": "A", "amount": {"amount": 1, "currency": "JPY"}}, INVALID, "amount.currency"),
    "more than can be counted at that rate": (
        "recordDeal", {"title": "A", "status": "WON", "amount": {"amount": "1e12", "currency": "BHD"}}, RANGE, "amount"),
    "yen with a fraction": (
        "recordDeal", {"title": "A", "cost": {"amount": "1.5", "currency": "JPY"}}, RANGE, "cost.amount"),
    "a stage of a deal that is closed": ("moveDeal", {"id": "$won", "stage": "$stage"}, CONFLICT, "id"),
    "a move before there was a deal": (
        "moveDeal", {"id": "$deal", "stage": "$stage", "at": "2026-11-17T00:00:00Z"}, INVALID, "at"),
    "a win before there was a deal": ("winDeal", {"id": "$deal", "at": "2026-11-17T00:00:00Z"}, INVALID, "at"),
    "a result of a built-in metric": ("recordResult", {"metric": "deals_won", "value": 1}, INVALID, "metric"),
    "a result in part": ("recordResult", {"metric": "visits", "value": "0.5"}, RANGE, "value"),
    "a lead that is a deal already": ("convertLead", {"id": "$lead", "deal": {"title": "B"}}, CONFLICT, "id"),
    "an archived goal": ("updateGoal", {"id": "$goal", "target": 7}, CONFLICT, "id"),
    "managers in a circle": ("updateEmployee", {"id": "$Bob", "manager": "$Ann"}, INVALID, "manager"),
    "a deleted deal": ("winDeal", {"id": "$deal"}, NOT_FOUND, "id"),
    "a deal of a deleted client": ("recordDeal", {"title": "A", "client": "$client"}, NOT_FOUND, "client"),
    "a task done before it was given": ("completeTask", {"id": "$task", "at": "2026-11-17T00:00:00Z"}, INVALID, "at"),
    "a rule for a goal far behind by nothing": (
        "createAlertRule", {"kind": "GOAL_BEHIND", "recipients": ["MANAGER"], "percent": 0}, RANGE, "percent"),
    "a rule for a goal behind by more than all": (
        "createAlertRule", {"kind": "GOAL_BEHIND", "recipients": ["MANAGER"], "percent": 100.1}, RANGE, "percent"),
    "a credit given away to nobody": ("updateDeal", {"id": "$won", "moveCredit": True}, REQUIRED, "owner"),
    "a reason of a deal that is not lost": ("recordDeal", {"title": "A", "lostReason": "Too dear"}, INVALID, "lostReason"),
    "a current password without a new one": (
        "updateProfile", {"currentPassword": "correct horse"}, REQUIRED, "password"),
    "quiet hours without an end": ("updateProfile", {"quietFrom": 600}, REQUIRED, "quietTo"),
    "quiet hours of no length": ("updateProfile", {"quietFrom": 600, "quietTo": 600}, INVALID, "quietTo"),
    "two idempotency keys": (
        "convertLead", {"id": "$lead", "deal": {"title": "B", "idempotencyKey": "a"}, "idempotencyKey": "b"},
        INVALID, "deal.idempotencyKey"),
    "an externalId of another lead": (
        "recordLead", {"id": "$lead", "title": "A", "externalId": "taken"}, CONFLICT, "externalId"),
    "a currency with a later rate only": (
        "recordDeal", {"title": "A", "amount": {"amount": 1, "currency": "CHF"}}, INVALID, "amount.currency"),
    "a win before the first rate": (
        "recordDeal", {"title": "A", "status": "WON", "closedAt": "2026-10-30T09:00:00Z",
                       "amount": {"amount": 1, "currency": "USD"}}, INVALID, "amount.currency"),
    "a client with a deal": ("deleteRecord", {"id": "$client"}, CONFLICT, "id"),
    "a deal of an employee who has left": ("recordDeal", {"title": "A", "owner": "$Bob"}, CONFLICT, "owner"),
    "a deal handed over to an employee who has left": ("updateDeal", {"id": "$deal", "owner": "$Bob"}, CONFLICT, "owner"),
    "a task of an employee who has left": ("createTask", {"title": "A", "assignee": "$Bob"}, CONFLICT, "assignee"),
    "a lead of an employee who has left made a deal": (
        "convertLead", {"id": "$lead", "deal": {"title": "A"}}, CONFLICT, "deal.owner"),
    "a goal of an employee who has left": (
        "setGoal", {"owner": "$Bob", "metric": "deals_won", "target": 5, "period": MONTH}, CONFLICT, "owner"),
    "a rule about an employee who has left": (
        "createAlertRule", {"kind": "DEAL_LOST", "recipients": ["MANAGER"], "scope": "$Bob"}, CONFLICT, "scope"),
    "a team under a manager who has left": ("updateTeam", {"id": "$Sales", "manager": "$Bob"}, CONFLICT, "manager"),
    "an employee under a manager who has left": ("updateEmployee", {"id": "$Ann", "manager": "$Bob"}, CONFLICT, "manager"),
    "a rule with days for a kind without": (
        "createAlertRule", {"kind": "DEAL_LOST", "recipients": ["MANAGER"], "days": 3}, INVALID, "days"),
    "a rule about a stage without a stage": (
        "createAlertRule", {"kind": "DEAL_ENTERED_STAGE", "recipients": ["MANAGER"]}, REQUIRED, "stage"),
    "an assigner of a deal": (
        "createAlertRule", {"kind": "DEAL_LOST", "recipients": ["ASSIGNER"]}, INVALID, "recipients.0"),
    "a client merged into itself": ("mergeClients", {"into": "$client", "from": "$client"}, INVALID, "from"),
    "a contact merged into a client": ("mergeClients", {"into": "$client", "from": "$contact"}, NOT_FOUND, "from"),
    "a client merged twice": ("mergeClients", {"into": "$client", "from": "$other client"}, CONFLICT, "from"),
    "clients merged in a circle": ("mergeClients", {"into": "$other client", "from": "$client"}, CONFLICT, "into"),
    "a metric that is there already": ("createMetric", {"key": "visits", "name": "V"}, CONFLICT, "key"),
}
# fmt: on
PRECEDING_CALLS: Final = {  # calls to make before the contradictory one
    "an externalId of another absence": (
        "setAbsence",
        {"employee": "$Bob", "from": "2026-11-19", "to": "2026-11-20", "kind": "SICK", "externalId": "taken"},
    ),
    "more than can be counted at that rate": ("setExchangeRate", {"currency": "BHD", "rate": "1e9"}),
    "yen with a fraction": ("setExchangeRate", {"currency": "JPY", "rate": "0.006"}),
    "a lead that is a deal already": ("convertLead", {"id": "$lead", "deal": {"title": "A"}}),
    "an externalId of another lead": ("recordLead", {"title": "B", "externalId": "taken"}),
    "a currency with a later rate only": ("setExchangeRate", {"currency": "CHF", "rate": 1, "from": "2026-12-01"}),
    "a client with a deal": ("updateDeal", {"id": "$deal", "client": "$client"}),
    **{
        name: ("updateEmployee", {"id": "$Bob", "active": False})
        for name in (
            "a deal of an employee who has left",
            "a deal handed over to an employee who has left",
            "a task of an employee who has left",
            "a goal of an employee who has left",
            "a rule about an employee who has left",
            "a team under a manager who has left",
            "an employee under a manager who has left",
        )
    },
    "a lead of an employee who has left made a deal": ("updateEmployee", {"id": "$Ann", "active": False}),
    "an archived goal": ("archiveGoal", {"id": "$goal"}),
    "managers in a circle": ("updateEmployee", {"id": "$Ann", "manager": "$Bob"}),
    "a deleted deal": ("deleteDeal", {"id": "$deal"}),
    **{
        name: ("mergeClients", {"into": "$client", "from": "$other client"})
        for name in ("a client merged twice", "clients merged in a circle")
    },
    "a deal of a deleted client": ("deleteRecord", {"id": "$client"}),
}


def fill_ids(template: Any, ids: dict[str, str]) -> Any:
    """Replace `$name` strings in the template by ids."""
    match template:
        case dict():
            return {name: fill_ids(value, ids) for name, value in template.items()}
        case list():
            return [fill_ids(value, ids) for value in template]
        case str() if template.startswith("$"):
            return ids[template[1:]]
    return template


async def execute_and_read_errors(
    client: RequestClient, mutation: str, template: dict[str, Any]
) -> list[tuple[str, str]]:
    """Execute a mutation and return code and path of each user error."""
    arguments = fill_ids(template, client.ids)
    if "input" in SCHEMA._schema.mutation_type.fields[mutation].args:
        arguments = {"input": arguments}
    answer = await client.execute_mutation(mutation, arguments)
    assert "errors" not in answer, answer
    return [(error["code"], ".".join(error["path"])) for error in answer["data"][mutation]["userErrors"]]


async def try_contradiction(client: RequestClient, name: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the errors of a contradictory input and whether the database is unchanged."""
    mutation, template, *_ = CONTRADICTIONS[name]
    if name in PRECEDING_CALLS:
        assert await execute_and_read_errors(client, *PRECEDING_CALLS[name]) == []
    rows_before = await read_all_rows()
    errors = await execute_and_read_errors(client, mutation, template)
    return errors, await read_all_rows() == rows_before


def expected_result(name: str) -> tuple[list[tuple[str, str]], bool]:
    mutation, _, code, field = CONTRADICTIONS[name]
    takes_input = "input" in SCHEMA._schema.mutation_type.fields[mutation].args
    return [(code, f"input.{field}" if takes_input else field)], True


@pytest.mark.parametrize("what", CONTRADICTIONS)
async def test_contradictory_input_is_rejected(sqlite_client: RequestClient, what: str) -> None:
    assert await try_contradiction(sqlite_client, what) == expected_result(what)


async def test_contradictory_input_is_rejected_on_postgresql(postgres_client: RequestClient) -> None:
    names = [name for name in CONTRADICTIONS if name not in PRECEDING_CALLS]

    assert {name: await try_contradiction(postgres_client, name) for name in names} == {
        name: expected_result(name) for name in names
    }


# Batches and repeated calls


def build_deal_inputs(count: int, **fields: Any) -> dict[str, Any]:
    return {"inputs": [{"title": f"Deal {number}", **fields} for number in range(count)]}


@pytest.mark.parametrize(("count", "path"), [(0, "inputs"), (501, "inputs")])
async def test_empty_and_oversized_batches_are_rejected(sqlite_client: RequestClient, count: int, path: str) -> None:
    assert await execute_and_read_errors(sqlite_client, "recordDeals", build_deal_inputs(count)) == [(RANGE, path)]


async def test_huge_batch_is_rejected_before_validation_of_its_items(sqlite_client: RequestClient) -> None:
    answer = await sqlite_client.execute_mutation("recordDeals", build_deal_inputs(100_000))
    assert answer["errors"][0]["extensions"]["code"] == BAD_INPUT


async def test_batch_with_one_invalid_item_records_nothing(sqlite_client: RequestClient) -> None:
    rows_before, arguments = await read_all_rows(), build_deal_inputs(3)
    arguments["inputs"][2]["amount"] = {"amount": -1}

    assert await execute_and_read_errors(sqlite_client, "recordDeals", arguments) == [(RANGE, "inputs.2.amount.amount")]
    assert await read_all_rows() == rows_before


async def test_idempotency_key_with_another_input_is_rejected(sqlite_client: RequestClient) -> None:
    assert await execute_and_read_errors(sqlite_client, "recordLead", {"title": "A", "idempotencyKey": "k"}) == []
    rows_before = await read_all_rows()

    assert await execute_and_read_errors(sqlite_client, "recordLead", {"title": "A", "idempotencyKey": "k"}) == []
    conflict = [(CONFLICT, "input.idempotencyKey")]
    assert await execute_and_read_errors(sqlite_client, "recordLead", {"title": "B", "idempotencyKey": "k"}) == conflict
    assert (
        await execute_and_read_errors(sqlite_client, "recordClient", {"name": "A", "idempotencyKey": "k"}) == conflict
    )
    assert await read_all_rows() == rows_before


async def test_batch_items_with_idempotency_keys_are_recorded_once(sqlite_client: RequestClient) -> None:
    first_input, second_input, third_input = ({"title": title, "idempotencyKey": title} for title in ("A", "B", "C"))
    document = "mutation($it: [RecordDealInput!]!) { recordDeals(inputs: $it) { deals { id title } userErrors { code path } } }"
    first_deals = (await sqlite_client.execute(document, it=[first_input, second_input, first_input]))["data"][
        "recordDeals"
    ]["deals"]
    second_deals = (await sqlite_client.execute(document, it=[third_input, second_input, first_input]))["data"][
        "recordDeals"
    ]["deals"]

    assert [deal["title"] for deal in first_deals] == ["A", "B", "A"]
    assert [deal["title"] for deal in second_deals] == ["C", "B", "A"]
    assert second_deals[1:] == [first_deals[1], first_deals[0]]
    rows_before = await read_all_rows()
    assert await execute_and_read_errors(sqlite_client, "recordDeal", first_input) == []
    arguments = {"inputs": [third_input, {"title": "D", "idempotencyKey": "A"}]}
    assert await execute_and_read_errors(sqlite_client, "recordDeals", arguments) == [
        (CONFLICT, "inputs.1.idempotencyKey")
    ]
    arguments = {"inputs": [{"title": "D", "idempotencyKey": "D"}, {"title": "E", "idempotencyKey": "D"}]}
    assert await execute_and_read_errors(sqlite_client, "recordDeals", arguments) == [
        (CONFLICT, "inputs.1.idempotencyKey")
    ]
    arguments = {"inputs": [first_input, {"title": ""}]}
    assert await execute_and_read_errors(sqlite_client, "recordDeals", arguments) == [(REQUIRED, "inputs.1.title")]
    assert await read_all_rows() == rows_before


async def test_delete_by_external_id_requires_unique_match(sqlite_client: RequestClient) -> None:
    assert await execute_and_read_errors(sqlite_client, "recordLead", {"title": "A", "externalId": "7"}) == []
    assert await execute_and_read_errors(sqlite_client, "recordClient", {"name": "A", "externalId": "7"}) == []
    assert await execute_and_read_errors(sqlite_client, "deleteRecord", {"id": "ext:7"}) == [(CONFLICT, "id")]
    assert await execute_and_read_errors(sqlite_client, "recordCall", {"direction": "INBOUND", "externalId": "8"}) == []
    assert await execute_and_read_errors(sqlite_client, "deleteRecord", {"id": "ext:8"}) == []
    assert await execute_and_read_errors(sqlite_client, "deleteRecord", {"id": "ext:8"}) == []  # a repetition
    assert await execute_and_read_errors(sqlite_client, "deleteRecord", {"id": "ext:9"}) == [(NOT_FOUND, "id")]
