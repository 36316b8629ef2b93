"""The audit log: a line for each security event, with its actor and address and without secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from models.db import connection
from resolvers.auth.attempts import PER_NETWORK
from resolvers.organization import people
from resolvers.organization.inputs import EmployeeInput
from resolvers.request.context import RequestContext
from server.http.rate_limit import RateLimiter
from server.observability.log_format import REQUEST_LOGGER, RequestRecord
from tests.http_server import run_test_server
from tests.world import PASSWORD, World, open_world

NEW_PASSWORD = "battery staple"


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world(usual_database_url) as world:
        await world.create_employee("Ann")
        world.services.rate_limiter = RateLimiter()
        yield world


def audited(logs: list[Any], event: str) -> dict[str, Any]:
    """Return the only line of an event, without time and logger."""
    [line] = [line for line in logs if line["event"] == event]
    return dict(line)


async def test_sign_in_and_sign_out_are_logged(world: World) -> None:
    document = "mutation($token: String!) { signOut(refreshToken: $token) { userErrors { code } } }"
    with capture_logs() as logs:
        tokens = await world.mutate("signIn", None, email="ann@example.com", password=PASSWORD)
        await world.query(document, None, token=tokens["refreshToken"])

    signed_in, signed_out = audited(logs, "signed in"), audited(logs, "signed out")
    assert signed_in["by"].startswith("employee:")
    assert signed_in["address"] == signed_out["address"] == world.address
    assert signed_in["session"] == signed_out["session"]
    for secret in (PASSWORD, tokens["refreshToken"], tokens["accessToken"]):
        assert secret not in str(logs)


async def test_wrong_password_and_token_are_logged_as_warnings(world: World) -> None:
    refresh = 'mutation { refreshSession(refreshToken: "made up") { accessToken } }'
    with capture_logs() as logs:
        await world.try_mutation("signIn", None, email="ann@example.com", password="wrong password")
        await world.try_mutation("signIn", None, email="nobody@example.com", password="wrong password")
        await world.execute(refresh, None)

    for_employee, for_stranger = (line for line in logs if line["event"] == "wrong password")
    assert (for_employee["log_level"], for_stranger["log_level"]) == ("warning", "warning")
    assert (for_employee["employee"] is None, for_stranger["employee"]) == (False, None)
    assert audited(logs, "wrong token")["log_level"] == "warning"
    assert "wrong password" not in str([list(line.values())[1:] for line in logs if "employee" not in line])


async def test_token_attempts_over_the_limit_are_logged(world: World) -> None:
    for number in range(PER_NETWORK.amount):
        await world.execute(f'mutation {{ refreshSession(refreshToken: "guess {number}") {{ accessToken }} }}', None)

    with capture_logs() as logs:
        await world.execute('mutation { refreshSession(refreshToken: "one more") { accessToken } }', None)

    assert audited(logs, "wrong token throttled")["log_level"] == "warning"


async def test_changes_of_accounts_and_devices_are_logged(world: World) -> None:
    with capture_logs() as logs:
        await world.create_team("North")
        created = await world.mutate("createEmployee", name="Bob", email="bob@example.com", password=NEW_PASSWORD)
        bob = created["employee"]["id"]
        await world.mutate("updateEmployee", id=bob, role="ADMIN", team=world.global_ids["North"])
        await world.mutate("updateTeam", id=world.global_ids["North"], manager=bob)
        await world.create_device("Hall", "WALLBOARD")
        await world.query(
            "mutation($id: ID!) { revokeDevice(id: $id) { userErrors { code } } }", id=world.global_ids["Hall"]
        )

    assert audited(logs, "employee created")["role"] == "EMPLOYEE"
    changed = audited(logs, "employee changed")
    assert (changed["fields"], changed["role"]) == (["role", "team_id"], "ADMIN")
    assert audited(logs, "team changed")["manager"] == changed["employee"]
    assert audited(logs, "password set")["employee"] == changed["employee"]
    assert audited(logs, "device created")["device"] == audited(logs, "device revoked")["device"]
    assert {line["by"] for line in logs} == {changed["by"]}
    assert NEW_PASSWORD not in str(logs)
    assert world.tokens["Hall"] not in str(logs)


async def test_other_changes_of_employees_are_not_logged(world: World) -> None:
    with capture_logs() as logs:
        await world.mutate("updateEmployee", id=world.global_ids["Ann"], name="Anna", role="EMPLOYEE")

    assert logs == []


async def create_and_roll_back(context: RequestContext, *, outer: bool) -> None:
    """Create an employee in a unit of work, and raise RuntimeError in it, or in the transaction around it."""
    async with connection.write_transaction():
        async with context.unit_of_work():
            await people.create_employee(context, EmployeeInput(name="Bob", email="bob@example.com"))
            if not outer:
                raise RuntimeError
        raise RuntimeError


@pytest.mark.parametrize("outer", [False, True], ids=["by an error", "in a dry run"])
async def test_change_that_is_rolled_back_is_not_logged(world: World, outer: bool) -> None:
    context = await world.authenticated_context("admin")

    with capture_logs() as logs, pytest.raises(RuntimeError):
        await create_and_roll_back(context, outer=outer)

    assert logs == []


async def test_forbidden_action_is_logged_with_its_actor(world: World) -> None:
    with capture_logs() as logs:
        await world.try_mutation("updateEmployee", "Ann", id=world.global_ids["Ann"], role="ADMIN")

    line = audited(logs, "action forbidden")
    assert (line["log_level"], line["mutation"]) == ("warning", "updateEmployee")
    assert line["by"].startswith("employee:")


async def test_refused_operations_and_sockets_are_logged(tmp_path: Path) -> None:
    async with run_test_server(tmp_path) as server:
        with capture_logs() as logs:
            await server.post("{ company { name } }", token="")
            await server.post("{ " + " ".join(f"a{number}: company {{ name }}" for number in range(60)) + " }")
            await server.http.post(
                "/graphql", json={"query": "{ company { name } }"}, headers={"authorization": "Bearer x"}
            )
            with pytest.raises(Exception, match="403"):
                async with server.open_socket(origin="https://evil.example.com"):
                    pass

    refused = [line["code"] for line in logs if line["event"] == "operation refused"]
    assert refused == ["UNAUTHENTICATED", "QUERY_TOO_COMPLEX", "UNAUTHENTICATED"]
    assert all(line["address"] == "127.0.0.1" for line in logs if line["event"] == "operation refused")
    assert audited(logs, "wrong token")["log_level"] == "warning"
    assert audited(logs, "socket of another origin refused")["origin"] == "https://evil.example.com"


async def test_request_line_names_the_viewer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", REQUEST_LOGGER)
    async with run_test_server(tmp_path) as server:
        caplog.clear()  # the server has been signed in to
        await server.execute("{ company { name } }")
        await server.post("{ company { name } }", token="")

    viewers = [record.event["viewer"] for record in caplog.records if isinstance(record, RequestRecord)]
    assert viewers == ["employee:1", None]
