"""The system under test: a private PostgreSQL and Valkey, or an SQLite file, and servers as processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import asyncpg

from faults.journal import ApiClient, Journal
from faults.network_link import NetworkLink
from tests.backing_services import Postgres, Valkey, free_port
from tests.http_server import ADMIN
from tests.processes import Process, Workspace, prepare_database

ANSWER_TIMEOUT_SECONDS: Final = 15.0  # a client that has waited longer repeats its request
START_TIMEOUT_SECONDS: Final = 60.0
SELLER_COUNT: Final = 4

_SIGN_IN: Final = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }"
_CREATE_SELLER: Final = """mutation($input: CreateEmployeeInput!) {
  createEmployee(input: $input) { employee { id } userErrors { message } } }"""
_SET_GOAL: Final = "mutation($input: SetGoalInput!) { setGoal(input: $input) { goal { id } userErrors { message } } }"
_CREATE_DEVICE: Final = """mutation($input: CreateDeviceInput!) {
  createDevice(input: $input) { token userErrors { message } } }"""


class Store(StrEnum):
    POSTGRES = "PostgreSQL"
    SQLITE = "SQLite"


class ServerUnderTest:
    """A server on a port of its own, which can be killed, frozen and started again."""

    def __init__(self, name: str, folder: Path, settings: dict[str, Any]) -> None:
        self.name = name
        self.address = f"127.0.0.1:{free_port()}"
        self.client = ApiClient(self.address, ANSWER_TIMEOUT_SECONDS)
        self.workspace = Workspace(folder, **settings)
        self._process: Process | None = None
        self._logs: list[Path] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.code is None

    async def start(self, **settings: Any) -> None:
        """Start the process, unless it runs, and wait until it takes requests."""
        if not self.is_running:
            self._process = self.workspace.start("serve", "--port", self.address.rpartition(":")[2], **settings)
            self._logs.append(self._process.err)
        await self.wait_until_ready()

    async def wait_until_ready(self, statuses: Sequence[str] = ("ready", "degraded")) -> None:
        """Wait until the readiness check says one of these. Raises RuntimeError if the process ends, TimeoutError."""
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            while await self.client.read_readiness() not in statuses:
                if not self.is_running:
                    raise RuntimeError(f"The server has ended: {self.read_log()[-1000:]}")
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End the process at once, as a power cut does."""
        assert self._process is not None
        self._process.kill()

    def pause(self) -> None:
        """Freeze the process: its connections stay open and get no answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def terminate(self) -> int:
        """Ask the process to end, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait_async()

    def read_log(self) -> str:
        """Return everything that the processes of this server have logged."""
        return "".join(log.read_text(errors="replace") for log in self._logs)

    def read_resident_bytes(self) -> int:
        """Return the anonymous resident memory of the process."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0

    def count_open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def close(self) -> None:
        await self.client.close()
        if self.is_running:
            self.kill()


@dataclass
class Rig:
    """Servers and what they depend on, with a company in the database.

    url                           of the database, directly
    servers                       the workload uses those that are listed
    postgres, valkey              None with SQLite
    database_link, valkey_link    between the second server and these
    goal_ids, quiet_goal_id       goals that wins move, and one that they do not
    """

    store: Store
    url: str
    folder: Path
    servers: list[ServerUnderTest] = field(default_factory=list)
    postgres_server: Postgres | None = None
    valkey_server: Valkey | None = None
    database_link: NetworkLink = field(default_factory=lambda: NetworkLink(0))
    valkey_link: NetworkLink = field(default_factory=lambda: NetworkLink(0))
    admin_token: str = ""
    wallboard_token: str = ""
    integration_tokens: list[str] = field(default_factory=list)
    seller_ids: list[str] = field(default_factory=list)
    goal_ids: list[str] = field(default_factory=list)
    quiet_goal_id: str = ""
    run_count: int = 0

    @property
    def postgres(self) -> Postgres:
        assert self.postgres_server is not None
        return self.postgres_server

    @property
    def valkey(self) -> Valkey:
        assert self.valkey_server is not None
        return self.valkey_server

    @property
    def database_file(self) -> Path:
        return Path(self.url.removeprefix("sqlite://"))

    def next_run_number(self) -> int:
        self.run_count += 1
        return self.run_count

    async def fetch_rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read directly from the database."""
        if self.store is Store.SQLITE:
            return await asyncio.to_thread(self._fetch_sqlite_rows, sql)
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(sql, timeout=30)]
        finally:
            await connection.close()

    def _fetch_sqlite_rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database_file, timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    async def execute(self, sql: str) -> None:
        """Run a statement directly in the SQLite file."""
        with closing(sqlite3.connect(self.database_file, timeout=10)) as connection, connection:
            connection.execute(sql)

    async def run_command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the product, connected directly; return its exit code and what it has written."""
        process = Workspace(self.folder / f"command {self.next_run_number()}", database_url=self.url).start(*arguments)
        try:
            code = await process.wait_async(120)
        finally:
            if process.code is None:
                process.kill()
        return code, process.out.read_text(errors="replace") + process.stderr_text

    def count_tracebacks(self) -> int:
        return sum(server.read_log().count("Traceback (most recent call last)") for server in self.servers)

    async def heal(self) -> None:
        """Undo what a scene that has failed may have left behind, and wait until all servers take requests."""
        for server in self.servers:
            if server.is_running:
                server.resume()
        for backing_service in (self.postgres_server, self.valkey_server):
            if backing_service is not None:
                backing_service.resume()
                if not await asyncio.to_thread(backing_service.is_ready):
                    await asyncio.to_thread(backing_service.kill)
                    await asyncio.to_thread(backing_service.start)
        await asyncio.gather(*(server.start() for server in self.servers))


@asynccontextmanager
async def run_rig(store: Store, folder: Path) -> AsyncIterator[Rig]:
    """Start everything for the block; stop it and all its processes afterwards.

    Raises ServerNotAvailable if PostgreSQL or Valkey cannot run on this machine.
    """
    rig = Rig(store, f"sqlite://{folder}/scoreline.db", folder)
    try:
        await (_start_postgres_rig(rig) if store is Store.POSTGRES else _start_sqlite_rig(rig))
        yield rig
    finally:
        await asyncio.gather(*(server.close() for server in rig.servers))
        for link in (rig.database_link, rig.valkey_link):
            await link.stop()
        for backing_service in (rig.postgres_server, rig.valkey_server):
            if backing_service is not None:
                await asyncio.to_thread(backing_service.stop)


async def _start_postgres_rig(rig: Rig) -> None:
    rig.postgres_server = await asyncio.to_thread(lambda: Postgres(durable=True))
    rig.valkey_server = await asyncio.to_thread(Valkey)
    rig.url = rig.postgres.url
    rig.database_link, rig.valkey_link = NetworkLink(rig.postgres.port), NetworkLink(rig.valkey.port)
    await rig.database_link.start()
    await rig.valkey_link.start()
    await asyncio.to_thread(prepare_database, rig.url, zone="UTC")
    direct = {"database_url": rig.url, "redis_url": rig.valkey.url}
    linked = {
        "database_url": rig.url.replace(f":{rig.postgres.port}/", f":{rig.database_link.port}/"),
        "redis_url": rig.valkey.url.replace(f":{rig.valkey.port}/", f":{rig.valkey_link.port}/"),
    }
    rig.servers = [make_server(rig, "server 1", **direct), make_server(rig, "server 2", **linked)]
    await asyncio.gather(*(server.start() for server in rig.servers))
    await _create_company(rig)


async def _start_sqlite_rig(rig: Rig) -> None:
    await asyncio.to_thread(prepare_database, rig.url, zone="UTC")
    rig.servers = [make_server(rig, "server", database_url=rig.url)]
    await rig.servers[0].start()
    await _create_company(rig)


def make_server(rig: Rig, name: str, **settings: Any) -> ServerUnderTest:
    """Return a server with the settings of the rig, not started."""
    return ServerUnderTest(name, rig.folder / name, {"access_minutes": 1440, "sockets_per_viewer": 10_000} | settings)


async def _create_company(rig: Rig) -> None:
    """Sign in; create sellers, goals and devices."""

    async def execute(query: str, input: dict[str, Any]) -> Any:
        journal = Journal()
        data = await rig.servers[0].client.execute(journal, rig.admin_token, query, {"input": input})
        if data is None:
            raise RuntimeError(f"The company cannot be set up: {dict(journal.answers)} {journal.messages}")
        (payload,) = data.values()
        if payload.get("userErrors"):
            raise RuntimeError(f"The company cannot be set up: {payload['userErrors']}")
        return payload

    rig.admin_token = (await execute(_SIGN_IN, ADMIN))["accessToken"]
    for number in range(1, SELLER_COUNT + 1):
        input = {"name": f"Seller {number}", "email": f"seller{number}@example.com"}
        rig.seller_ids.append((await execute(_CREATE_SELLER, input))["employee"]["id"])

    async def set_goal(owner: str, metric: str) -> str:
        input = {"owner": owner, "metric": metric, "target": "1000000000", "period": {"kind": "YEAR"}}
        return str((await execute(_SET_GOAL, input))["goal"]["id"])

    rig.goal_ids = [await set_goal(seller_id, "deals_won_amount") for seller_id in rig.seller_ids]
    rig.quiet_goal_id = await set_goal(rig.seller_ids[0], "leads_converted")
    rig.wallboard_token = (await execute(_CREATE_DEVICE, {"name": "Office", "kind": "WALLBOARD"}))["token"]
    for number in range(8):
        device = {"name": f"CRM {number + 1}", "kind": "INTEGRATION"}
        rig.integration_tokens.append((await execute(_CREATE_DEVICE, device))["token"])


def seconds_since(started_at: float) -> float:
    return time.monotonic() - started_at
