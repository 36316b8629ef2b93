"""An employee with an open socket is shown online to all viewers until it is closed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest

from models.db.connection import LEDGER_LOCK_ID
from resolvers.organization import people
from server.clock import utc_now
from server.websocket.presence_reporter import PresenceReporter
from tests.http_server import RunningServer, receive_message, run_test_server, send_message

PRESENCE = "subscription { presence { name online } }"
NEW_EMPLOYEE = {"name": "Ann", "email": "ann@example.com", "password": "correct horse"}


async def create_employee(server: RunningServer) -> str:
    """Create the employee Ann and return her token."""
    await server.execute(
        "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) { userErrors { message } } }",
        input=NEW_EMPLOYEE,
    )
    signed_in = await server.execute(
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        token="",
        input={key: NEW_EMPLOYEE[key] for key in ("email", "password")},
    )
    return signed_in["signIn"]["accessToken"]


async def test_presence_changes_when_colleague_connects_and_disconnects(tmp_path: Path) -> None:
    async with run_test_server(tmp_path) as server:
        token = await create_employee(server)
        async with server.connect() as socket:
            await send_message(socket, id="1", type="subscribe", payload={"query": PRESENCE})
            states: dict[str, list[bool]] = {}

            async def wait_for_states(name: str, *expected: bool) -> None:
                while states.get(name) != [*expected]:
                    event = (await receive_message(socket))["payload"]["data"]["presence"]
                    states.setdefault(event["name"], []).append(event["online"])

            await wait_for_states("Ann", False)
            async with server.connect(token):
                await wait_for_states("Ann", False, True)
            await wait_for_states("Ann", False, True, False)

        assert states["Ada Admin"][-1] is True


@asynccontextmanager
async def held_write_lock(database_url: str) -> AsyncIterator[None]:
    """Hold the lock of all writers from another process."""
    if database_url.startswith("sqlite:"):
        path = database_url.removeprefix("sqlite://").partition("?")[0]
        # the server may be in a transaction, which ends only if this waits for it in a thread
        with closing(sqlite3.connect(path, 60, isolation_level=None, check_same_thread=False)) as other:
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            yield
    else:
        raw_connection = await asyncpg.connect(database_url)
        await raw_connection.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK_ID)
        try:
            yield
        finally:
            await raw_connection.close()


async def read_tasks_state(server: RunningServer) -> str:
    return (await server.http.get("/health/ready")).json()["checks"]["tasks"]


async def wait_for_tasks_state(server: RunningServer, state: str) -> None:
    async with asyncio.timeout(60):
        while await read_tasks_state(server) != state:
            await asyncio.sleep(0.02)


async def wait_until_online(server: RunningServer, name: str) -> None:
    async with asyncio.timeout(60):
        while True:
            data = await server.execute("{ employees { edges { node { name online } } } }")
            if {"name": name, "online": True} in [edge["node"] for edge in data["employees"]["edges"]]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True)
async def test_presence_is_reported_again_after_the_write_lock_was_held_for_long(
    tmp_path: Path, database_url: str
) -> None:
    if database_url.startswith("sqlite:"):
        database_url += "?busy_timeout=500"
    async with run_test_server(tmp_path, database_url=database_url) as server:
        token = await create_employee(server)
        assert await read_tasks_state(server) == "ok"
        async with held_write_lock(database_url), server.connect(token):
            await wait_for_tasks_state(server, "late")

        async with server.connect(token):
            await wait_until_online(server, "Ann")
            await wait_for_tasks_state(server, "ok")
            metrics = (await server.http.get("/metrics")).text

    restarts = next(line for line in metrics.splitlines() if line.startswith("scoreline_server_task_restarts_total "))
    assert float(restarts.split()[1]) >= 1


async def test_presence_is_reported_again_after_an_unexpected_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_presence, errors = people.report_presence, [KeyError("a bug"), ValueError("another")]

    async def fail_twice(*arguments: object) -> bool:
        if errors:
            raise errors.pop()
        return await report_presence(*arguments)

    async with run_test_server(tmp_path) as server:
        token = await create_employee(server)
        monkeypatch.setattr(people, "report_presence", fail_twice)
        async with server.connect(token):
            await wait_until_online(server, "Ann")

    assert errors == []


async def test_only_the_first_and_the_last_socket_of_an_employee_cause_a_report() -> None:
    reporter = PresenceReporter(utc_now)
    changes = []
    for act in (reporter.connect, reporter.connect, reporter.disconnect, reporter.disconnect):
        reporter._changed.clear()
        act(1)
        changes.append(reporter._changed.is_set())

    assert changes == [True, False, False, True]
