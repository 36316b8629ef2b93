"""Permission matrix: every operation of the schema by every actor, over HTTP and over a WebSocket.

Compares three things: the table in `domain/permissions.py`, the grids written by hand in `expected`, and the answers of
a real server. `operations` describes how to add an operation.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from graph.execution import operations
from graph.schema import create_schema
from tests.acceptance.permissions.company import ApiClient, RightsCompany, run_rights_company
from tests.acceptance.permissions.mutation_calls import MUTATIONS
from tests.acceptance.permissions.operations import ACTORS, MatrixOperation, expected_mark
from tests.acceptance.permissions.permission_grids import ABSENT, ALLOWED, FORBIDDEN, UNAUTHENTICATED, Grid
from tests.acceptance.permissions.query_calls import QUERIES, SUBSCRIPTIONS
from tests.http_server import receive_message, send_message

MARK_BY_CODE = {
    "UNAUTHENTICATED": UNAUTHENTICATED,
    "FORBIDDEN": FORBIDDEN,
    "NOT_FOUND": ABSENT,
    "CURSOR_UNKNOWN": ABSENT,
    "BAD_USER_INPUT NOT_FOUND": ABSENT,  # an argument of a query with the id of an object the viewer cannot see
}

OPERATIONS = (*QUERIES, *MUTATIONS)
SIGNED_IN_ACTORS = [actor for actor in ACTORS if actor != "stranger"]  # actors whose socket is accepted

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RightsCompany]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "CACHE_SIZE", 10_000)  # all actors send the same documents, more than a client has
        async with run_rights_company(tmp_path_factory.mktemp("rights")) as rights_company:
            yield rights_company


def get_root_fields(kind: str) -> set[str]:
    root = create_schema()._schema.get_type(kind)
    return set(root.fields)


@pytest.mark.parametrize(
    ("kind", "operations"),
    [("Query", QUERIES), ("Mutation", MUTATIONS), ("Subscription", SUBSCRIPTIONS)],
    ids=["queries", "mutations", "subscriptions"],
)
async def test_matrix_covers_every_root_field_of_the_schema(kind: str, operations: list[MatrixOperation]) -> None:
    assert {operation.field for operation in operations} == get_root_fields(kind)


@pytest.mark.parametrize("operation", [*QUERIES, *MUTATIONS, *SUBSCRIPTIONS], ids=lambda operation: operation.name)
async def test_permission_table_agrees_with_handwritten_rules(operation: MatrixOperation) -> None:
    is_action = operation in MUTATIONS or operation.is_action
    derived_grid = {
        (actor, subject): expected_mark(operation, actor, subject, is_action=is_action)
        for actor, subject in operation.grid
    }

    assert derived_grid == operation.grid


@pytest.mark.parametrize("cells", ["part", pytest.param("all", marks=pytest.mark.long)])
@pytest.mark.parametrize("actor", ACTORS)
async def test_http_answers_follow_the_rules(company: RightsCompany, actor: str, cells: str) -> None:
    """Of each operation a part of the cells: see `select_cells`. All of them are a `long` test."""
    grids = select_cells() if cells == "part" else [operation.grid for operation in OPERATIONS]
    expected_marks = [
        {subject: mark for (row_actor, subject), mark in grid.items() if row_actor == actor} for grid in grids
    ]
    mismatches = await find_differences(company, ApiClient(company.server, company.tokens[actor]), expected_marks)

    assert not mismatches


def select_cells() -> list[Grid]:
    """Return cells of the grid of each operation.

    Each operation has each mark of each actor once, for subjects in turn. Cells of a grid that come up for none of the
    operations that share it are given to these by turns, so that each cell of each grid is selected.
    """
    selected: list[Grid] = []
    grids: dict[int, Grid] = {}
    indices: dict[int, list[int]] = {}  # of the operations that share a grid
    for index, operation in enumerate(OPERATIONS):
        grid_id = id(operation.grid)
        grids[grid_id] = operation.grid
        turn = len(indices.setdefault(grid_id, []))
        indices[grid_id].append(index)
        subjects_by_row: dict[tuple[str, str], list[str]] = {}
        for (actor, subject), mark in operation.grid.items():
            subjects_by_row.setdefault((actor, mark), []).append(subject)
        selected.append(
            {
                (actor, subjects[(turn + ACTORS.index(actor)) % len(subjects)]): mark
                for (actor, mark), subjects in subjects_by_row.items()
            }
        )
    for grid_id, grid in grids.items():
        missing = [cell for cell in grid if not any(cell in selected[index] for index in indices[grid_id])]
        for cell, index in zip(missing, itertools.cycle(indices[grid_id]), strict=False):
            selected[index][cell] = grid[cell]
    return selected


async def test_selected_cells_have_each_mark_of_an_operation_and_each_cell_of_a_grid() -> None:
    selected = select_cells()

    for operation, cells in zip(OPERATIONS, selected, strict=True):
        rows = {(actor, mark) for (actor, _), mark in operation.grid.items()}
        assert {(actor, mark) for (actor, _), mark in cells.items()} == rows
    for operation in OPERATIONS:
        union: Grid = {}
        for other, cells in zip(OPERATIONS, selected, strict=True):
            union |= cells if other.grid is operation.grid else {}
        assert union == operation.grid


@pytest.mark.parametrize("actor", SIGNED_IN_ACTORS)
async def test_socket_answers_follow_the_rules(company: RightsCompany, actor: str) -> None:
    """Each mark of each operation once, by the actors in turn: a socket differs from HTTP in how it knows the viewer."""
    async with company.server.connect(company.tokens[actor]) as socket:
        client = ApiClient(company.server, company.tokens[actor], socket)
        mismatches = await find_differences(company, client, [*list_marks_in_turn(actor)])

    assert not mismatches


def list_marks_in_turn(actor: str) -> Iterator[dict[str, str]]:
    """Yield, for each operation, a subject with each mark that it is this actor's turn to expect."""
    for number, operation in enumerate(OPERATIONS):
        pairs_by_mark: dict[str, dict[str, str]] = {}
        for (row_actor, subject), mark in operation.grid.items():
            if row_actor in SIGNED_IN_ACTORS:
                pairs_by_mark.setdefault(mark, {})[row_actor] = subject
        yield {
            subjects[actor]: mark
            for mark, subjects in pairs_by_mark.items()
            if actor == [*subjects][number % len(subjects)]
        }


