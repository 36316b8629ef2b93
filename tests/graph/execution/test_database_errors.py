"""What passes by itself is told as UNAVAILABLE with a time to retry, and logged in a line without a traceback."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph.execution.error_formatting import format_error
from models.db import connection
from models.db.connection import LEDGER_LOCK_ID
from models.db.errors import DatabaseUnavailable, LockTimeout
from tests.empty_database import other_client
from tests.world import World, open_world

RECORD_DEAL = """mutation { recordDeal(input: {title: "Chairs", status: WON, amount: {amount: "5"}}) {
  deal { id } userErrors { message } } }"""
RECORD_DEALS = """mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) {
  deals { id } userErrors { message } } }"""


async def error_extensions(world: World, document: str = RECORD_DEAL, **variables: Any) -> dict[str, Any] | None:
    """Execute an operation and return the extensions of its error, without the request id; None if it succeeds."""
    try:
        result = await world.execute(document, **variables)
    except DatabaseUnavailable as error:  # of the authentication, before the execution
        errors: list[Exception] = [error]
    else:
        errors = list(result.errors or ())
    if not errors:
        return None
    extensions = format_error(errors[0], language="en", request_id="")["extensions"]
    del extensions["requestId"]
    return extensions


UNAVAILABLE = {"code": "UNAVAILABLE", "retryAfterMs": 1000}


@pytest.fixture
async def world(postgres_tables_url: str) -> AsyncIterator[World]:
    async with open_world(postgres_tables_url) as world:
        assert await error_extensions(world) is None
        yield world


def assert_logged_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    records = [record for record in caplog.records if record.name == "graph.execution.error_formatting"]
    assert [(record.levelno, record.exc_info) for record in records] == [(logging.WARNING, None)]


async def test_lock_of_another_client_is_unavailable(
    world: World, postgres_tables_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with other_client(postgres_tables_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK_ID)
        assert await error_extensions(world) == UNAVAILABLE

    assert_logged_in_a_line(caplog)
    assert await error_extensions(world) is None


def test_lock_of_another_client_is_told_as_other_writes() -> None:
    busy, away = (
        format_error(error, language="en", request_id="")["message"]
        for error in (LockTimeout("waited"), DatabaseUnavailable("gone"))
    )

    assert busy == "The database is busy with other writes: try again in a few seconds."
    assert away == "The database cannot be reached at the moment: try again in a few seconds."


async def test_read_only_database_is_unavailable(
    world: World, postgres_tables_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A failover ends the connections and leads to a replica, which is read-only until it is promoted."""
    name = postgres_tables_url.rpartition("/")[2]
    async with other_client(postgres_tables_url) as other:
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await connection.current_connection()._pool.expire_connections()

        assert await error_extensions(world) == UNAVAILABLE
        assert_logged_in_a_line(caplog)
        assert "read-only" in caplog.text
        assert await error_extensions(world, "{ company { name } }") is None

        await other.execute("SET default_transaction_read_only = off")
        await other.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await connection.current_connection()._pool.expire_connections()
        assert await error_extensions(world) is None


async def test_cached_statement_of_an_extended_table_is_unavailable_once(
    world: World, postgres_tables_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with other_client(postgres_tables_url) as other:
        for table in ("employee", "deal", "goal", "team", "company"):
            await other.execute(f"ALTER TABLE {table} ADD COLUMN added_later INT")

    codes = [await error_extensions(world) for _ in range(5)]

    assert {code["code"] for code in codes if code} <= {"UNAVAILABLE"}
    assert codes[-1] is None
    assert "Traceback" not in caplog.text


async def test_deadlock_is_unavailable(
    world: World, postgres_tables_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that does not take the lock of the ledger, such as one that changes rows by hand."""
    north = await world.create_team("North")
    await world.create_team("South")
    async with other_client(postgres_tables_url) as other:
        await other.execute("SET deadlock_timeout = '1min'")  # so that the server is the one to find the deadlock
        async with other.transaction():
            await other.execute("UPDATE team SET name = name WHERE name = 'South'")

            async def append_then_update_other_team(topics: Any, at: Any, **options: Any) -> int:
                blocked = asyncio.ensure_future(other.execute("UPDATE team SET name = name WHERE name = 'North'"))
                await asyncio.sleep(0.2)
                try:
                    await connection.execute("UPDATE team SET name = name WHERE name = 'South'")
                finally:
                    await asyncio.wait([blocked])
                raise AssertionError("not reached")

            monkeypatch.setattr("models.live.change_log.append", append_then_update_other_team)
            rename = 'mutation($id: ID!) { updateTeam(input: {id: $id, name: "West"}) { team { id } } }'
            assert await error_extensions(world, rename, id=north) == UNAVAILABLE

    assert_logged_in_a_line(caplog)
    assert "DeadlockDetectedError" in caplog.text


async def test_lost_connection_is_unavailable(world: World, postgres_tables_url: str) -> None:
    async with other_client(postgres_tables_url) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = $1",
            postgres_tables_url.rpartition("/")[2],
        )

    codes = [await error_extensions(world) for _ in range(3)]

    assert {code["code"] for code in codes if code} <= {"UNAVAILABLE"}
    assert codes[-1] is None


async def test_batches_at_once_are_done_or_throttled_and_stop_no_single_write(database_url: str) -> None:
    async with open_world(database_url) as world:
        assert await error_extensions(world) is None  # reference data is cached
        tasks = [
            asyncio.create_task(error_extensions(world, RECORD_DEALS, inputs=make_deals(number)))
            for number in range(12)
        ]
        singles = []
        while not all(task.done() for task in tasks):
            singles.append(await error_extensions(world))
            await asyncio.sleep(0.05)
        outcomes = [await task for task in tasks]

        recorded = (await connection.fetch_rows("SELECT COUNT(*) AS count FROM deal WHERE title = 'Batch'"))[0]["count"]

    assert {outcome["code"] for outcome in outcomes if outcome} <= {"THROTTLED"}
    assert all(outcome["retryAfterMs"] >= 1000 for outcome in outcomes if outcome)
    assert outcomes.count(None) >= 8
    assert recorded == 100 * outcomes.count(None)
    assert set(singles) == {None}
    assert len(singles) > 2


def make_deals(number: int) -> list[dict[str, Any]]:
    return [
        {"title": "Batch", "status": "WON", "amount": {"amount": "1"}, "externalId": f"{number}-{index}"}
        for index in range(100)
    ]


async def test_sqlite_file_that_another_process_writes_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_world(f"sqlite://{tmp_path}/scoreline.db?busy_timeout=200") as world:
        with closing(sqlite3.connect(tmp_path / "scoreline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await error_extensions(world) == UNAVAILABLE
            assert await error_extensions(world, "{ company { name } }") is None

        assert_logged_in_a_line(caplog)
        assert await error_extensions(world) is None


async def test_read_only_sqlite_file_is_unavailable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_world(f"sqlite://{tmp_path}/scoreline.db") as world:
        await connection.execute("PRAGMA query_only = ON")
        assert await error_extensions(world) == UNAVAILABLE
        await connection.execute("PRAGMA query_only = OFF")

        assert_logged_in_a_line(caplog)
        assert await error_extensions(world) is None


async def test_value_that_reached_the_database_unchecked_is_bad_input(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.node.decode_global_id", lambda text: ("Pipeline", 1 << 70))

    async with open_world(database_url) as world:
        extensions = await error_extensions(world, '{ node(id: "x") { id } }')

    assert extensions == {"code": "BAD_USER_INPUT"}
