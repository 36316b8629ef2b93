"""Employees who cannot sign in are helped: by commands on the server, by links, and by mail."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.acceptance.test_setup import error_sentence
from tests.http_server import ADMIN, RunningServer, run_test_server, wait_closed
from tests.notification_receivers import MailServer, run_mail_server
from tests.processes import Workspace, prepare_database, running_server

NEW_PASSWORD = "battery staple"
SET_PASSWORD = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { email userErrors { code } } }"


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Workspace:
    """A folder for commands, with the company in its database."""
    return Workspace(tmp_path / "home", database_url=prepare_database(database_url))


async def test_only_administrator_gets_a_new_password_on_the_machine(home: Workspace) -> None:
    async with running_server(home) as server:
        await server.sign_in()
        async with server.connect() as socket:
            result = home.succeed("password", ADMIN["email"].upper(), new_password=NEW_PASSWORD)
            assert (await wait_closed(socket))[0] == 4403
        response = await server.post("{ company { id } }")
        await server.sign_in(password=NEW_PASSWORD)

    assert result.out.startswith("Ada Admin signs in with admin@example.com and the new password")
    assert response.status_code == 401
    assert NEW_PASSWORD not in result.out + result.err


async def test_link_printed_on_the_machine_sets_the_password(home: Workspace) -> None:
    result = home.succeed("password", ADMIN["email"], "--link", public_url="https://sales.example.com")
    address, _, token = result.out.strip().partition("#token=")
    async with running_server(home) as server:
        data = await server.execute(SET_PASSWORD, token="", input={"token": token, "password": NEW_PASSWORD})
        await server.sign_in(password=NEW_PASSWORD)

    assert address == "https://sales.example.com/password"
    assert data["setPassword"] == {"email": ADMIN["email"], "userErrors": []}
    assert token not in server.process.stderr_text + result.err


async def test_sign_in_is_unlocked_on_the_machine(home: Workspace) -> None:
    document = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }"
    async with running_server(home) as server:
        for _ in range(11):
            response = await server.post(document, token="", variables={"input": {**ADMIN, "password": "wrong"}})
        home.succeed("unlock", ADMIN["email"])
        await server.sign_in()

    assert response.status_code == 429


def test_commands_name_the_administrators_for_an_unknown_address(tmp_path: Path) -> None:
    home = Workspace(tmp_path, database_url=prepare_database(f"sqlite://{tmp_path}/scoreline.db"))

    for arguments in (("password", "ada@example.com"), ("password", "ada@example.com", "--link"), ("unlock", "ada")):
        assert error_sentence(home.run(*arguments, new_password=NEW_PASSWORD)) == (
            "Error: No employee has this e-mail address. Administrators have: admin@example.com."
        )
    assert error_sentence(home.run("password", ADMIN["email"], new_password="short")) == (
        "Error: A password has 8 to 200 characters."
    )


async def wait_for_link(mail_server: MailServer) -> str:
    """Return the token of the link in the next mail."""
    async with asyncio.timeout(60):
        while not mail_server.received:
            await asyncio.sleep(0.05)
    text = mail_server.received.pop().message.get_content()
    return re.search(r"https://sales\.example\.com/password#token=(slp_[\w-]+)", text)[1]


async def test_invitation_and_reset_arrive_by_mail_and_set_the_password(tmp_path: Path) -> None:
    async with (
        run_mail_server() as mail_server,
        run_test_server(
            tmp_path,
            channels=f"mail=mailto://127.0.0.1:{mail_server.port}?from=robot@example.com",
            public_url="https://sales.example.com",
        ) as server,
    ):
        ann = {"name": "Ann", "email": "ann@example.com"}
        created = await server.execute(
            "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) { employee { id } } }", input=ann
        )
        invited = await server.execute(
            "mutation($id: ID!) { inviteEmployee(input: {employee: $id}) { link userErrors { code } } }",
            id=created["createEmployee"]["employee"]["id"],
        )
        await set_password_and_sign_in(server, await wait_for_link(mail_server), "the first password")
        await server.execute(
            "mutation($email: String!) { requestPasswordReset(email: $email) { userErrors { code } } }",
            token="",
            email=ann["email"],
        )
        await set_password_and_sign_in(server, await wait_for_link(mail_server), "the second password")

    assert invited["inviteEmployee"] == {"link": None, "userErrors": []}


async def set_password_and_sign_in(server: RunningServer, token: str, password: str) -> None:
    data = await server.execute(SET_PASSWORD, token="", input={"token": token, "password": password})
    assert data["setPassword"] == {"email": "ann@example.com", "userErrors": []}
    signed_in = await server.execute(
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        token="",
        input={"email": "ann@example.com", "password": password},
    )
    assert signed_in["signIn"]["accessToken"]


async def test_secret_is_rotated_without_signing_anyone_out(tmp_path: Path) -> None:
    old, new = "o" * 40, "n" * 40
    home = Workspace(tmp_path / "home", database_url=prepare_database(f"sqlite://{tmp_path}/scoreline.db"))
    async with running_server(home, secret=old) as server:
        old_token = await server.sign_in()
    async with running_server(home, secret=f"{new},{old}") as server:
        server.token = old_token
        before = await server.execute("{ company { name } }")
        new_token = await server.sign_in()
    async with running_server(home, secret=new) as server:
        server.token = new_token
        after = await server.execute("{ company { name } }")
        refused = await server.post("{ company { name } }", token=old_token)

    assert before == after == {"company": {"name": "Acme"}}
    assert refused.status_code == 401
