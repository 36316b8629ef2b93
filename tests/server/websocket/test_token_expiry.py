"""Access tokens that expire on open sockets, and new ones that are handed over by a `ping`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from resolvers.auth.sessions import CLOCK_LEEWAY
from tests.http_server import ADMIN, RunningServer, receive_message, run_test_server, send_message, wait_closed

SECRET = "s" * 32
MAX_LATE_SECONDS = 2.0
CREATE_BOB = """mutation { createEmployee(input: {name: "Bob", email: "bob@example.com", password: "correct horse"}) {
  employee { id } userErrors { message } } }"""
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken userErrors { message } } }"
SIGN_OUT = "mutation($refresh: String!) { signOut(refreshToken: $refresh) { userErrors { message } } }"
SET_GOAL = """mutation($owner: ID!) {
  setGoal(input: {owner: $owner, metric: "calls_made", target: "3", period: {}}) { userErrors { message } } }"""
RECORD_WIN = """mutation { recordDeal(input: {title: "A", amount: {amount: "10"}, status: WON}) {
  userErrors { message } } }"""
pytestmark = [
    pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long"),
    pytest.mark.parametrize(
        "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
    ),
]


@pytest_asyncio.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path, database_url=database_url, secret=SECRET) as running:
        yield running


def token_until(token: str, expires_at: datetime) -> str:
    """Return the access token with another expiry."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | {"exp": expires_at}, SECRET, algorithm="HS256")


