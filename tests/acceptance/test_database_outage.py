"""Database outages under two servers: requests fail with a clear error, subscriptions recover by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from models import migrator
from tests.acceptance.two_servers import PATIENCE, RECORD, Pair, paired, rows, watching
from tests.backing_services import Postgres, Unavailable, Valkey
from tests.empty_database import finished
from tests.processes import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

DARK = 5.0  # duration of an outage
DEADLINE = 2  # the servers' deadline of an operation
LONGEST = DEADLINE + 3.0  # within which a client must have an answer


@pytest.fixture(scope="module")
def postgres(services: Any) -> Iterator[Postgres]:
    """A PostgreSQL server of its own, since the tests stop it."""
    try:
        server = Postgres(lasting=True)
    except Unavailable as reason:
        services.missing(reason)
    finished(migrator.migrate(server.url))
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    postgres: Postgres, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    async with paired(postgres.url, module_redis_server.url, folder, deadline_seconds=DEADLINE) as pair:
        yield pair


@dataclass
class Client:
    """Sends queries and wins to one server until stopped, notes the answers, retries each win until acknowledged."""

    server: Running
    name: str
    took: list[float] = field(default_factory=list)
    answers: list[tuple[int, str | None]] = field(default_factory=list)
    wins: list[str] = field(default_factory=list)
    over: bool = False

    async def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of the answer, None if it has errors."""
        began = time.perf_counter()
        response = await self.server.post(query, variables=variables)
        self.took.append(time.perf_counter() - began)
        answer = response.json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        self.answers.append((response.status_code, codes[0] if codes else None))
        return None if codes else answer["data"]

    async def work(self) -> None:
        while not self.over:
            await self.ask("{ company { name } }")
            title = f"{self.name} {len(self.wins)}"
            input_ = {"title": title, "status": "WON", "amount": {"amount": "1"}, "idempotencyKey": title}
            while not await self.ask(RECORD, input=input_):
                await asyncio.sleep(0.05)
            self.wins.append(title)


async def killed(server: Postgres) -> None:
    server.kill()
    await asyncio.sleep(DARK)
    await asyncio.to_thread(server.start)


async def frozen(server: Postgres) -> None:
    server.pause()
    await asyncio.sleep(DARK)
    server.resume()


async def disconnected(server: Postgres) -> None:
    connection = await asyncpg.connect(server.url)
    for _ in range(5):
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await asyncio.sleep(0.3)
    await connection.close()


@pytest.mark.parametrize("fault", [killed, frozen, disconnected], ids=lambda fault: fault.__name__)
async def test_a_database_that_goes_away_is_told_of_clearly_and_everything_heals(
    pair: Pair, postgres: Postgres, fault: Callable[[Postgres], Awaitable[None]]
) -> None:
    clients = [Client(server, f"{fault.__name__} {n}") for n, server in enumerate([*pair, *pair])]
    ready: list[str] = []

    async with watching(pair.one, token=pair.wallboard) as here, watching(pair.two, token=pair.wallboard) as there:
        before = Decimal((await here.settled(pair.two))["total"])
        working = [asyncio.create_task(client.work()) for client in clients]
        failing = asyncio.ensure_future(fault(postgres))
        while not failing.done():
            ready.append((await pair.one.ready())[1]["status"])
            await asyncio.sleep(0.1)
        await failing
        for server in pair:
            await server.until_ready(patience=PATIENCE)
        for client in clients:
            client.over = True
        await asyncio.gather(*working)
        boards = [await each.settled(pair.one) for each in (here, there)]

    answers = {answer for client in clients for answer in client.answers}
    print(f"{answers}, the slowest after {max(max(client.took) for client in clients):.1f} s; {set(ready)}")
    assert answers <= {(200, None), (503, "UNAVAILABLE"), (503, "TIMEOUT")}
    assert max(max(client.took) for client in clients) < LONGEST
    assert fault is disconnected or "unavailable" in ready
    titles = [title for client in clients for title in client.wins]
    assert {Decimal(board["total"]) for board in boards} == {before + len(titles)}
    assert await rows(pair.url, "SELECT count(*) FROM deal WHERE title = ANY($1)", titles) == [(len(titles),)]
    assert {each.code for each in (here, there)} == {None}
