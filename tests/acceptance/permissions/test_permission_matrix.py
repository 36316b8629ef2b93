"""Permission matrix: every operation of the schema by every actor, over HTTP and over a WebSocket.

Compares three things: the table in `domain/permissions.py`, the grids written by hand in `expected`, and the answers of
a real server. `operations` describes how to add an operation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from graph.schema import make
from tests.acceptance.permissions.company import Asker, Office, opened
from tests.acceptance.permissions.expected_permissions import ABSENT, ALLOWED, FORBIDDEN, STRANGER
from tests.acceptance.permissions.mutation_calls import MUTATIONS
from tests.acceptance.permissions.operations import ASKING, Operation, derived
from tests.acceptance.permissions.query_calls import QUERIES, SUBSCRIPTIONS
from tests.http_server import hear, say

MARKS = {
    "UNAUTHENTICATED": STRANGER,
    "FORBIDDEN": FORBIDDEN,
    "NOT_FOUND": ABSENT,
    "CURSOR_UNKNOWN": ABSENT,
    "BAD_USER_INPUT NOT_FOUND": ABSENT,  # an argument of a query with the id of an object the viewer cannot see
}

MET = [each for each in ASKING if each != "stranger"]  # actors whose socket is accepted

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with opened(tmp_path_factory.mktemp("rights")) as found:
        yield found


def root_fields(kind: str) -> set[str]:
    root = make()._schema.get_type(kind)
    return set(root.fields)


@pytest.mark.parametrize(
    ("kind", "operations"),
    [("Query", QUERIES), ("Mutation", MUTATIONS), ("Subscription", SUBSCRIPTIONS)],
    ids=["queries", "mutations", "subscriptions"],
)
async def test_no_operation_of_the_schema_is_left_out(kind: str, operations: list[Operation]) -> None:
    assert {each.field for each in operations} == root_fields(kind)


@pytest.mark.parametrize("operation", [*QUERIES, *MUTATIONS, *SUBSCRIPTIONS], ids=lambda each: each.name)
async def test_the_table_says_what_the_rules_say(operation: Operation) -> None:
    acts = operation in MUTATIONS or operation.acts
    found = {(actor, subject): derived(operation, actor, subject, acts=acts) for actor, subject in operation.grid}

    assert found == operation.grid


@pytest.mark.parametrize("actor", ASKING)
async def test_everybody_is_answered_as_the_rules_say(office: Office, actor: str) -> None:
    wrong = await differences(office, actor, Asker(office.here, office.tokens[actor]))

    assert not wrong


@pytest.mark.parametrize("actor", MET)
async def test_everybody_is_answered_alike_over_the_socket(office: Office, actor: str) -> None:
    async with office.here.socket(office.tokens[actor]) as socket:
        asker = Asker(office.here, office.tokens[actor], socket)
        wrong = await differences(office, actor, asker, one_of_each=True)

    assert not wrong


async def differences(office: Office, actor: str, asker: Asker, *, one_of_each: bool = False) -> dict[str, str]:
    """Return the answers that differ from the grids, in words.

    one_subject_per_mark  test only one subject for each expected mark
    """
    wrong = {}
    for operation in (*QUERIES, *MUTATIONS):
        expected = {subject: mark for (one, subject), mark in operation.grid.items() if one == actor}
        if one_of_each:
            chosen = {mark: subject for subject, mark in expected.items()}
            expected = {subject: mark for mark, subject in chosen.items()}
        found = await verdicts(office, asker, operation, list(expected))
        if operation.mend:
            for subject in (subject for subject, mark in found.items() if mark == ALLOWED):
                await office.act(f"mutation {{ {operation.mend} }}", subject)
        wrong |= {
            f"{operation.name} of {subject}": f"{found[subject]} instead of {mark}"
            for subject, mark in expected.items()
            if found[subject] != mark
        }
    return wrong


async def verdicts(office: Office, asker: Asker, operation: Operation, subjects: Sequence[str]) -> dict[str, str]:
    """Execute the operation for all subjects in one document and return the mark of each.

    If an error of one nulls the data of all, each subject is queried on its own.
    """
    kind = "mutation" if operation in MUTATIONS else "query"
    texts = {subject: await office.written(operation.text, subject) for subject in subjects}
    answer = await asker.ask(f"{kind} {{ {' '.join(f'{alias}: {text}' for alias, text in texts.items())} }}")
    if answer.get("data") is None and len(subjects) > 1 and "UNAUTHENTICATED" not in str(answer):
        return {subject: (await verdicts(office, asker, operation, [subject]))[subject] for subject in subjects}
    found = {}
    for subject in subjects:
        looked_for = await office.written(operation.listing, subject) if operation.listing else None
        found[subject] = verdict(answer, subject, looked_for)
    return found


def verdict(answer: dict[str, Any], alias: str, looked_for: str | None) -> str:
    """Return the mark of the field `alias` of an answer; an unexpected error is returned in words."""
    for error in answer.get("errors", []):
        if answer.get("data") is None or error["path"][0] == alias:
            said = error["extensions"]
            code = f"{said['code']} {said['constraint']}" if "constraint" in said else said["code"]
            return MARKS.get(code, f"{code}: {error['message']}")
    value = answer["data"][alias]
    if isinstance(value, dict) and "userErrors" in value:
        codes = [error["code"] for error in value["userErrors"]]
        return MARKS.get(codes[0], codes[0]) if codes else ALLOWED
    if isinstance(value, dict) and "within" in value:
        value = value["within"]
    if isinstance(value, dict) and "edges" in value:
        value = [edge["node"] for edge in value["edges"]]
    if looked_for is not None:
        return ALLOWED if looked_for in [row["id"] for row in value] else ABSENT
    return ALLOWED if value else ABSENT


@pytest.mark.parametrize("actor", MET)
async def test_everybody_hears_what_the_rules_say(office: Office, actor: str) -> None:
    found: dict[str, str] = {}
    expected = {
        f"{operation.name} of {subject}": mark
        for operation in SUBSCRIPTIONS
        for (one, subject), mark in operation.grid.items()
        if one == actor
    }
    async with office.here.socket(office.tokens[actor], max_queue=None) as socket:
        for operation in SUBSCRIPTIONS:
            for _, subject in (key for key in operation.grid if key[0] == actor):
                query = f"subscription {{ {await office.written(operation.text, subject)} }}"
                await say(socket, id=f"{operation.name} of {subject}", type="subscribe", payload={"query": query})
        while any(mark == ALLOWED and id_ not in found for id_, mark in expected.items()):
            message = await hear(socket)
            code = message["payload"][0]["extensions"]["code"] if message["type"] == "error" else None
            found[message["id"]] = MARKS.get(code, code) if code else ALLOWED
        found |= dict.fromkeys(await heard_meanwhile(socket), ALLOWED)

    assert {id_: found.get(id_, ABSENT) for id_ in expected} == expected


async def heard_meanwhile(socket: ClientConnection) -> list[str]:
    """Return the ids of the subscriptions that receive an event before the answer to a query made now."""
    await say(socket, id="now", type="subscribe", payload={"query": "{ teams { id } }"})
    heard = []
    while (message := await hear(socket))["id"] != "now":
        if message["type"] == "next":
            heard.append(message["id"])
    return heard
