"""A refresh whose answer is lost does not end the session: cut around COMMIT, cut by the client, and kill -9."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.http_server import ADMIN, RunningServer, run_test_server
from tests.processes import SpawnedServer, Workspace, prepare_database, running_server

SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }"
REFRESH = "mutation($token: String!) { refreshSession(refreshToken: $token) { accessToken refreshToken } }"


@dataclass
class CommitCutter:
    """A proxy before PostgreSQL that cuts the connection around the COMMIT of the next refresh.

    cut  "before" (the COMMIT never arrives), "after" (its answer never arrives), or None
    """

    upstream: tuple[str, int]
    cut: str | None = None
    cuts: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self.upstream)
        answers = asyncio.create_task(self._pass_on(server_reader, writer))
        is_refreshing = False
        with closing(writer), closing(server_writer), suppress(OSError):
            while data := await reader.read(65_536):
                is_refreshing = is_refreshing or (b"UPDATE" in data and b"refresh_token" in data)
                if self.cut and is_refreshing and b"COMMIT" in data:
                    kind, self.cut = self.cut, None
                    self.cuts += 1
                    answers.cancel()
                    if kind == "after":
                        await asyncio.wait([answers])
                        server_writer.write(data)
                        await server_reader.read(65_536)  # it is committed now
                    break
                server_writer.write(data)
        answers.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
            writer.close()  # else a pool that closes its connections would wait for seconds


@asynccontextmanager
async def run_commit_cutter(url: str) -> AsyncIterator[tuple[CommitCutter, str]]:
    """Run the proxy and yield it with the URL of the database through it."""
    parts = urlsplit(url)
    cutter = CommitCutter((str(parts.hostname), parts.port or 5432))
    listener = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield cutter, url.replace(parts.netloc, f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}".lstrip("@"))
    finally:
        listener.close()


async def sign_in(server: RunningServer) -> dict[str, Any]:
    return (await server.execute(SIGN_IN, token="", input=ADMIN))["signIn"]


async def try_refresh(server: RunningServer, token: str) -> dict[str, Any]:
    """Refresh once and return the whole response."""
    return (await server.post(REFRESH, token="", variables={"token": token})).json()


async def refresh_obeying_unavailable(server: RunningServer, token: str) -> dict[str, Any]:
    """Refresh as a client does that waits as long as it is told to, and return the tokens."""
    async with asyncio.timeout(60):
        while "errors" in (response := await try_refresh(server, token)):
            [error] = response["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE", error
            await asyncio.sleep(error["extensions"]["retryAfterMs"] / 1000)
    return response["data"]["refreshSession"]


async def assert_session_lives(server: RunningServer, tokens: dict[str, Any]) -> None:
    data = await server.execute("{ company { name } }", token=tokens["accessToken"])
    assert data == {"company": {"name": "Acme"}}
    next_tokens = await refresh_obeying_unavailable(server, tokens["refreshToken"])
    assert next_tokens["accessToken"]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_refresh_cut_around_commit_is_unavailable_and_then_succeeds(
    tmp_path: Path, postgres_tables_url: str, cut: str
) -> None:
    async with (
        run_commit_cutter(postgres_tables_url) as (cutter, url),
        run_test_server(tmp_path, database_url=url) as server,
    ):
        tokens = await sign_in(server)
        cutter.cut = cut
        response = await try_refresh(server, tokens["refreshToken"])
        refreshed = await refresh_obeying_unavailable(server, tokens["refreshToken"])
        await assert_session_lives(server, refreshed)

    assert cutter.cuts == 1
    assert [error["extensions"]["code"] for error in response["errors"]] == ["UNAVAILABLE"]


@asynccontextmanager
async def started_refresh(server: SpawnedServer, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """Send a refresh, and drop the connection at the end of the block."""
    body = json.dumps({"query": REFRESH, "variables": {"token": token}}).encode()
    host, _, port = server.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /graphql HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_refresh_succeeds_after_lost_answers_and_killed_servers(tmp_path: Path, database_url: str) -> None:
    home = Workspace(tmp_path / "home", database_url=prepare_database(database_url))
    async with running_server(home) as server:
        tokens = await sign_in(server)
        for seconds in (0, 0.003, 0.01, 0.03):
            async with started_refresh(server, tokens["refreshToken"]):
                await asyncio.sleep(seconds)
        tokens = await refresh_obeying_unavailable(server, tokens["refreshToken"])
    for seconds in (0.006, 0.03):
        async with running_server(home) as server:
            await server.http.get("/health/ready")
            async with started_refresh(server, tokens["refreshToken"]) as reader:
                await asyncio.sleep(seconds)
                server.process.kill()
                with suppress(OSError):
                    await reader.read()
        async with running_server(home) as server:
            tokens = await refresh_obeying_unavailable(server, tokens["refreshToken"])
            await assert_session_lives(server, tokens)
            tokens = await refresh_obeying_unavailable(server, tokens["refreshToken"])


async def test_refresh_answered_by_two_servers_gives_one_successor(tmp_path: Path, postgres_tables_url: str) -> None:
    home = Workspace(tmp_path / "home", database_url=prepare_database(postgres_tables_url))
    async with running_server(home) as one, running_server(home) as other:
        tokens = await sign_in(one)
        for _ in range(5):
            responses: list[dict[str, Any]] = await asyncio.gather(
                *(try_refresh(server, tokens["refreshToken"]) for server in (one, other) * 3)
            )
            successors = {response["data"]["refreshSession"]["refreshToken"] for response in responses}
            assert len(successors) == 1
            tokens = responses[0]["data"]["refreshSession"]
        await assert_session_lives(other, tokens)
