"""The page `/password` in a browser: a link from an administrator leads to a password that signs in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser import BrowserTab, open_browser_tab
from tests.http_server import ADMIN, RunningServer, run_test_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW_PASSWORD = "тихий снегопад в мае"
INVITE = "mutation($id: ID!) { inviteEmployee(input: {employee: $id, send: false}) { link userErrors { message } } }"
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { code } } }"
PROBLEM, DONE = "document.getElementById('problem').textContent", "document.getElementById('done').textContent"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserTab]:
    async with open_browser_tab(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


async def invite(server: RunningServer) -> str:
    """Return the address of a link for the administrator."""
    admin = (await server.execute("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
    link = (await server.execute(INVITE, id=admin))["inviteEmployee"]["link"]
    return f"http://{server.address}{link}"


async def can_sign_in(server: RunningServer, password: str) -> bool:
    signed_in = await server.execute(SIGN_IN, token="", input={**ADMIN, "password": password})
    server.token = signed_in["signIn"]["accessToken"] or server.token
    return bool(signed_in["signIn"]["accessToken"])


async def submit(tab: BrowserTab, password: str, repetition: str | None = None) -> None:
    await tab.type_text("password", password)
    await tab.type_text("again", password if repetition is None else repetition)
    await tab.press_enter()


async def test_refused_passwords_are_explained_and_leave_the_link_valid(server: RunningServer, tab: BrowserTab) -> None:
    link = await invite(server)
    await tab.open(link.replace("/password#", "/password?lang=ru#"))

    await submit(tab, NEW_PASSWORD, repetition="другой пароль")
    different = await tab.wait_for(PROBLEM)
    await submit(tab, "qwertyuiop")
    common = await tab.wait_for(f"{PROBLEM} !== {different!r} && {PROBLEM}")

    assert different == "Пароли не совпадают."
    assert common.startswith("Это один из самых частых паролей")
    assert await tab.evaluate("document.getElementById('choose').hidden") is False
    assert await can_sign_in(server, ADMIN["password"])


async def test_link_leads_to_a_password_that_signs_in(server: RunningServer, tab: BrowserTab) -> None:
    await tab.open(await invite(server))
    is_masked = await tab.evaluate("[...document.querySelectorAll('#choose input')].every(i => i.type === 'password')")

    await submit(tab, NEW_PASSWORD)
    done = await tab.wait_for(DONE)

    assert is_masked
    assert ADMIN["email"] in done
    assert await can_sign_in(server, NEW_PASSWORD)
    assert not await can_sign_in(server, ADMIN["password"])
    assert tab.complaints == []  # no violation of the Content-Security-Policy


async def test_token_leaves_the_address_and_nothing_is_stored(server: RunningServer, tab: BrowserTab) -> None:
    await tab.open(await invite(server))

    stored = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert await tab.evaluate("location.href") == f"http://{server.address}/password"
    assert await tab.evaluate(stored) == 0


async def test_used_link_leads_to_the_request_for_another(server: RunningServer, tab: BrowserTab) -> None:
    link = await invite(server)
    token = link.partition("#token=")[2]
    set_password = "mutation($input: SetPasswordInput!) { setPassword(input: $input) { userErrors { code } } }"
    await server.execute(set_password, token="", input={"token": token, "password": NEW_PASSWORD})

    await tab.open("about:blank")
    await tab.open(link)
    await submit(tab, "another password")
    problem = await tab.wait_for(PROBLEM)

    assert "not valid any more" in problem
    assert await tab.evaluate("document.getElementById('request').hidden") is False
