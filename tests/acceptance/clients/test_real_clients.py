"""Dashboards of real client libraries survive sleep, expired tokens, restarts and a killed server by themselves.

graphql-ws, Apollo Client and urql run under Node.js, gql under Python. Nobody reloads a page: a test passes only if each
dashboard shows the right state in the end and was told of no failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio

from tests.acceptance.clients.client_processes import (
    ClientProcess,
    ClientsNotAvailable,
    Proxy,
    install_node_clients,
    run_clients,
)
from tests.acceptance.two_servers import ServerPair, record_win, run_server_pair
from tests.backing_services import Valkey
from tests.http_server import ADMIN
from tests.processes import SECRET, SpawnedServer, running_server

TOKEN_SECONDS = 12.0  # in which a client must have started, also on a slow machine
PYTHON_LIBRARY = "gql"
NODE_LIBRARIES = ("graphql-ws", "apollo", "urql")
SIGN_IN = """mutation($input: SignInInput!) { signIn(input: $input) {
  accessToken refreshToken expiresAt userErrors { message } } }"""
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    module_postgres_url: str, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerPair]:
    async with run_server_pair(
        module_postgres_url, module_redis_server.url, tmp_path_factory.mktemp("clients")
    ) as running:
        yield running


@pytest.fixture
def libraries() -> Sequence[str]:
    """All client libraries, whose dashboards wait at the same time; without those of JavaScript where there is no Node.js."""
    try:
        install_node_clients()
    except ClientsNotAvailable:
        return (PYTHON_LIBRARY,)
    return (PYTHON_LIBRARY, *NODE_LIBRARIES)


async def test_libraries_of_javascript_are_among_the_tested_ones(libraries: Sequence[str]) -> None:
    """Skipped where there is no Node.js, as only the Python library is tested there."""
    try:
        install_node_clients()
    except ClientsNotAvailable as error:
        pytest.skip(str(error))
    assert set(NODE_LIBRARIES) < set(libraries)


async def sign_in(server: SpawnedServer, expires_in: float | None = None) -> dict[str, str]:
    """Sign in and return the tokens of the session, with an access token that expires after these seconds."""
    payload = (await server.execute(SIGN_IN, token="", input=ADMIN))["signIn"]
    if expires_in is not None:
        expires_at = datetime.now(UTC) + timedelta(seconds=expires_in)
        claims = jwt.decode(payload["accessToken"], options={"verify_signature": False})
        payload["accessToken"] = jwt.encode(claims | {"exp": expires_at}, SECRET, algorithm="HS256")
        payload["expiresAt"] = expires_at.isoformat()
    return payload


async def read_total(server: SpawnedServer) -> str:
    return (await server.execute("{ leaderboard { total } }"))["leaderboard"]["total"]


async def wait_for_total(clients: Sequence[ClientProcess], server: SpawnedServer) -> None:
    """Wait until every dashboard shows the total of the database; none may have been told of a failure."""
    total = await read_total(server)
    for client in clients:
        await client.wait_until(lambda client: client.total == total)
        assert client.events_of("failed") == [], client.library


def close_codes(client: ClientProcess) -> list[int]:
    return [event["code"] for event in client.events_of("closed")]


@asynccontextmanager
async def run_dashboards(
    libraries: Sequence[str],
    server: SpawnedServer,
    address: str = "",
    expires_in: float | None = None,
    **options: Any,
) -> AsyncIterator[list[ClientProcess]]:
    """Run dashboards within the block, which begins when each shows the total.

    address     to connect to, if not to the server itself
    expires_in  seconds until the first access tokens expire
    """
    sessions = {library: await sign_in(server, expires_in) for library in libraries}
    async with run_clients(sessions, address or server.address, **options) as clients:
        await wait_for_total(clients, server)
        yield clients


async def sleep_and_wake(server: SpawnedServer, clients: Sequence[ClientProcess], seconds: float) -> None:
    """Stop the clients for these seconds, with a win meanwhile, and wait until they show it."""
    for client in clients:
        client.sleep()
    await asyncio.sleep(seconds / 2)
    await record_win(server, "While they sleep")
    await asyncio.sleep(seconds / 2)
    for client in clients:
        client.wake()
    await wait_for_total(clients, server)


@pytest.mark.parametrize(
    "uses_defaults",
    [
        pytest.param(False, id="as documented"),
        pytest.param(True, id="with the library's options", marks=pytest.mark.long),
    ],
)
async def test_dashboard_comes_back_after_sleep(
    pair: ServerPair, libraries: Sequence[str], uses_defaults: bool
) -> None:
    async with (
        running_server(pair.first.workspace, ping_seconds=1) as server,
        run_dashboards(libraries, pair.first, server.address, usesDefaults=uses_defaults) as clients,
    ):
        await sleep_and_wake(pair.first, clients, 5)

        for client in clients:
            assert set(close_codes(client)) == {1001}, (client.library, close_codes(client))


@pytest.mark.long
@pytest.mark.parametrize("seconds", [25, 45, 75])
async def test_dashboard_comes_back_after_long_sleep_with_default_pings(
    libraries: Sequence[str], seconds: int, postgres_tables_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with (
        run_server_pair(postgres_tables_url, redis_url, tmp_path) as pair,
        run_dashboards(libraries, pair.first) as clients,
    ):
        await sleep_and_wake(pair.first, clients, seconds)
        await record_win(pair.first, "After it")
        await wait_for_total(clients, pair.first)
        print({client.library: close_codes(client) for client in clients})


async def test_dashboard_that_renews_its_token_stays_connected(pair: ServerPair, libraries: Sequence[str]) -> None:
    async with run_dashboards(libraries, pair.first, expires_in=TOKEN_SECONDS, renews=True) as clients:
        for client in clients:
            await client.wait_until(lambda client: bool(client.events_of("pong")))
        await asyncio.sleep(TOKEN_SECONDS + 3)
        states_before = [len(client.events_of("state")) for client in clients]
        await record_win(pair.first, "With a new token")
        await wait_for_total(clients, pair.first)

        for client, state_count in zip(clients, states_before, strict=True):
            assert close_codes(client) == [], client.library
            assert len(client.events_of("connected")) == 1, client.library
            assert state_count == 1, client.library  # nothing was sent again
            expires_at = datetime.fromisoformat(client.events_of("pong")[0]["expiresAt"])
            assert expires_at > datetime.now(UTC) + timedelta(minutes=5), client.library


async def test_dashboard_whose_token_expires_connects_again_with_a_new_one(
    pair: ServerPair, libraries: Sequence[str]
) -> None:
    async with run_dashboards(libraries, pair.first, expires_in=TOKEN_SECONDS) as clients:
        for client in clients:
            await client.wait_until(lambda client: len(client.events_of("connected")) == 2)
        await record_win(pair.first, "With a new token")
        await wait_for_total(clients, pair.first)

        for client in clients:
            [closed] = client.events_of("closed")
            assert closed["code"] == 4403, client.library
            assert "TOKEN_EXPIRED" in closed["reason"], client.library


@asynccontextmanager
async def restarted(server: SpawnedServer) -> AsyncIterator[SpawnedServer]:
    """Run a stopped server again, at another address, within the block."""
    async with running_server(server.workspace) as new_server:
        new_server.token = server.token
        yield new_server


@asynccontextmanager
async def run_behind_proxy(
    libraries: Sequence[str], database_url: str, redis_url: str, folder: Path
) -> AsyncIterator[tuple[ServerPair, Proxy, list[ClientProcess]]]:
    """Run two servers, a proxy that prefers the first one, and dashboards connected through it."""
    async with (
        run_server_pair(database_url, redis_url, folder) as pair,
        Proxy([server.address for server in pair]).run() as proxy,
        run_dashboards(libraries, pair.first, proxy.address) as clients,
    ):
        yield pair, proxy, clients


async def wait_until_back(clients: Sequence[ClientProcess], restarts: int) -> None:
    """Wait until each dashboard was closed that often because of a restart, and shows a state of a new connection.

    The right total alone does not say so: the server that ends may have pushed it before it closed the connection.
    """
    for client in clients:
        await client.wait_until(lambda client: close_codes(client).count(1012) == restarts and client.is_connected)


async def test_dashboard_follows_a_rolling_restart(
    postgres_tables_url: str, redis_url: str, tmp_path: Path, libraries: Sequence[str]
) -> None:
    async with run_behind_proxy(libraries, postgres_tables_url, redis_url, tmp_path) as (pair, proxy, clients):
        pair.first.process.terminate()
        await record_win(pair.second, "While the first one ends")
        assert await pair.first.process.wait_async() == 0
        await wait_for_total(clients, pair.second)
        await wait_until_back(clients, 1)
        async with restarted(pair.first) as new_first:
            proxy.addresses = [new_first.address]
            pair.second.process.terminate()
            await record_win(new_first, "While the second one ends")
            await wait_for_total(clients, new_first)
            await wait_until_back(clients, 2)
            await record_win(new_first, "Afterwards")
            await wait_for_total(clients, new_first)

    for client in clients:
        codes = close_codes(client)  # and 1006 of attempts to connect to a server that ends
        assert (codes.count(1012), set(codes) <= {1012, 1006}) == (2, True), (client.library, codes)


async def test_dashboard_moves_to_the_other_server_when_one_is_killed(
    postgres_tables_url: str, redis_url: str, tmp_path: Path, libraries: Sequence[str]
) -> None:
    async with run_behind_proxy(libraries, postgres_tables_url, redis_url, tmp_path) as (pair, _, clients):
        await record_win(pair.first, "Before")
        pair.first.process.kill()
        killed_at = time.monotonic()
        await record_win(pair.second, "After")
        await wait_for_total(clients, pair.second)
        print(f"All dashboards are right after {time.monotonic() - killed_at:.1f} s.")
        await record_win(pair.second, "Later")
        await wait_for_total(clients, pair.second)

    for client in clients:
        assert len(close_codes(client)) >= 1, client.library
