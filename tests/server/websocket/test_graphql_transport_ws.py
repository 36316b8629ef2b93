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

from tests.http_server import RunningServer, receive_message, run_test_server, send_message, wait_closed
from tests.statement_counter import count_statements

WINS = "subscription { dealWon { id title } }"
COMPANY = "{ company { name } }"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("socket")) as running:
        yield running


async def test_query_over_socket_gets_next_and_complete(server: RunningServer) -> None:
    async with server.connect() as socket:
        await send_message(socket, id="1", type="subscribe", payload={"query": COMPANY})
        assert await receive_message(socket) == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"company": {"name": "Acme"}}},
        }
        assert await receive_message(socket) == {"id": "1", "type": "complete"}


async def test_operation_id_can_be_reused_after_complete(server: RunningServer) -> None:
    async with server.connect() as socket:
        for _ in range(3):
            await send_message(socket, id="same", type="subscribe", payload={"query": COMPANY})
            assert (await receive_message(socket))["type"] == "next"
            assert (await receive_message(socket))["type"] == "complete"


async def test_subscription_id_is_free_after_client_completes(server: RunningServer) -> None:
    async with server.connect() as socket:
        await send_message(socket, id="wins", type="subscribe", payload={"query": WINS})
        await send_message(socket, id="wins", type="complete")
        await send_message(socket, id="wins", type="subscribe", payload={"query": COMPANY})
        assert (await receive_message(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ company {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { activities(after: "unknown") { id } }', "CURSOR_UNKNOWN"),
        ('subscription { goalProgress(goals: ["unknown"]) { id } }', "NOT_FOUND"),
    ],
)
async def test_operation_error_leaves_other_operations_running(server: RunningServer, query: str, code: str) -> None:
    async with server.connect() as socket:
        await send_message(socket, id="live", type="subscribe", payload={"query": WINS})
        await send_message(socket, id="bad", type="subscribe", payload={"query": query})
        answer = await receive_message(socket)
        assert (answer["id"], answer["type"]) == ("bad", "error")
        assert answer["payload"][0]["extensions"]["code"] == code
        assert answer["payload"][0]["extensions"]["requestId"]
        await send_message(socket, id="good", type="subscribe", payload={"query": COMPANY})
        assert (await receive_message(socket))["id"] == "good"


async def test_ping_message_gets_pong(server: RunningServer) -> None:
    async with server.open_socket() as socket:
        await send_message(socket, type="ping")
        assert await receive_message(socket) == {"type": "pong"}
        await send_message(socket, type="pong", payload={"any": "thing"})
        await send_message(socket, type="ping", payload=None)
        assert await receive_message(socket) == {"type": "pong"}


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
async def test_malformed_message_closes_with_4400_and_reason(server: RunningServer, frame: str | bytes) -> None:
    async with server.connect() as socket:
        await socket.send(frame)
        code, reason = await wait_closed(socket)
    assert code == 4400
    assert reason


async def test_unstorable_variable_fails_operation_and_keeps_socket(server: RunningServer) -> None:
    payload = '{"query": "query($x: ID!) { node(id: $x) { id } }", "variables": {"x": "%s"}}'
    async with server.connect() as socket:
        for number, text in enumerate((r"\ud800", r"a\u0000b")):
            await socket.send(f'{{"id": "{number}", "type": "subscribe", "payload": {payload % text}}}')
            answer = await receive_message(socket)
            assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_subscribe_before_connection_init_closes_with_4401(server: RunningServer) -> None:
    async with server.open_socket() as socket:
        await send_message(socket, id="1", type="subscribe", payload={"query": COMPANY})
        assert (await wait_closed(socket))[0] == 4401


async def test_second_connection_init_closes_with_4429(server: RunningServer) -> None:
    async with server.connect() as socket:
        await send_message(socket, type="connection_init")
        assert (await wait_closed(socket))[0] == 4429


async def test_operation_id_in_use_closes_with_4409(server: RunningServer) -> None:
    async with server.connect() as socket:
        for _ in range(2):
            await send_message(socket, id="1", type="subscribe", payload={"query": WINS})
        assert await wait_closed(socket) == (4409, "Subscriber for 1 already exists")


@pytest.mark.parametrize("operation_id", ["ж" * 100, "€" * 60, "x" * 200, "😀" * 40])
async def test_close_reason_is_cut_to_whole_characters_of_123_bytes(server: RunningServer, operation_id: str) -> None:
    async with server.connect() as socket:
        for _ in range(2):
            await send_message(socket, id=operation_id, type="subscribe", payload={"query": WINS})
        code, reason = await wait_closed(socket)

    assert code == 4409
    assert f"Subscriber for {operation_id}".startswith(reason)
    assert 123 - len(operation_id[0].encode()) < len(reason.encode()) <= 123


@pytest.mark.parametrize(
    "payload", [None, {}, {"Authorization": "Bearer x"}, {"Authorization": 5}, {"Authorization": "Basic eDp5"}, {"Authorization": None}]
)  # fmt: skip
async def test_connection_init_without_valid_token_closes_with_4403(server: RunningServer, payload: object) -> None:
    async with server.open_socket() as socket:
        await send_message(socket, type="connection_init", payload=payload)
        assert (await wait_closed(socket))[0] == 4403


async def test_token_of_handshake_is_accepted(server: RunningServer) -> None:
    async with server.open_socket(additional_headers={"Authorization": f"Bearer {server.token}"}) as socket:
        await send_message(socket, type="connection_init")
        assert await receive_message(socket) == {"type": "connection_ack"}


async def test_other_subprotocol_closes_with_4406(server: RunningServer) -> None:
    async with server.open_socket("graphql-ws") as socket:
        assert (await wait_closed(socket))[0] == 4406


async def test_socket_from_other_origin_is_refused_with_403(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with server.open_socket(origin="https://evil.example.com"):
            pass
    assert refused.value.response.status_code == 403
    async with server.open_socket(origin=f"http://{server.address}") as socket:
        await send_message(socket, type="ping")
        assert await receive_message(socket) == {"type": "pong"}


async def test_frame_over_limit_closes_with_1009(server: RunningServer) -> None:
    async with server.connect() as socket:
        await socket.send("x" * 70_000)
        assert (await wait_closed(socket))[0] == 1009


async def test_too_many_messages_close_with_4400(server: RunningServer) -> None:
    async with server.connect() as socket:
        drain_task = asyncio.create_task(_count_messages(socket))
        with suppress(ConnectionClosed):
            for _ in range(2_000):
                await socket.send('{"type": "ping"}')
        assert await wait_closed(socket) == (4400, "Too many messages")
        assert await drain_task <= 600


async def _count_messages(socket: ClientConnection) -> int:
    count = 0
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
            count += 1
    return count


async def test_operation_over_limit_of_256_is_throttled(server: RunningServer) -> None:
    async with server.connect() as socket:
        for number in range(257):
            await send_message(socket, id=str(number), type="subscribe", payload={"query": WINS})
        answer = await receive_message(socket)
        assert (answer["id"], answer["type"]) == ("256", "error")
        assert answer["payload"][0]["extensions"]["code"] == "THROTTLED"
        await send_message(socket, id="0", type="complete")
        await send_message(socket, id="again", type="subscribe", payload={"query": COMPANY})
        assert (await receive_message(socket))["type"] == "next"


async def sign_in(server: RunningServer) -> dict[str, str]:
    """Return the tokens of a new session of the administrator."""
    signed_in = await server.execute(
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }",
        input={"email": "admin@example.com", "password": "correct horse"},
    )
    tokens: dict[str, str] = signed_in["signIn"]
    return tokens


async def test_token_that_was_checked_lately_opens_a_socket_without_a_statement(server: RunningServer) -> None:
    token = (await sign_in(server))["accessToken"]
    counts = []
    for _ in range(2):
        with count_statements() as statements:
            async with server.connect(token):
                pass
        counts.append(len([statement for statement in statements if "session" in statement]))

    assert counts == [1, 0]


async def test_token_that_was_checked_lately_is_refused_once_its_session_has_ended(server: RunningServer) -> None:
    tokens = await sign_in(server)
    async with server.connect(tokens["accessToken"]):
        pass
    await server.execute(
        "mutation($t: String!) { signOut(refreshToken: $t) { userErrors { message } } }", t=tokens["refreshToken"]
    )
    async with server.open_socket() as socket:
        await send_message(socket, type="connection_init", payload={"Authorization": f"Bearer {tokens['accessToken']}"})
        assert (await wait_closed(socket))[0] == 4403


async def test_sign_out_closes_sockets_of_that_session(server: RunningServer) -> None:
    tokens = await sign_in(server)
    async with server.connect(tokens["accessToken"]) as socket, server.connect() as other:
        await server.execute(
            "mutation($t: String!) { signOut(refreshToken: $t) { userErrors { message } } }", t=tokens["refreshToken"]
        )
        assert (await wait_closed(socket))[0] == 4403
        await send_message(other, type="ping")
        assert await receive_message(other) == {"type": "pong"}


async def test_subscriber_gets_change_made_over_http(server: RunningServer) -> None:
    async with server.connect() as socket:
        await send_message(
            socket, id="history", type="subscribe", payload={"query": "subscription { activities { kind summary } }"}
        )
        await send_message(socket, id="sync", type="subscribe", payload={"query": COMPANY})
        assert [(await receive_message(socket))["id"] for _ in range(2)] == ["sync", "sync"]
        await server.execute(
            'mutation { recordClient(input: {name: "Globex"}) { client { id } userErrors { message } } }'
        )
        message = await receive_message(socket)
        assert (message["id"], message["payload"]["data"]["activities"]["kind"]) == ("history", "CLIENT_ADDED")
