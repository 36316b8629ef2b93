"""Addresses that do not exist, and answers that fail, as a browser and as a program see them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from server.http.web_app import WebApp, load_web_app
from tests.http_server import RunningServer, run_test_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
RUSSIAN = {**BROWSER, "accept-language": "ru-RU,ru;q=0.9,en;q=0.5"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("problems")) as running:
        yield running


def read_policy(response: httpx2.Response) -> str:
    [policy] = response.headers.get_list("content-security-policy")
    return policy


@pytest.mark.parametrize("path", ["/nonsense", "/people/x/y", "/plan/", "/.git/config"])
async def test_unknown_address_shows_a_browser_a_page_with_links(server: RunningServer, path: str) -> None:
    response = await server.http.get(path, headers=BROWSER)

    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "This page does not exist" in response.text
    assert '<a href="/">To the start</a>' in response.text
    assert "script-src 'none'" in read_policy(response)
    assert "style-src 'sha256-" in read_policy(response)
    assert not re.search(r"https?://|<script|\{\w+\}", response.text.split("</style>")[1])


async def test_page_is_in_the_language_of_the_browser(server: RunningServer) -> None:
    response = await server.http.get("/nonsense", headers=RUSSIAN)

    assert '<html lang="ru">' in response.text
    assert "Такой страницы нет" in response.text
    assert "Accept-Language" in response.headers["vary"]


@pytest.mark.parametrize("headers", [{}, {"accept": "application/json"}, {"accept": "*/*"}])
async def test_unknown_address_tells_a_program_the_reason_alone(server: RunningServer, headers: dict[str, str]) -> None:
    response = await server.http.get("/nonsense", headers=headers)

    assert (response.status_code, response.text) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/people/zzz", "/people/VGVhbTox", "/admin/zzz", "/admin/people.js"])
async def test_screen_that_cannot_exist_has_the_status_and_the_page_that_says_so(
    server: RunningServer, path: str
) -> None:
    first = await server.http.get(path, headers=BROWSER)
    repeated = await server.http.get(path, headers={**BROWSER, "if-none-match": first.headers["etag"]})

    assert [first.status_code, repeated.status_code] == [404, 404]
    assert first.content == load_web_app().page.content


async def test_failure_shows_a_browser_a_page_with_the_id_of_the_request(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebApp, "_has_screen", lambda *_, **__: 1 / 0)

    page = await server.http.get("/", headers=RUSSIAN)
    plain = await server.http.get("/")

    assert (page.status_code, plain.status_code, plain.text) == (500, 500, "Internal Server Error")
    assert "Серверу не удалось ответить" in page.text
    assert page.headers["x-request-id"] in page.text
    assert "ZeroDivisionError" not in page.text
