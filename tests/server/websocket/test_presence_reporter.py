"""An employee with an open socket is shown online to all viewers until it is closed."""

from __future__ import annotations

from pathlib import Path

from tests.http_server import Served, hear, say, served

PRESENCE = "subscription { presence { name online } }"
HIRED = {"name": "Ann", "email": "ann@example.com", "password": "correct horse"}


async def hired(here: Served) -> str:
    """Create the employee Ann and return her token."""
    await here.data(
        "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) { userErrors { message } } }",
        input=HIRED,
    )
    signed_in = await here.data(
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        token="",
        input={key: HIRED[key] for key in ("email", "password")},
    )
    return signed_in["signIn"]["accessToken"]


async def test_a_colleague_comes_and_goes_before_everybodys_eyes(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        token = await hired(here)
        async with here.socket() as socket:
            await say(socket, id="1", type="subscribe", payload={"query": PRESENCE})
            states: dict[str, list[bool]] = {}

            async def until(name: str, *expected: bool) -> None:
                while states.get(name) != [*expected]:
                    heard = (await hear(socket))["payload"]["data"]["presence"]
                    states.setdefault(heard["name"], []).append(heard["online"])

            await until("Ann", False)
            async with here.socket(token):
                await until("Ann", False, True)
            await until("Ann", False, True, False)

        assert states["Ada Admin"][-1] is True