async def find_differences(
    company: RightsCompany, client: ApiClient, expected_marks: Sequence[dict[str, str]]
) -> dict[str, str]:
    """Return the answers that differ from the expected marks of the subjects of each operation, in words."""
    mismatches = {}
    for operation, expected in zip(OPERATIONS, expected_marks, strict=True):
        if not expected:
            continue
        marks = await fetch_marks(company, client, operation, list(expected))
        if operation.restore:
            for subject in (subject for subject, mark in marks.items() if mark == ALLOWED):
                await company.execute_as_admin(f"mutation {{ {operation.restore} }}", subject)
        mismatches |= {
            f"{operation.name} of {subject}": f"{marks[subject]} instead of {mark}"
            for subject, mark in expected.items()
            if marks[subject] != mark
        }
    return mismatches


async def fetch_marks(
    company: RightsCompany, client: ApiClient, operation: MatrixOperation, subjects: Sequence[str]
) -> dict[str, str]:
    """Execute the operation for all subjects in one document and return the mark of each.

    If an error of one nulls the data of all, each subject is queried on its own.
    """
    kind = "mutation" if operation in MUTATIONS else "query"
    documents = {subject: await company.fill_template(operation.text, subject) for subject in subjects}
    answer = await client.execute(
        f"{kind} {{ {' '.join(f'{alias}: {document}' for alias, document in documents.items())} }}"
    )
    if answer.get("data") is None and len(subjects) > 1 and "UNAUTHENTICATED" not in str(answer):
        return {subject: (await fetch_marks(company, client, operation, [subject]))[subject] for subject in subjects}
    marks = {}
    for subject in subjects:
        listed_id = await company.fill_template(operation.listed_id, subject) if operation.listed_id else None
        marks[subject] = mark_of(answer, subject, listed_id)
    return marks


def mark_of(answer: dict[str, Any], alias: str, listed_id: str | None) -> str:
    """Return the mark of the field `alias` of an answer; an unexpected error is returned in words."""
    for error in answer.get("errors", []):
        if answer.get("data") is None or error["path"][0] == alias:
            extensions = error["extensions"]
            code = (
                f"{extensions['code']} {extensions['constraint']}" if "constraint" in extensions else extensions["code"]
            )
            return MARK_BY_CODE.get(code, f"{code}: {error['message']}")
    value = answer["data"][alias]
    if isinstance(value, dict) and "userErrors" in value:
        codes = [error["code"] for error in value["userErrors"]]
        return MARK_BY_CODE.get(codes[0], codes[0]) if codes else ALLOWED
    if isinstance(value, dict) and "within" in value:
        value = value["within"]
    if isinstance(value, dict) and "edges" in value:
        value = [edge["node"] for edge in value["edges"]]
    if listed_id is not None:
        return ALLOWED if listed_id in [row["id"] for row in value or ()] else ABSENT
    return ALLOWED if value else ABSENT


@pytest.mark.parametrize("actor", SIGNED_IN_ACTORS)
async def test_subscriptions_follow_the_rules(company: RightsCompany, actor: str) -> None:
    marks: dict[str, str] = {}
    expected = {
        f"{operation.name} of {subject}": mark
        for operation in SUBSCRIPTIONS
        for (row_actor, subject), mark in operation.grid.items()
        if row_actor == actor
    }
    async with company.server.connect(company.tokens[actor], max_queue=None) as socket:
        for operation in SUBSCRIPTIONS:
            for _, subject in (key for key in operation.grid if key[0] == actor):
                query = f"subscription {{ {await company.fill_template(operation.text, subject)} }}"
                await send_message(
                    socket, id=f"{operation.name} of {subject}", type="subscribe", payload={"query": query}
                )
        while any(mark == ALLOWED and operation_id not in marks for operation_id, mark in expected.items()):
            message = await receive_message(socket)
            code = message["payload"][0]["extensions"]["code"] if message["type"] == "error" else None
            marks[message["id"]] = MARK_BY_CODE.get(code, code) if code else ALLOWED
        marks |= dict.fromkeys(await receive_until_query_answered(socket), ALLOWED)

    assert {operation_id: marks.get(operation_id, ABSENT) for operation_id in expected} == expected


async def receive_until_query_answered(socket: ClientConnection) -> list[str]:
    """Return the ids of the subscriptions that receive an event before the answer to a query made now."""
    await send_message(socket, id="now", type="subscribe", payload={"query": "{ teams { id } }"})
    operation_ids = []
    while (message := await receive_message(socket))["id"] != "now":
        if message["type"] == "next":
            operation_ids.append(message["id"])
    return operation_ids
