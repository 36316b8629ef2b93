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

from models import migrator
from models.db import connection
from resolvers.organization import company
from server import settings
from server.app import clock
from server.uvicorn_runner import server_config

ADMIN = {"email": "admin@example.com", "password": "correct horse"}


@dataclass
class Served:
    """A running server with one company, and a client for it.

    token  access token of the administrator
    """

    http: httpx2.AsyncClient
    address: str
    token: str = ""

    async def post(self, query: str, *, token: str | None = None, **more: Any) -> httpx2.Response:
        """Send a query as the administrator, or with another token (empty: without signing in)."""
        token = self.token if token is None else token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return await self.http.post("/graphql", json={"query": query, **more}, headers=headers)

    async def data(self, query: str, *, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """Execute an operation and return its data; fail on errors."""
        answer = (await self.post(query, token=token, variables=variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    @asynccontextmanager
    async def bare(self, protocol: str = "graphql-transport-ws", **more: Any) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket without sending anything."""
        url = f"ws://{self.address}/graphql"
        async with connect(url, subprotocols=[Subprotocol(protocol)], compression=None, **more) as socket:
            yield socket

    @asynccontextmanager
    async def socket(self, token: str | None = None, **more: Any) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket and initialize the connection."""
        async with self.bare(**more) as socket:
            await say(socket, type="connection_init", payload={"Authorization": f"Bearer {token or self.token}"})
            assert await hear(socket) == {"type": "connection_ack"}
            yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection, patience: float = 10) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(socket.recv(), patience))


async def close_code(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Return code and reason once the server has closed the socket."""
    await asyncio.wait_for(socket.wait_closed(), 15)
    return socket.close_code, socket.close_reason


@asynccontextmanager
async def served(folder: Path, **overrides: Any) -> AsyncIterator[Served]:
    """Run a server with a new company in an SQLite file in `folder`, or in the database of `database_url`."""
    overrides = {"database_url": f"sqlite://{folder}/scoreline.db", "secret": "s" * 32} | overrides
    found = settings.load(host="127.0.0.1", port=0, log_level="error", **overrides)
    await migrator.migrate(found.database_url)
    async with connection.connected(found.database_url), connection.writing():
        await company.set_up(
            name="Acme", currency="EUR", zone="Europe/Berlin", country=None, admin="Ada Admin", **ADMIN, now=clock()
        )
    server = uvicorn.Server(server_config(found))
    running = asyncio.create_task(server.serve())
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    try:
        async with httpx2.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as http:
            here = Served(http, f"{host}:{port}")
            signed_in = await here.data(
                "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }", input=ADMIN
            )
            here.token = signed_in["signIn"]["accessToken"]
            yield here
    finally:
        server.should_exit = True
        await running
