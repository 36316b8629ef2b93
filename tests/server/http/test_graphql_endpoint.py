"""Responses of `/graphql` over HTTP, to valid and invalid requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http_server import ADMIN, RunningServer, run_test_server

RESPONSE = "application/graphql-response+json"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("endpoint")) as running:
        yield running


def error_code(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def test_response_has_media_type_the_client_accepts(server: RunningServer) -> None:
    json_response = await server.post("{ company { name } }", headers={"accept": "application/json"})
    graphql_response = await server.post(
        "{ company { name } }", headers={"accept": f"{RESPONSE}, application/json;q=0.9"}
    )
    assert (json_response.status_code, json_response.headers["content-type"]) == (
        200,
        "application/json; charset=utf-8",
    )
    assert (graphql_response.status_code, graphql_response.headers["content-type"]) == (
        200,
        f"{RESPONSE}; charset=utf-8",
    )
    assert json_response.json() == graphql_response.json() == {"data": {"company": {"name": "Acme"}}}
    for refused in ("text/csv", "application/json;q=0", "*/*;q=0"):
        assert (await server.post("{ company { name } }", headers={"accept": refused})).status_code == 406


async def test_repeated_request_is_answered_by_the_token_and_the_present_data(server: RunningServer) -> None:
    query = "{ company { name currency } }"
    rename = "mutation($name: String) { updateCompany(input: {name: $name}) { userErrors { code } } }"
    for name in ("Emca", "Acme", "Emca", "Acme"):
        await server.execute(rename, name=name)
        answers = [(await server.post(query, token=token)).json() for token in (None, "", None)]
        assert answers[0] == answers[2] == {"data": {"company": {"name": name, "currency": "EUR"}}}
        assert error_code(answers[1]) == "UNAUTHENTICATED"


async def test_long_answer_to_a_page_is_compressed(server: RunningServer) -> None:
    query, page = "{ metrics { key name description } }", {"origin": f"http://{server.address}"}
    to_page, to_program = [
        await server.post(query, headers={"accept-encoding": "gzip", **headers}) for headers in (page, {})
    ]
    short = await server.post("{ company { name } }", headers={"accept-encoding": "gzip", **page})

    assert to_page.json() == to_program.json()
    assert to_page.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in ", ".join(to_page.headers.get_list("vary"))
    assert "content-encoding" not in to_program.headers
    assert "content-encoding" not in short.headers


async def test_response_has_plain_media_type_when_the_client_leaves_the_choice(server: RunningServer) -> None:
    response = await server.post("{ company { name } }", headers={"accept": "*/*"})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json; charset=utf-8")


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("application/json", 200, "application/json"),
        (RESPONSE, 400, RESPONSE),
        ("*/*", 400, RESPONSE),
        (f"{RESPONSE},application/json;q=0.9", 400, RESPONSE),
        (f"{RESPONSE};q=0, application/json;q=0.9", 200, "application/json"),
        (f"{RESPONSE};q=0.5, application/json", 200, "application/json"),
    ],
)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ company {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: String!) { activities(first: $n) { edges { cursor } } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ node(id: "a", nonsense: 1) { id } }', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_invalid_document_is_refused_with_location(
    server: RunningServer, accept: str, status: int, media_type: str, query: str, expected: str
) -> None:
    response = await server.post(query, headers={"accept": accept})
    answer = response.json()
    assert (response.status_code, error_code(answer)) == (status, expected)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert "data" not in answer
    assert answer["errors"][0]["locations"]
    assert "Did you mean" not in response.text


async def test_error_contains_request_id_of_response_header(server: RunningServer) -> None:
    response = await server.post("{ nothing }")
    assert response.json()["errors"][0]["extensions"]["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"5", b'"x"', b"true", b"[]", b"{", b'{"query": 5}', b'{"query": "{a}", "variables": []}',
             b'{"query": "{a}", "operationName": 1}', b"\xff\xfe", b"[" * 100_000, b'{"query": NaN}']
)  # fmt: skip
async def test_invalid_body_is_bad_request(server: RunningServer, body: bytes) -> None:
    response = await server.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, error_code(response.json())) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_content_types_are_refused_against_cross_site_forms(server: RunningServer, kind: str) -> None:
    response = await server.http.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"content-type": kind}
    )
    assert (response.status_code, error_code(response.json())) == (415, "BAD_REQUEST")


async def test_body_over_limit_is_refused_before_it_is_read(server: RunningServer) -> None:
    response = await server.http.post(
        "/graphql", content=b"x" * 1_100_000, headers={"content-type": "application/json"}
    )
    assert (response.status_code, response.headers["connection"]) == (413, "close")


async def test_get_executes_queries_but_not_mutations(server: RunningServer) -> None:
    authorized = {"authorization": f"Bearer {server.token}"}
    params = {"query": "query($x: ID!) { node(id: $x) { id } }", "variables": json.dumps({"x": "nothing"})}
    query_response = await server.http.get("/graphql", params=params, headers=authorized)
    assert (query_response.status_code, query_response.json()["data"]) == (200, {"node": None})
    anonymous_mutation = await server.http.get(
        "/graphql", params={"query": 'mutation { signOut(refreshToken: "x") { userErrors { message } } }'}
    )
    assert anonymous_mutation.status_code in (400, 405)
    mutation_response = await server.http.get(
        "/graphql", params={"query": "mutation { __typename }"}, headers=authorized
    )
    assert (mutation_response.status_code, mutation_response.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert (await server.http.put("/graphql", content=b"{}")).status_code == 405
    assert (await server.http.get("/graphql", params={"query": "x" * 17_000})).status_code == 414


async def test_document_with_several_operations_requires_operation_name(server: RunningServer) -> None:
    document = "query A { company { name } } query B { company { id } }"
    assert error_code((await server.post(document)).json()) == "BAD_USER_INPUT"
    assert error_code((await server.post(document, operationName="C")).json()) == "BAD_USER_INPUT"
    assert (await server.post(document, operationName="A")).json() == {"data": {"company": {"name": "Acme"}}}


async def test_query_without_token_is_unauthenticated(server: RunningServer) -> None:
    response = await server.post("{ company { name } }", token="")
    assert (response.status_code, error_code(response.json())) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer", "Bearer sld_unknown",
                      "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwic2lkIjoxLCJleHAiOjk5OTk5OTk5OTl9."]
)  # fmt: skip
async def test_invalid_token_is_refused(server: RunningServer, authorization: str) -> None:
    response = await server.post("{ __typename }", headers={"authorization": authorization})
    assert (response.status_code, error_code(response.json())) == (401, "UNAUTHENTICATED")


async def test_values_that_cannot_be_stored_are_refused(server: RunningServer) -> None:
    query = "query($x: ID!, $n: Int) { node(id: $x) { id } activities(first: $n) { edges { cursor } } }"
    for variables in (
        r'{"x": "\ud800"}',
        r'{"x": "a\u0000b"}',
        '{"x": "a", "n": 1e400}',
        f'{{"x": "a", "n": {"9" * 5000}}}',
    ):
        body = f'{{"query": {json.dumps(query)}, "variables": {variables}}}'
        response = await server.http.post(
            "/graphql",
            content=body.encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {server.token}"},
        )
        assert (response.status_code, error_code(response.json())) == (400, "BAD_USER_INPUT"), variables
        assert len(response.text) < 1000


async def test_schema_and_query_page_are_hidden_without_token(server: RunningServer) -> None:
    assert error_code((await server.post("{ __schema { types { name } } }")).json()) == "GRAPHQL_VALIDATION_FAILED"
    assert (
        "text/html" not in (await server.http.get("/graphql", headers={"accept": "text/html"})).headers["content-type"]
    )


async def test_sign_in_is_throttled_after_too_many_attempts(server: RunningServer) -> None:
    query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { message } } }"
    wrong = {**ADMIN, "password": "wrong"}
    responses = [await server.post(query, token="", variables={"input": wrong}) for _ in range(12)]
    assert responses[0].status_code == 200
    assert (responses[-1].status_code, error_code(responses[-1].json())) == (429, "THROTTLED")
    assert int(responses[-1].headers["retry-after"]) > 1
