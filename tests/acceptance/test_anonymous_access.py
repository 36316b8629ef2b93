"""A server gives no schema, suggestions, query page or internal errors away, and no data to pages of other origins."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.http_server import ADMIN, receive_message, send_message, wait_closed
from tests.processes import SpawnedServer, Workspace, prepare_database, running_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA_QUERY = "{ __schema { types { name } } }"
INVALID_QUERY = "{ compani { name } }"
LEADERBOARD_QUERY = "{ leaderboard { total } }"
UNKNOWN_ORIGIN, ALLOWED_ORIGIN = "https://elsewhere.example.com", "https://board.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("strangers")
    return Workspace(
        folder / "server", database_url=prepare_database(f"sqlite://{folder}/scoreline.db"), origins=ALLOWED_ORIGIN
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_server(home: Workspace) -> AsyncIterator[SpawnedServer]:
    async with running_server(home) as server:
        await server.sign_in()
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo_server(home: Workspace) -> AsyncIterator[SpawnedServer]:
    async with running_server(home, demo="true") as server:
        yield server


async def fetch_page_type(server: SpawnedServer) -> str:
    response = await server.http.get("/graphql", headers={"accept": "text/html"})
    return response.headers["content-type"]


@pytest.mark.parametrize("token", ["", None], ids=["a stranger", "an administrator"])
async def test_schema_is_neither_shown_nor_suggested(shared_server: SpawnedServer, token: str | None) -> None:
    schema_response, invalid_response = (
        await shared_server.post(SCHEMA_QUERY, token=token),
        await shared_server.post(INVALID_QUERY, token=token),
    )

    for response in (schema_response, invalid_response):
        codes = {error["extensions"]["code"] for error in response.json()["errors"]}
        assert codes == {"GRAPHQL_VALIDATION_FAILED"}
    assert "Did you mean" not in invalid_response.text
    assert "company" not in invalid_response.text
    assert not (await fetch_page_type(shared_server)).startswith("text/html")


async def test_demo_shows_schema_and_query_page_without_sign_in(demo_server: SpawnedServer) -> None:
    schema_response, invalid_response = await demo_server.post(SCHEMA_QUERY), await demo_server.post(INVALID_QUERY)

    assert {"name": "Company"} in schema_response.json()["data"]["__schema"]["types"]
    assert "Did you mean 'company'" in invalid_response.text
    assert (await fetch_page_type(demo_server)).startswith("text/html")


async def test_unexpected_error_is_reported_by_request_id_and_logged(shared_server: SpawnedServer) -> None:
    database = shared_server.workspace.settings["database_url"].removeprefix("sqlite://")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE company SET time_zone = 'Nowhere/At_All', moved = -1")
    try:
        response = await shared_server.post(LEADERBOARD_QUERY)
        async with shared_server.connect() as socket:
            await send_message(socket, id="1", type="subscribe", payload={"query": LEADERBOARD_QUERY})
            message = await receive_message(socket)
    finally:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE company SET time_zone = 'Europe/Berlin', moved = -2")

    (http_error,), (socket_error,) = response.json()["errors"], message["payload"]["errors"]
    for error in (http_error, socket_error):
        assert error["message"] == "Something failed on our side. It is in the log under this request id."
        assert error["extensions"]["code"] == "INTERNAL"
        assert "Nowhere" not in str(error)
        assert f"request_id={error['extensions']['requestId']}" in shared_server.process.stderr_text
    assert http_error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.status_code == 500
    assert shared_server.process.stderr_text.count("No time zone found with key Nowhere/At_All") >= 2


async def test_log_contains_neither_tokens_nor_passwords(shared_server: SpawnedServer) -> None:
    await shared_server.post("mutation { signIn(input: {}) { accessToken } }", variables=ADMIN)
    await shared_server.http.get("/graphql", params={"query": LEADERBOARD_QUERY, "token": shared_server.token})

    assert shared_server.token not in shared_server.process.stderr_text
    assert ADMIN["password"] not in shared_server.process.stderr_text


@pytest.mark.parametrize(("origin", "allowed"), [(UNKNOWN_ORIGIN, None), (ALLOWED_ORIGIN, ALLOWED_ORIGIN)])
async def test_cors_headers_are_sent_only_to_allowed_origins(
    shared_server: SpawnedServer, origin: str, allowed: str | None
) -> None:
    response = await shared_server.post(LEADERBOARD_QUERY, headers={"origin": origin})
    preflight = await shared_server.http.options("/graphql", headers={"origin": origin})

    for checked_response in (response, preflight):
        assert checked_response.headers.get("access-control-allow-origin") == allowed


async def test_sockets_are_opened_only_for_allowed_origins(shared_server: SpawnedServer) -> None:
    with pytest.raises(InvalidStatus) as error:
        async with shared_server.open_socket(origin=Origin(UNKNOWN_ORIGIN)):
            pass
    assert error.value.response.status_code == 403

    for origin in (ALLOWED_ORIGIN, f"http://{shared_server.address}"):
        async with shared_server.open_socket(origin=Origin(origin)) as socket:
            await send_message(socket, type="ping")
            assert await receive_message(socket) == {"type": "pong"}


async def test_legacy_subprotocol_is_never_chosen(shared_server: SpawnedServer) -> None:
    async with shared_server.open_socket("graphql-ws") as socket:
        assert (await wait_closed(socket))[0] == 4406

    offered = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with connect(f"ws://{shared_server.address}/graphql", subprotocols=offered, compression=None) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
