"""Responses of `/graphql` over HTTP, to valid and invalid requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http_server import ADMIN, Served, served

RESPONSE = "application/graphql-response+json"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("endpoint")) as found:
        yield found


def code(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def test_a_query_is_answered_in_the_form_that_the_client_accepts(here: Served) -> None:
    plain = await here.post("{ company { name } }", headers={"accept": "application/json"})
    newer = await here.post("{ company { name } }", headers={"accept": f"{RESPONSE}, application/json;q=0.9"})
    assert (plain.status_code, plain.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert (newer.status_code, newer.headers["content-type"]) == (200, f"{RESPONSE}; charset=utf-8")
    assert plain.json() == newer.json() == {"data": {"company": {"name": "Acme"}}}
    assert (await here.post("{ company { name } }", headers={"accept": "text/csv"})).status_code == 406


@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), (RESPONSE, 400), ("*/*", 400)])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ company {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: String!) { activities(first: $n) { edges { cursor } } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ node(id: "a", nonsense: 1) { id } }', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_is_no_operation_of_ours_is_told_where_it_is_wrong(
    here: Served, accept: str, status: int, query: str, expected: str
) -> None:
    response = await here.post(query, headers={"accept": accept})
    answer = response.json()
    assert (response.status_code, code(answer)) == (status, expected)
    assert "data" not in answer
    assert answer["errors"][0]["locations"]
    assert "Did you mean" not in response.text


async def test_an_answer_with_an_error_names_the_request_as_its_header_does(here: Served) -> None:
    response = await here.post("{ nothing }")
    assert response.json()["errors"][0]["extensions"]["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"5", b'"x"', b"true", b"[]", b"{", b'{"query": 5}', b'{"query": "{a}", "variables": []}',
             b'{"query": "{a}", "operationName": 1}', b"\xff\xfe", b"[" * 100_000, b'{"query": NaN}']
)  # fmt: skip
async def test_a_body_that_is_no_request_is_a_bad_request(here: Served, body: bytes) -> None:
    response = await here.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, code(response.json())) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_only_json_is_taken_so_that_no_foreign_form_can_post(here: Served, kind: str) -> None:
    response = await here.http.post("/graphql", content=b'{"query": "{ __typename }"}', headers={"content-type": kind})
    assert (response.status_code, code(response.json())) == (415, "BAD_REQUEST")


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(here: Served) -> None:
    response = await here.http.post("/graphql", content=b"x" * 1_100_000, headers={"content-type": "application/json"})
    assert (response.status_code, response.headers["connection"]) == (413, "close")


async def test_queries_may_be_asked_by_get_and_mutations_not(here: Served) -> None:
    authorized = {"authorization": f"Bearer {here.token}"}
    asked = {"query": "query($x: ID!) { node(id: $x) { id } }", "variables": json.dumps({"x": "nothing"})}
    found = await here.http.get("/graphql", params=asked, headers=authorized)
    assert (found.status_code, found.json()["data"]) == (200, {"node": None})
    refused = await here.http.get(
        "/graphql", params={"query": 'mutation { signOut(refreshToken: "x") { userErrors { message } } }'}
    )
    assert refused.status_code in (400, 405)
    named = await here.http.get("/graphql", params={"query": "mutation { __typename }"}, headers=authorized)
    assert (named.status_code, named.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert (await here.http.put("/graphql", content=b"{}")).status_code == 405
    assert (await here.http.get("/graphql", params={"query": "x" * 17_000})).status_code == 414


async def test_a_document_with_several_operations_wants_one_named(here: Served) -> None:
    document = "query A { company { name } } query B { company { id } }"
    assert code((await here.post(document)).json()) == "BAD_USER_INPUT"
    assert code((await here.post(document, operationName="C")).json()) == "BAD_USER_INPUT"
    assert (await here.post(document, operationName="A")).json() == {"data": {"company": {"name": "Acme"}}}


async def test_strangers_get_no_further_than_signing_in(here: Served) -> None:
    response = await here.post("{ company { name } }", token="")
    assert (response.status_code, code(response.json())) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer", "Bearer sld_unknown",
                      "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwic2lkIjoxLCJleHAiOjk5OTk5OTk5OTl9."]
)  # fmt: skip
async def test_a_token_that_is_not_ours_is_refused_with_one_text_for_all(here: Served, authorization: str) -> None:
    response = await here.post("{ __typename }", headers={"authorization": authorization})
    assert (response.status_code, code(response.json())) == (401, "UNAUTHENTICATED")


async def test_characters_and_numbers_that_nobody_can_store_are_named(here: Served) -> None:
    query = "query($x: ID!, $n: Int) { node(id: $x) { id } activities(first: $n) { edges { cursor } } }"
    for variables in (
        r'{"x": "\ud800"}',
        r'{"x": "a\u0000b"}',
        '{"x": "a", "n": 1e400}',
        f'{{"x": "a", "n": {"9" * 5000}}}',
    ):
        body = f'{{"query": {json.dumps(query)}, "variables": {variables}}}'
        response = await here.http.post(
            "/graphql",
            content=body.encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {here.token}"},
        )
        assert (response.status_code, code(response.json())) == (400, "BAD_USER_INPUT"), variables
        assert len(response.text) < 1000


async def test_the_schema_is_not_shown_to_strangers(here: Served) -> None:
    assert code((await here.post("{ __schema { types { name } } }")).json()) == "GRAPHQL_VALIDATION_FAILED"
    assert "text/html" not in (await here.http.get("/graphql", headers={"accept": "text/html"})).headers["content-type"]


async def test_signing_in_too_often_waits_and_says_how_long(here: Served) -> None:
    query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { message } } }"
    wrong = {**ADMIN, "password": "wrong"}
    answers = [await here.post(query, token="", variables={"input": wrong}) for _ in range(12)]
    assert answers[0].status_code == 200
    assert (answers[-1].status_code, code(answers[-1].json())) == (429, "THROTTLED")
    assert int(answers[-1].headers["retry-after"]) > 1
