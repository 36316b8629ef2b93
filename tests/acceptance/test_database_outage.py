"""Database outages under two servers: requests fail with a clear error, subscriptions recover by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from models import migrator
from tests.acceptance.two_servers import (
    RECORD_DEAL,
    TIMEOUT_SECONDS,
    ServerPair,
    fetch_rows,
    run_server_pair,
    watch_subscription,
)
from tests.backing_services import Postgres, ServerNotAvailable, Valkey
from tests.empty_database import run_in_thread
from tests.processes import SpawnedServer, Workspace, running_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTAGE_SECONDS = 5.0  # duration of an outage
DEADLINE_SECONDS = 2  # the servers' deadline of an operation
MAX_ANSWER_SECONDS = DEADLINE_SECONDS + 3.0  # within which a client must have an answer


@pytest.fixture(scope="module")
def postgres(services: Any) -> Iterator[Postgres]:
    """A PostgreSQL server of its own, since the tests stop it."""
    try:
        server = Postgres(durable=True)
    except ServerNotAvailable as reason:
        services.skip_or_fail(reason)
    run_in_thread(migrator.migrate(server.url))
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    postgres: Postgres, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerPair]:
    folder = tmp_path_factory.mktemp("pair")
    async with run_server_pair(
        postgres.url, module_redis_server.url, folder, deadline_seconds=DEADLINE_SECONDS
    ) as pair:
        yield pair


@dataclass
class RetryingClient:
    """Sends queries and wins to one server until stopped, notes the answers, retries each win until acknowledged."""

    server: SpawnedServer
    name: str
    durations: list[float] = field(default_factory=list)
    answers: list[tuple[int, str | None]] = field(default_factory=list)
    wins: list[str] = field(default_factory=list)
    stopped: bool = False

    async def execute(self, query: str, **variables: Any) -> Any:
        """Return the data of the answer, None if it has errors."""
        began = time.perf_counter()
        response = await self.server.post(query, variables=variables)
        self.durations.append(time.perf_counter() - began)
        result = response.json()
        codes = [error["extensions"]["code"] for error in result.get("errors", ())]
        self.answers.append((response.status_code, codes[0] if codes else None))
        return None if codes else result["data"]

    async def record_until_stopped(self) -> None:
        while not self.stopped:
            await self.execute("{ company { name } }")
            title = f"{self.name} {len(self.wins)}"
            input = {"title": title, "status": "WON", "amount": {"amount": "1"}, "idempotencyKey": title}
            while not await self.execute(RECORD_DEAL, input=input):
                await asyncio.sleep(0.05)
            self.wins.append(title)


async def kill_and_restart(server: Postgres) -> None:
    server.kill()
    await asyncio.sleep(OUTAGE_SECONDS)
    await asyncio.to_thread(server.start)


async def pause_and_resume(server: Postgres) -> None:
    server.pause()
    await asyncio.sleep(OUTAGE_SECONDS)
    server.resume()


async def close_connections(server: Postgres) -> None:
    connection = await asyncpg.connect(server.url)
    for _ in range(5):
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await asyncio.sleep(0.3)
    await connection.close()


@pytest.mark.parametrize(
    "fault", [kill_and_restart, pause_and_resume, close_connections], ids=lambda fault: fault.__name__
)
async def test_database_outage_fails_clearly_and_subscriptions_recover(
    pair: ServerPair, postgres: Postgres, fault: Callable[[Postgres], Awaitable[None]]
) -> None:
    clients = [RetryingClient(server, f"{fault.__name__} {number}") for number, server in enumerate([*pair, *pair])]
    ready: list[str] = []

    async with (
        watch_subscription(pair.first, token=pair.wallboard) as first_watch,
        watch_subscription(pair.second, token=pair.wallboard) as second_watch,
    ):
        before = Decimal((await first_watch.wait_for_query_state(pair.second))["total"])
        client_tasks = [asyncio.create_task(client.record_until_stopped()) for client in clients]
        fault_task = asyncio.ensure_future(fault(postgres))
        while not fault_task.done():
            ready.append((await pair.first.read_readiness())[1]["status"])
            await asyncio.sleep(0.1)
        await fault_task
        for server in pair:
            await server.wait_until_ready(timeout=TIMEOUT_SECONDS)
        for client in clients:
            client.stopped = True
        await asyncio.gather(*client_tasks)
        leaderboards = [await watch.wait_for_query_state(pair.first) for watch in (first_watch, second_watch)]

    answers = {answer for client in clients for answer in client.answers}
    print(f"{answers}, the slowest after {max(max(client.durations) for client in clients):.1f} s; {set(ready)}")
    assert answers <= {(200, None), (503, "UNAVAILABLE"), (503, "TIMEOUT")}
    assert max(max(client.durations) for client in clients) < MAX_ANSWER_SECONDS
    assert fault is close_connections or "unavailable" in ready
    titles = [title for client in clients for title in client.wins]
    assert {Decimal(leaderboard["total"]) for leaderboard in leaderboards} == {before + len(titles)}
    assert await fetch_rows(pair.url, "SELECT count(*) FROM deal WHERE title = ANY($1)", titles) == [(len(titles),)]
    assert {watch.close_code for watch in (first_watch, second_watch)} == {None}
    for server in pair:
        assert "Traceback" not in server.process.stderr_text, server.process.stderr_text


async def test_frozen_database_is_answered_within_two_seconds_once_readiness_knows(
    pair: ServerPair, postgres: Postgres, tmp_path: Path
) -> None:
    async with running_server(Workspace(tmp_path, database_url=pair.url)) as server:  # with the usual deadline of 10 s
        server.token = pair.first.token
        await server.execute("{ company { name } }")
        postgres.pause()
        try:
            await server.wait_until_ready("unavailable")
            durations, codes = [], []
            for query in ("{ company { name } }", 'mutation { recordLead(input: {title: "A"}) { lead { id } } }') * 3:
                began = time.perf_counter()
                response = await server.post(query)
                durations.append(time.perf_counter() - began)
                codes.append((response.status_code, response.json()["errors"][0]["extensions"]["code"]))
        finally:
            postgres.resume()
        await server.wait_until_ready()
        await server.execute("{ company { name } }")

    print(f"answered after {durations}")
    assert set(codes) == {(503, "UNAVAILABLE")}
    assert max(durations) < 2
    assert "Traceback" not in server.process.stderr_text
