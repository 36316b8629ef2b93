"""Messages of graphql-transport-ws, and violations of the protocol with their close codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.http_server import Served, close_code, hear, say, served

GOALS = "subscription($scope: ID) { goalProgress(scope: $scope) { id progress { value } } }"
WINS = "subscription { dealWon { id title } }"
COMPANY = "{ company { name } }"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("socket")) as found:
        yield found


async def test_a_query_over_a_socket_is_answered_and_completed(here: Served) -> None:
    async with here.socket() as socket:
        await say(socket, id="1", type="subscribe", payload={"query": COMPANY})
        assert await hear(socket) == {"id": "1", "type": "next", "payload": {"data": {"company": {"name": "Acme"}}}}
        assert await hear(socket) == {"id": "1", "type": "complete"}


async def test_an_id_may_be_used_again_once_its_operation_is_over(here: Served) -> None:
    async with here.socket() as socket:
        for _ in range(3):
            await say(socket, id="same", type="subscribe", payload={"query": COMPANY})
            assert (await hear(socket))["type"] == "next"
            assert (await hear(socket))["type"] == "complete"


async def test_a_subscription_lasts_until_it_is_completed(here: Served) -> None:
    async with here.socket() as socket:
        await say(socket, id="wins", type="subscribe", payload={"query": WINS})
        await say(socket, id="wins", type="complete")
        await say(socket, id="wins", type="subscribe", payload={"query": COMPANY})
        assert (await hear(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ company {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { activities(after: "unknown") { id } }', "CURSOR_UNKNOWN"),
        ('subscription { goalProgress(goals: ["unknown"]) { id } }', "NOT_FOUND"),
    ],
)
async def test_what_is_wrong_with_one_operation_fails_that_one_alone(here: Served, query: str, code: str) -> None:
    async with here.socket() as socket:
        await say(socket, id="live", type="subscribe", payload={"query": WINS})
        await say(socket, id="bad", type="subscribe", payload={"query": query})
        answer = await hear(socket)
        assert (answer["id"], answer["type"]) == ("bad", "error")
        assert answer["payload"][0]["extensions"]["code"] == code
        assert answer["payload"][0]["extensions"]["requestId"]
        await say(socket, id="good", type="subscribe", payload={"query": COMPANY})
        assert (await hear(socket))["id"] == "good"


async def test_pings_are_answered(here: Served) -> None:
    async with here.bare() as socket:
        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}
        await say(socket, type="pong", payload={"any": "thing"})
        await say(socket, type="ping", payload=None)
        assert await hear(socket) == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [
        "", "x", "null", "5", '"x"', "[]", "{}", "NaN", "[" * 20_000, "9" * 5_000, b"\x00\x01", '{"type": 5}', '{"type": null}',
        '{"type": "start"}', '{"type": "connection_ack"}', '{"type": "next"}', '{"type": "stop", "id": "1"}',
        '{"type": "subscribe"}', '{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": ["1"], "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": {"a": 1}, "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "\\ud800", "payload": {"query": "{a}"}}',
        json.dumps({"type": "subscribe", "id": "x" * 201, "payload": {"query": "{a}"}}),
        '{"type": "subscribe", "id": "1", "payload": null}', '{"type": "subscribe", "id": "1", "payload": "x"}',
        '{"type": "subscribe", "id": "1", "payload": {}}', '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": "x"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": [1]}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": 5}}',
        '{"type": "complete"}', '{"type": "complete", "id": 5}', '{"type": "ping", "payload": 5}', '{"type": "pong", "payload": "x"}',
    ],
)  # fmt: skip
async def test_a_malformed_message_closes_with_4400_and_a_reason(here: Served, frame: str | bytes) -> None:
    async with here.socket() as socket:
        await socket.send(frame)
        code, reason = await close_code(socket)
    assert code == 4400
    assert reason


async def test_what_cannot_be_stored_fails_its_operation_and_not_the_socket(here: Served) -> None:
    asked = '{"query": "query($x: ID!) { node(id: $x) { id } }", "variables": {"x": "%s"}}'
    async with here.socket() as socket:
        for number, text in enumerate((r"\ud800", r"a\u0000b")):
            await socket.send(f'{{"id": "{number}", "type": "subscribe", "payload": {asked % text}}}')
            answer = await hear(socket)
            assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_who_does_not_introduce_himself_hears_nothing(here: Served) -> None:
    async with here.bare() as socket:
        await say(socket, id="1", type="subscribe", payload={"query": COMPANY})
        assert (await close_code(socket))[0] == 4401


async def test_who_introduces_himself_twice_is_sent_away(here: Served) -> None:
    async with here.socket() as socket:
        await say(socket, type="connection_init")
        assert (await close_code(socket))[0] == 4429


async def test_an_id_that_is_in_use_closes_the_socket(here: Served) -> None:
    async with here.socket() as socket:
        for _ in range(2):
            await say(socket, id="1", type="subscribe", payload={"query": WINS})
        assert await close_code(socket) == (4409, "Subscriber for 1 already exists")


@pytest.mark.parametrize(
    "payload", [None, {}, {"Authorization": "Bearer x"}, {"Authorization": 5}, {"Authorization": "Basic eDp5"}, {"Authorization": None}]
)  # fmt: skip
async def test_a_stranger_is_not_let_in(here: Served, payload: object) -> None:
    async with here.bare() as socket:
        await say(socket, type="connection_init", payload=payload)
        assert (await close_code(socket))[0] == 4403


async def test_a_token_in_the_handshake_serves_as_well(here: Served) -> None:
    async with here.bare(additional_headers={"Authorization": f"Bearer {here.token}"}) as socket:
        await say(socket, type="connection_init")
        assert await hear(socket) == {"type": "connection_ack"}


async def test_only_the_one_protocol_is_spoken(here: Served) -> None:
    async with here.bare("graphql-ws") as socket:
        assert (await close_code(socket))[0] == 4406


async def test_a_page_of_another_origin_gets_no_socket(here: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with here.bare(origin="https://evil.example.com"):
            pass
    assert refused.value.response.status_code == 403
    async with here.bare(origin=f"http://{here.address}") as socket:
        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}


async def test_a_frame_over_the_limit_closes_with_1009(here: Served) -> None:
    async with here.socket() as socket:
        await socket.send("x" * 70_000)
        assert (await close_code(socket))[0] == 1009


async def test_a_flood_is_cut_off(here: Served) -> None:
    async with here.socket() as socket:
        reading = asyncio.create_task(_drain(socket))
        with suppress(ConnectionClosed):
            for _ in range(2_000):
                await socket.send('{"type": "ping"}')
        assert await close_code(socket) == (4400, "Too many messages")
        assert await reading <= 600


async def _drain(socket: ClientConnection) -> int:
    heard = 0
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
            heard += 1
    return heard


async def test_one_socket_runs_at_most_256_operations(here: Served) -> None:
    async with here.socket() as socket:
        for number in range(257):
            await say(socket, id=str(number), type="subscribe", payload={"query": WINS})
        answer = await hear(socket)
        assert (answer["id"], answer["type"]) == ("256", "error")
        assert answer["payload"][0]["extensions"]["code"] == "THROTTLED"
        await say(socket, id="0", type="complete")
        await say(socket, id="again", type="subscribe", payload={"query": COMPANY})
        assert (await hear(socket))["type"] == "next"


async def test_a_session_that_ends_closes_its_socket(here: Served) -> None:
    signed_in = await here.data(
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }",
        input={"email": "admin@example.com", "password": "correct horse"},
    )
    tokens = signed_in["signIn"]
    async with here.socket(tokens["accessToken"]) as socket, here.socket() as other:
        await here.data(
            "mutation($t: String!) { signOut(refreshToken: $t) { userErrors { message } } }", t=tokens["refreshToken"]
        )
        assert (await close_code(socket))[0] == 4403
        await say(other, type="ping")
        assert await hear(other) == {"type": "pong"}


async def test_a_subscriber_hears_of_what_another_does_over_http(here: Served) -> None:
    async with here.socket() as socket:
        await say(
            socket, id="history", type="subscribe", payload={"query": "subscription { activities { kind summary } }"}
        )
        await say(socket, id="sync", type="subscribe", payload={"query": COMPANY})
        assert [(await hear(socket))["id"] for _ in range(2)] == ["sync", "sync"]
        await here.data('mutation { recordClient(input: {name: "Globex"}) { client { id } userErrors { message } } }')
        heard = await hear(socket)
        assert (heard["id"], heard["payload"]["data"]["activities"]["kind"]) == ("history", "CLIENT_ADDED")
