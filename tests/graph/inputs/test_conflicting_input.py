"""Inputs whose values are valid but contradict each other or existing records; batches and idempotency keys."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.graph.inputs.invalid_values import CONFLICT, INVALID, NOT_FOUND, RANGE, REQUIRED, TOP
from tests.graph.inputs.request_client import SCHEMA, Edge, held

MONTH: Final = {"kind": "MONTH"}

# fmt: off
CONTRADICTIONS: Final = {  # mutation, its input with `$name` for ids, expected error code and field
    "a goal that is there already": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "period": MONTH}, CONFLICT, "period"),
    "a goal of the same days by another name": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "period": {**MONTH, "on": "2026-11-30"}},
        CONFLICT, "period"),
    "a custom goal that recurs": (
        "setGoal", {"owner": "$Ann", "metric": "deals_won", "target": 5, "recurring": True,
                    "period": {"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-05"}}, INVALID, "recurring"),
    "half a deal as a target": (
        "setGoal", {"owner": "$Ann", "metric": "calls_made", "target": "1.5", "period": MONTH}, RANGE, "target"),
    "a goal of a deal": ("setGoal", {"owner": "$deal", "metric": "deals_won", "target": 5, "period": MONTH}, NOT_FOUND, "owner"),
    "a goal seen in another version": ("updateGoal", {"id": "$goal", "ifVersion": 1, "target": 7}, CONFLICT, "ifVersion"),
    "a team below itself": ("updateTeam", {"id": "$Sales", "parent": "$Sales"}, INVALID, "parent"),
    "a team below its own": ("updateTeam", {"id": "$Sales", "parent": "$North"}, INVALID, "parent"),
    "an employee as their own manager": ("updateEmployee", {"id": "$Ann", "manager": "$Ann"}, INVALID, "manager"),
    "the last administrator demoted": ("updateEmployee", {"id": "$admin", "role": "EMPLOYEE"}, CONFLICT, "role"),
    "the last administrator deactivated": ("updateEmployee", {"id": "$admin", "active": False}, CONFLICT, "role"),
    "an e-mail address in use": ("updateEmployee", {"id": "$Ann", "email": "BOB@example.com"}, CONFLICT, "email"),
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
    "a metric that is there already": ("createMetric", {"key": "visits", "name": "V"}, CONFLICT, "key"),
}
# fmt: on
AFTER: Final = {  # calls to make before the contradictory one
    "more than can be counted at that rate": ("setExchangeRate", {"currency": "BHD", "rate": "1e9"}),
    "yen with a fraction": ("setExchangeRate", {"currency": "JPY", "rate": "0.006"}),
    "a lead that is a deal already": ("convertLead", {"id": "$lead", "deal": {"title": "A"}}),
    "an archived goal": ("archiveGoal", {"id": "$goal"}),
    "managers in a circle": ("updateEmployee", {"id": "$Ann", "manager": "$Bob"}),
    "a deleted deal": ("deleteDeal", {"id": "$deal"}),
    "a deal of a deleted client": ("deleteRecord", {"id": "$client"}),
}


def filled(given: Any, ids: dict[str, str]) -> Any:
    """Replace `$name` strings in the template by ids."""
    match given:
        case dict():
            return {name: filled(value, ids) for name, value in given.items()}
        case list():
            return [filled(value, ids) for value in given]
        case str() if given.startswith("$"):
            return ids[given[1:]]
    return given


async def tried(edge: Edge, mutation: str, given: dict[str, Any]) -> list[tuple[str, str]]:
    """Execute a mutation and return code and path of each user error."""
    arguments = filled(given, edge.ids)
    if "input" in SCHEMA._schema.mutation_type.fields[mutation].args:
        arguments = {"input": arguments}
    answer = await edge.act(mutation, arguments)
    assert "errors" not in answer, answer
    return [(error["code"], ".".join(error["path"])) for error in answer["data"][mutation]["userErrors"]]


async def refused(edge: Edge, what: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the errors of a contradictory input and whether the database is unchanged."""
    mutation, given, *_ = CONTRADICTIONS[what]
    if what in AFTER:
        assert await tried(edge, *AFTER[what]) == []
    before = await held()
    found = await tried(edge, mutation, given)
    return found, await held() == before


def expected(what: str) -> tuple[list[tuple[str, str]], bool]:
    mutation, _, code, field = CONTRADICTIONS[what]
    takes_input = "input" in SCHEMA._schema.mutation_type.fields[mutation].args
    return [(code, f"input.{field}" if takes_input else field)], True


