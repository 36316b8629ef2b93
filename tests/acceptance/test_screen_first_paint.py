"""Until a screen shows its content, it takes two requests of GraphQL, one socket and less than 100 KB over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Page, Route, expect

from tests.acceptance.office import RECORD_DEAL, Office
from tests.acceptance.test_screen_standards import ADMIN_PARTS, CREATE_DEVICE
from tests.http_server import ADMIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_BYTES: Final = 100_000
MAX_QUERIES: Final = 2  # the renewal of the session, and one query
SOME_ADMIN_PARTS: Final = ("people", "rules")
CONTENT: Final = {  # by path: what a user came for
    "/": [".goal-window .ring", ".ranking li", ".forecast-bar", ".funnel tbody tr"],
    "/ranking": [".full-ranking li"],
    "/people": [".person"],
    "/people/{seller}": [".card .goal-line", ".deal-open", ".chart"],
    "/plan": [".plan-form select"],  # of a company without a past, whose preview would be refused
    "/alerts": [".inbox"],
    "/setup": [".step form"],
    **{f"/admin/{part}": [".admin .panel"] for part in ADMIN_PARTS},
    "/wallboard#token={token}": [".board .rows li", ".goal .bar"],
}
ALL_PATHS: Final = tuple(CONTENT)
SOME_PATHS: Final = tuple(
    path for path in CONTENT if not path.startswith("/admin/") or path.rpartition("/")[2] in SOME_ADMIN_PARTS
)


@asynccontextmanager
async def answer_two_queries(page: Page) -> AsyncIterator[list[str]]:
    """Let two queries through and hold the others back until the end; yield the bodies of all."""
    bodies: list[str] = []
    is_over = asyncio.Event()

    async def answer(route: Route) -> None:
        bodies.append(route.request.post_data or "")
        if len(bodies) > MAX_QUERIES:
            await is_over.wait()
        await route.continue_()

    await page.route("**/graphql", answer)
    try:
        yield bodies
    finally:
        is_over.set()
        await page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("paths", [SOME_PATHS, pytest.param(ALL_PATHS, marks=pytest.mark.long)], ids=["some", "all"])
async def test_first_paint_takes_two_requests_one_socket_and_few_bytes(office: Office, paths: tuple[str, ...]) -> None:
    token = (await office.server.execute(CREATE_DEVICE))["createDevice"]["token"]
    won = {"title": "Ladders", "amount": {"amount": "900"}, "status": "WON", "owner": office.seller}
    await office.server.execute(RECORD_DEAL, input=won)
    async with office.open_screen(ADMIN["email"], service_workers="block") as screen:
        page = screen.page
        await page.evaluate("localStorage.setItem('scoreline.language', 'ru')")  # English texts are in the code
        session = await screen.context.new_cdp_session(page)
        await session.send("Network.enable")
        lengths: list[float] = []
        session.on("Network.loadingFinished", lambda event: lengths.append(event["encodedDataLength"]))
        sizes: dict[str, float] = {}
        for path in paths:
            await page.goto("about:blank")
            await session.send("Network.clearBrowserCache")
            async with answer_two_queries(page):
                lengths.clear()
                screen.requests.clear()
                await page.goto(f"http://{office.server.address}{path.format(seller=office.seller, token=token)}")
                for selector in CONTENT[path]:
                    await expect(page.locator(selector).first, path).to_be_visible()
                sizes[path] = sum(lengths)
                await page.wait_for_function("() => document.querySelector('.state:not(.away)')")  # the socket is open
                assert sum(address.startswith("ws:") for address in screen.requests) == 1, path

    assert {path: size for path, size in sizes.items() if size > MAX_BYTES} == {}
