"""Clients that subscribe to much and read nothing: the memory of the server stays bounded, and others are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from tests.http_server import receive_message, send_message
from tests.processes import SpawnedServer, Workspace, prepare_database, running_server

SUBSCRIPTIONS, ALIASES, EVENTS = 150, 49, 12
NOTE = "ж" * 2_000  # 4,000 bytes; an event of one subscription has ALIASES of them, so EVENTS of all have 350 MB
MAX_GROWTH_BYTES = 60_000_000
RECORD_CALL = """mutation($note: String!) {
  recordCall(input: {direction: OUTBOUND, note: $note}) { call { id } userErrors { message } } }"""


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[SpawnedServer]:
    url = await asyncio.to_thread(prepare_database, f"sqlite://{tmp_path}/scoreline.db")
    async with running_server(Workspace(tmp_path / "server", database_url=url)) as server:
        await server.sign_in()
        yield server


def resident_bytes(server: SpawnedServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kilobytes) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no memory accounting of processes here")
async def test_memory_stays_bounded_while_a_client_with_large_subscriptions_does_not_read(
    server: SpawnedServer,
) -> None:
    async with server.connect() as slow_socket, server.connect() as other_socket:
        await send_message(
            other_socket, id="feed", type="subscribe", payload={"query": "subscription { activities { id } }"}
        )
        for number in range(SUBSCRIPTIONS):  # each with its own aliases, so that none is shared
            notes = " ".join(f"n{number}_{alias}: note" for alias in range(ALIASES))
            query = f"subscription {{ activities {{ id subject {{ ... on Call {{ {notes} }} }} }} }}"
            await send_message(slow_socket, id=str(number), type="subscribe", payload={"query": query})
            if number % 25 == 24:
                await asyncio.sleep(0.6)  # within the limit of frames per second
        await send_message(slow_socket, type="ping")
        assert (await receive_message(slow_socket))["type"] == "pong"
        slow_socket.transport.pause_reading()
        bytes_before, largest = resident_bytes(server), 0

        for _ in range(EVENTS):
            payload = (await server.execute(RECORD_CALL, note=NOTE))["recordCall"]
            assert payload["userErrors"] == []
            message = await receive_message(other_socket)
            largest = max(largest, resident_bytes(server))
            assert message["payload"]["data"]["activities"]["id"]

        print(f"{bytes_before / 1e6:.0f} MB before, at most {largest / 1e6:.0f} MB")
        assert largest - bytes_before < MAX_GROWTH_BYTES
        slow_socket.transport.resume_reading()
        with suppress(ConnectionClosed):
            while True:
                await receive_message(slow_socket)
        assert slow_socket.close_code == 1013
