"""Limits of what a process holds for its sockets, and of how many sockets there may be."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.http_server import ADMIN, RunningServer, receive_message, run_test_server, send_message, wait_closed

GOAL = """mutation($owner: ID!, $metric: String!) {
  setGoal(input: {owner: $owner, metric: $metric, target: "3", period: {}}) { userErrors { message } } }"""
CALL = "mutation($note: String) { recordCall(input: {direction: OUTBOUND, note: $note}) { userErrors { message } } }"
NOTES = "createdBy { calls(first: 20) { edges { node { a: note b: note c: note } } } }"


async def subscribe(server: RunningServer, socket: Any, query: str) -> dict[str, Any]:
    """Subscribe and return the first message."""
    await send_message(socket, id="1", type="subscribe", payload={"query": f"subscription {{ {query} }}"})
    return await receive_message(socket)


async def test_subscription_whose_states_take_too_much_memory_ends_with_an_error(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, socket_memory_bytes=1_000_000) as server:
        owner = (await server.execute("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
        for metric in ("deals_won", "deals_won_amount", "calls_made", "clients_added", "tasks_completed"):
            await server.execute(GOAL, owner=owner, metric=metric)
        for _ in range(20):
            await server.execute(CALL, note="ж" * 2_000)
        async with server.connect() as socket:
            message = await subscribe(server, socket, f"goalProgress {{ id {NOTES} }}")
            received_states = 0
            while message["type"] == "next":
                received_states += 1
                message = await receive_message(socket)

            assert 0 < received_states < 5
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "QUERY_TOO_COMPLEX")
            assert (await subscribe(server, socket, "goalProgress { id }"))["type"] == "next"  # the rest goes on


async def test_viewer_with_too_many_sockets_is_told_to_come_again_later(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, sockets_per_viewer=2) as server:
        create_employee = """mutation { createEmployee(input: {name: "Bob", email: "bob@example.com",
          password: "correct horse"}) { userErrors { message } } }"""
        await server.execute(create_employee)
        sign_in = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }"
        signed_in = await server.execute(sign_in, input=ADMIN | {"email": "bob@example.com"})
        async with server.connect() as first_socket, server.connect():
            async with server.open_socket() as third_socket:
                init_payload = {"Authorization": f"Bearer {server.token}"}
                await send_message(third_socket, type="connection_init", payload=init_payload)
                code, reason = await wait_closed(third_socket)
            async with server.connect(signed_in["signIn"]["accessToken"]):
                pass
            await first_socket.close()
            async with asyncio.timeout(60), server.connect():
                pass

    assert code == 1013
    assert reason == "You have 2 open connections: close one, or connect again later"


@pytest.mark.parametrize("is_trusted", [False, True])
async def test_address_with_too_many_sockets_is_told_to_come_again_later(tmp_path: Path, is_trusted: bool) -> None:
    proxies = ("127.0.0.1",) if is_trusted else ()
    async with run_test_server(tmp_path, sockets_per_address=2, trusted_proxies=proxies) as server:
        addresses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]  # the first two are of one network
        first, second, other = [{"additional_headers": {"X-Forwarded-For": address}} for address in addresses]
        async with server.open_socket(**first), server.open_socket(**second) as second_socket:
            async with server.open_socket(**first) as third_socket:
                closed = await wait_closed(third_socket)
            async with server.open_socket(**other) as other_socket:
                with suppress(ConnectionClosed):
                    await send_message(other_socket, type="complete", id=5)
                other_code, _ = await wait_closed(other_socket)
            await second_socket.close()
            async with server.open_socket(**first) as later_socket:
                await send_message(later_socket, type="ping")
                assert await receive_message(later_socket) == {"type": "pong"}

    assert closed == (1013, "2 connections from this address: close one, or connect again later")
    assert other_code == (4400 if is_trusted else 1013)  # 4400: the message is invalid, so the socket was served
