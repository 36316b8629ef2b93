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

from tests.http_server import ADMIN, close_code, hear, say
from tests.processes import Home, Running, prepared, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = "{ __schema { types { name } } }"
WRONG = "{ compani { name } }"
BOARD = "{ leaderboard { total } }"
ELSEWHERE, FRIEND = "https://elsewhere.example.com", "https://board.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("strangers")
    return Home(folder / "server", database_url=prepared(f"sqlite://{folder}/scoreline.db"), origins=FRIEND)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(home: Home) -> AsyncIterator[Running]:
    async with serving(home) as server:
        await server.sign_in()
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(home: Home) -> AsyncIterator[Running]:
    async with serving(home, demo="true") as server:
        yield server


async def page(server: Running) -> str:
    response = await server.http.get("/graphql", headers={"accept": "text/html"})
    return response.headers["content-type"]


@pytest.mark.parametrize("token", ["", None], ids=["a stranger", "an administrator"])
async def test_the_schema_is_neither_shown_nor_hinted_at(here: Running, token: str | None) -> None:
    shown, wrong = await here.post(SCHEMA, token=token), await here.post(WRONG, token=token)

    for response in (shown, wrong):
        codes = {error["extensions"]["code"] for error in response.json()["errors"]}
        assert codes == {"GRAPHQL_VALIDATION_FAILED"}
    assert "Did you mean" not in wrong.text
    assert "company" not in wrong.text
    assert not (await page(here)).startswith("text/html")


async def test_in_demo_mode_strangers_see_the_schema_and_the_query_page(demo: Running) -> None:
    shown, wrong = await demo.post(SCHEMA), await demo.post(WRONG)

    assert {"name": "Company"} in shown.json()["data"]["__schema"]["types"]
    assert "Did you mean 'company'" in wrong.text
    assert (await page(demo)).startswith("text/html")


async def test_what_nobody_foresaw_is_told_by_a_number_that_is_in_the_log_with_the_rest(here: Running) -> None:
    database = here.home.settings["database_url"].removeprefix("sqlite://")
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("UPDATE company SET time_zone = 'Nowhere/At_All', moved = -1")
    try:
        response = await here.post(BOARD)
        async with here.socket() as socket:
            await say(socket, id="1", type="subscribe", payload={"query": BOARD})
            heard = await hear(socket)
    finally:
        with closing(sqlite3.connect(database)) as rows, rows:
            rows.execute("UPDATE company SET time_zone = 'Europe/Berlin', moved = -2")

    (over_http,), (over_socket,) = response.json()["errors"], heard["payload"]["errors"]
    for error in (over_http, over_socket):
        assert error["message"] == "Something failed on our side. It is in the log under this request id."
        assert error["extensions"]["code"] == "INTERNAL"
        assert "Nowhere" not in str(error)
        assert f"request_id={error['extensions']['requestId']}" in here.process.said
    assert over_http["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.status_code == 500
    assert here.process.said.count("No time zone found with key Nowhere/At_All") >= 2


async def test_the_log_holds_neither_tokens_nor_passwords(here: Running) -> None:
    await here.post("mutation { signIn(input: {}) { accessToken } }", variables=ADMIN)
    await here.http.get("/graphql", params={"query": BOARD, "token": here.token})

    assert here.token not in here.process.said
    assert ADMIN["password"] not in here.process.said


@pytest.mark.parametrize(("origin", "allowed"), [(ELSEWHERE, None), (FRIEND, FRIEND)])
async def test_a_page_of_another_address_reads_nothing_unless_it_is_named(
    here: Running, origin: str, allowed: str | None
) -> None:
    response = await here.post(BOARD, headers={"origin": origin})
    asked_first = await here.http.options("/graphql", headers={"origin": origin})

    for each in (response, asked_first):
        assert each.headers.get("access-control-allow-origin") == allowed


async def test_a_page_of_another_address_gets_no_socket_unless_it_is_named(here: Running) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with here.bare(origin=Origin(ELSEWHERE)):
            pass
    assert refused.value.response.status_code == 403

    for origin in (FRIEND, f"http://{here.address}"):
        async with here.bare(origin=Origin(origin)) as socket:
            await say(socket, type="ping")
            assert await hear(socket) == {"type": "pong"}


async def test_the_protocol_of_old_is_not_spoken_even_when_it_is_offered_first(here: Running) -> None:
    async with here.bare("graphql-ws") as socket:
        assert (await close_code(socket))[0] == 4406

    offered = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with connect(f"ws://{here.address}/graphql", subprotocols=offered, compression=None) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
