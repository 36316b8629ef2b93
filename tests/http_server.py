"""Runs a whole server for tests: uvicorn on a free port in the test's event loop, with HTTP and WebSocket clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from models.db import connection
from resolvers.organization import company
from server import settings
from server.clock import utc_now
from server.uvicorn_runner import server_config
from tests.empty_database import create_database
from tests.inline_sqlite import inline_files

WAIT_SECONDS = 60.0  # for anything a test expects, also on a slow machine
ADMIN = {"email": "admin@example.com", "password": "correct horse"}


def http_client(base_url: str, timeout: float) -> httpx2.AsyncClient:
    """Return a client for a server without TLS: reading certificates would take longer than most tests of a server."""
    return httpx2.AsyncClient(base_url=base_url, timeout=timeout, verify=False)


@dataclass
class RunningServer:
    """A running server with one company, and a client for it.

    token  access token of the administrator
    """

    http: httpx2.AsyncClient
    address: str
    token: str = ""

    async def post(self, query: str, *, token: str | None = None, **options: Any) -> httpx2.Response:
        """Send a query as the administrator, or with another token (empty: without signing in)."""
        token = self.token if token is None else token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return await self.http.post("/graphql", json={"query": query, **options}, headers=headers)

    async def execute(self, query: str, *, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """Execute an operation and return its data; fail on errors."""
        response = (await self.post(query, token=token, variables=variables)).json()
        assert "errors" not in response, response
        return response["data"]

    @asynccontextmanager
    async def open_socket(
        self, protocol: str = "graphql-transport-ws", **options: Any
    ) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket without sending anything."""
        url = f"ws://{self.address}/graphql"
        # a slow machine may answer a ping too late for the client to keep the connection
        options = {"compression": None, "ping_interval": None, **options}
        async with connect(url, subprotocols=[Subprotocol(protocol)], **options) as socket:
            yield socket

    @asynccontextmanager
    async def connect(self, token: str | None = None, **options: Any) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket and initialize the connection."""
        async with self.open_socket(**options) as socket:
            await send_message(
                socket, type="connection_init", payload={"Authorization": f"Bearer {token or self.token}"}
            )
            assert await receive_message(socket) == {"type": "connection_ack"}
            yield socket


async def send_message(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive_message(socket: ClientConnection, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(socket.recv(), timeout))


async def wait_closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Return code and reason once the server has closed the socket."""
    await asyncio.wait_for(socket.wait_closed(), WAIT_SECONDS)
    return socket.close_code, socket.close_reason


@asynccontextmanager
async def run_test_server(folder: Path, **overrides: Any) -> AsyncIterator[RunningServer]:
    """Run a server with a new company in an SQLite file in `folder`, or in the database of `database_url`.

    The statements of the file run without a thread: servers in processes of their own are tested with threads.
    """
    overrides = {"database_url": f"sqlite://{folder}/scoreline.db", "secret": "s" * 32} | overrides
    loaded_settings = settings.load(host="127.0.0.1", port=0, log_level="error", **overrides)
    await create_database(loaded_settings.database_url)
    with inline_files():
        async with connection.connect(loaded_settings.database_url), connection.write_transaction():
            await company.set_up(
                name="Acme",
                currency="EUR",
                zone="Europe/Berlin",
                country=None,
                admin="Ada Admin",
                **ADMIN,
                now=utc_now(),
            )
        async with serve(loaded_settings) as running_server:
            signed_in = await running_server.execute(
                "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }", input=ADMIN
            )
            running_server.token = signed_in["signIn"]["accessToken"]
            yield running_server


@asynccontextmanager
async def serve(loaded_settings: settings.Settings) -> AsyncIterator[RunningServer]:
    """Run a server on a database that has a company."""
    server = uvicorn.Server(server_config(loaded_settings))
    serve_task = asyncio.create_task(server.serve())
    while not server.started:
        if serve_task.done():
            serve_task.result()
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    try:
        async with http_client(f"http://{host}:{port}", WAIT_SECONDS) as http:
            yield RunningServer(http, f"{host}:{port}")
    finally:
        server.should_exit = True
        await serve_task