def seconds_from_now(seconds: float) -> datetime:
    """Return a moment of whole seconds, as tokens have it, at least so many seconds ahead."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 0.999)).replace(microsecond=0)


async def hand_over(socket: ClientConnection, token: Any) -> None:
    await send_message(socket, type="ping", payload={"Authorization": f"Bearer {token}"})


async def sign_in(server: RunningServer, email: str = "admin@example.com") -> dict[str, str]:
    return (await server.execute(SIGN_IN, token="", input=ADMIN | {"email": email}))["signIn"]


async def test_socket_is_closed_with_token_expired_when_its_token_expires(server: RunningServer) -> None:
    expires_at = seconds_from_now(1)
    async with server.connect(token_until(server.token, expires_at)) as socket:
        code, reason = await wait_closed(socket)
        late_seconds = (datetime.now(UTC) - expires_at).total_seconds()

    assert code == 4403
    assert reason.startswith("TOKEN_EXPIRED: ")
    assert 0 <= late_seconds < MAX_LATE_SECONDS


async def test_token_is_accepted_for_the_leeway_after_its_expiry(server: RunningServer) -> None:
    expires_at = seconds_from_now(2) - CLOCK_LEEWAY
    token = token_until(server.token, expires_at)
    assert (await server.post("{ company { name } }", token=token)).status_code == 200
    async with server.connect(token) as socket:
        code, reason = await wait_closed(socket)
    late_seconds = (datetime.now(UTC) - expires_at - CLOCK_LEEWAY).total_seconds()

    assert (code, reason.partition(":")[0]) == (4403, "TOKEN_EXPIRED")
    assert 0 <= late_seconds < MAX_LATE_SECONDS
    assert (await server.post("{ company { name } }", token=token)).status_code == 401


STATES = ("leaderboard { total }", "forecast { booked }", "goalProgress { id }")
EVENTS = ("activities(kinds: [DEAL_WON]) { kind }", "dealWon { title }", "alerts { kind }")


async def test_new_token_keeps_the_socket_open_and_no_state_is_sent_again(server: RunningServer) -> None:
    owner = (await server.execute("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
    await delete_alert_rules(server)  # late in a month, the new goal would be reported as behind
    await server.execute(SET_GOAL, owner=owner)
    expires_at = seconds_from_now(4)
    async with server.connect(token_until(server.token, expires_at)) as socket:
        for query in (*STATES, *EVENTS):
            payload = {"query": f"subscription {{ {query} }}"}
            await send_message(socket, id=query, type="subscribe", payload=payload)
        await receive_until(socket, STATES)
        await hand_over(socket, server.token)
        answers = await receive_for(socket, (expires_at - datetime.now(UTC)).total_seconds() + MAX_LATE_SECONDS)
        await server.execute(RECORD_WIN)
        changed_ids = await receive_until(socket, (STATES[0], *EVENTS[:2]))
        await send_message(socket, id="query", type="subscribe", payload={"query": "{ company { name } }"})
        changed_ids += await receive_until(socket, ["query"])

    claims = jwt.decode(server.token, options={"verify_signature": False})
    [pong] = answers
    assert pong["type"] == "pong"
    assert datetime.fromisoformat(pong["payload"]["expiresAt"]) == datetime.fromtimestamp(claims["exp"], UTC)
    assert [changed_ids.count(query) for query in (STATES[0], *EVENTS[:2])] == [1, 1, 1]


async def delete_alert_rules(server: RunningServer) -> None:
    for rule in (await server.execute("{ alertRules { id } }"))["alertRules"]:
        await server.execute(
            "mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { message } } }", id=rule["id"]
        )


async def receive_until(socket: ClientConnection, operation_ids: Iterable[str]) -> list[str]:
    """Receive results until each of these operations has sent one; return the operations of all results."""
    received_ids: list[str] = []
    while not set(operation_ids) <= set(received_ids):
        message = await receive_message(socket)
        assert message["type"] == "next", message
        received_ids.append(message["id"])
    return received_ids


async def receive_for(socket: ClientConnection, seconds: float) -> list[dict[str, Any]]:
    """Return all messages of the next seconds."""
    messages = []
    ends_at = time.monotonic() + seconds
    while (remaining := ends_at - time.monotonic()) > 0:
        try:
            messages.append(json.loads(await asyncio.wait_for(socket.recv(), remaining)))
        except TimeoutError:
            break
    return messages


async def test_new_token_moves_the_socket_to_its_session(server: RunningServer) -> None:
    first, second = await sign_in(server), await sign_in(server)
    async with server.connect(first["accessToken"]) as socket:
        await hand_over(socket, second["accessToken"])
        assert (await receive_message(socket))["type"] == "pong"
        await server.execute(SIGN_OUT, refresh=first["refreshToken"])
        await send_message(socket, id="1", type="subscribe", payload={"query": "{ company { name } }"})
        answer = await receive_message(socket)
        await receive_message(socket)
        await server.execute(SIGN_OUT, refresh=second["refreshToken"])
        code, reason = await wait_closed(socket)

    assert answer["payload"] == {"data": {"company": {"name": "Acme"}}}
    assert (code, reason.partition(":")[0]) == (4403, "UNAUTHENTICATED")


async def test_token_that_is_not_valid_or_of_another_viewer_closes_the_socket(server: RunningServer) -> None:
    await server.execute(CREATE_BOB)
    tokens = {
        "x": "UNAUTHENTICATED",
        token_until(server.token, datetime.now(UTC) - timedelta(minutes=1)): "TOKEN_EXPIRED",
        (await sign_in(server, "bob@example.com"))["accessToken"]: "FORBIDDEN",
    }
    for token, expected in tokens.items():
        async with server.connect() as socket:
            await hand_over(socket, token)
            code, reason = await wait_closed(socket)

        assert (code, reason.partition(":")[0]) == (4403, expected)


async def test_ping_with_a_token_before_connection_init_is_an_ordinary_ping(server: RunningServer) -> None:
    async with server.open_socket() as socket:
        await hand_over(socket, server.token)
        assert await receive_message(socket) == {"type": "pong"}
        await send_message(socket, id="1", type="subscribe", payload={"query": "{ company { name } }"})
        assert (await wait_closed(socket))[0] == 4401


async def test_token_of_a_device_has_no_expiry(server: RunningServer) -> None:
    create_device = 'mutation { createDevice(input: {name: "Hall", kind: WALLBOARD}) { token } }'
    token = (await server.execute(create_device))["createDevice"]["token"]
    async with server.connect(token) as socket:
        await hand_over(socket, token)
        assert await receive_message(socket) == {"type": "pong", "payload": {"expiresAt": None}}