@pytest.mark.parametrize("what", CONTRADICTIONS)
async def test_it_is_refused(sqlite: Edge, what: str) -> None:
    assert await refused(sqlite, what) == expected(what)


async def test_postgresql_refuses_the_same(postgres: Edge) -> None:
    told = [what for what in CONTRADICTIONS if what not in AFTER]

    assert {what: await refused(postgres, what) for what in told} == {what: expected(what) for what in told}


# Batches and repeated calls


def deals(count: int, **given: Any) -> dict[str, Any]:
    return {"inputs": [{"title": f"Deal {n}", **given} for n in range(count)]}


@pytest.mark.parametrize(("count", "said"), [(0, "inputs"), (501, "inputs")])
async def test_none_and_too_many_at_once_are_refused(sqlite: Edge, count: int, said: str) -> None:
    assert await tried(sqlite, "recordDeals", deals(count)) == [(RANGE, said)]


async def test_far_too_many_at_once_are_refused_before_they_are_looked_at(sqlite: Edge) -> None:
    answer = await sqlite.act("recordDeals", deals(100_000))
    assert answer["errors"][0]["extensions"]["code"] == TOP


async def test_of_many_one_that_is_wrong_is_named_and_none_is_recorded(sqlite: Edge) -> None:
    before, given = await held(), deals(3)
    given["inputs"][2]["amount"] = {"amount": -1}

    assert await tried(sqlite, "recordDeals", given) == [(RANGE, "inputs.2.amount.amount")]
    assert await held() == before


async def test_a_key_used_again_with_another_input_is_refused(sqlite: Edge) -> None:
    assert await tried(sqlite, "recordLead", {"title": "A", "idempotencyKey": "k"}) == []
    before = await held()

    assert await tried(sqlite, "recordLead", {"title": "A", "idempotencyKey": "k"}) == []
    again = [(CONFLICT, "input.idempotencyKey")]
    assert await tried(sqlite, "recordLead", {"title": "B", "idempotencyKey": "k"}) == again
    assert await tried(sqlite, "recordClient", {"name": "A", "idempotencyKey": "k"}) == again
    assert await held() == before


async def test_many_with_keys_are_recorded_once_each_however_they_come_again(sqlite: Edge) -> None:
    one, two, three = ({"title": title, "idempotencyKey": title} for title in ("A", "B", "C"))
    asked = "mutation($it: [RecordDealInput!]!) { recordDeals(inputs: $it) { deals { id title } userErrors { code path } } }"
    first = (await sqlite.ask(asked, it=[one, two, one]))["data"]["recordDeals"]["deals"]
    again = (await sqlite.ask(asked, it=[three, two, one]))["data"]["recordDeals"]["deals"]

    assert [deal["title"] for deal in first] == ["A", "B", "A"]
    assert [deal["title"] for deal in again] == ["C", "B", "A"]
    assert again[1:] == [first[1], first[0]]
    before = await held()
    assert await tried(sqlite, "recordDeal", one) == []
    wrong = {"inputs": [three, {"title": "D", "idempotencyKey": "A"}]}
    assert await tried(sqlite, "recordDeals", wrong) == [(CONFLICT, "inputs.1.idempotencyKey")]
    wrong = {"inputs": [{"title": "D", "idempotencyKey": "D"}, {"title": "E", "idempotencyKey": "D"}]}
    assert await tried(sqlite, "recordDeals", wrong) == [(CONFLICT, "inputs.1.idempotencyKey")]
    wrong = {"inputs": [one, {"title": ""}]}
    assert await tried(sqlite, "recordDeals", wrong) == [(REQUIRED, "inputs.1.title")]
    assert await held() == before


async def test_a_record_deleted_by_the_id_of_another_system_is_the_only_one_with_it(sqlite: Edge) -> None:
    assert await tried(sqlite, "recordLead", {"title": "A", "externalId": "7"}) == []
    assert await tried(sqlite, "recordClient", {"name": "A", "externalId": "7"}) == []
    assert await tried(sqlite, "deleteRecord", {"id": "ext:7"}) == [(CONFLICT, "id")]
    assert await tried(sqlite, "recordCall", {"direction": "INBOUND", "externalId": "8"}) == []
    assert await tried(sqlite, "deleteRecord", {"id": "ext:8"}) == []
    assert await tried(sqlite, "deleteRecord", {"id": "ext:8"}) == [(NOT_FOUND, "id")]
