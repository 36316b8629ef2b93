"""An employee with an open socket is shown online to all viewers until it is closed."""

from __future__ import annotations

from pathlib import Path

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
