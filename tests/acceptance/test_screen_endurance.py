"""Screens that stay open: a token that expires over a night, and a storm of changes without growth in memory."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import BrowserContext, Page, expect

from server import clock
from tests.acceptance.office import RECORD_DEAL, Office, open_office
from tests.acceptance.test_screen_standards import CREATE_DEVICE
from tests.http_server import ADMIN

STORM_MINUTES: Final = 30
DEALS_PER_MINUTE: Final = 6
MAX_GROWTH: Final = 1.1  # of the heap from the tenth minute on
BOARD: Final = '{ leaderboard(metric: "deals_won_amount", first: 10) { total standings { value employee { name } } } }'


@pytest.mark.long  # starts a server and a browser of its own, as its clock is moved
async def test_open_dashboard_goes_on_after_a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta()

    def read_clock() -> datetime:
        return clock.utc_now() + ahead

    monkeypatch.setattr("server.app.utc_now", read_clock)
    async with open_office(tmp_path) as office, office.open_screen(ADMIN["email"]) as screen:
        await expect(screen.page.locator(".state")).to_have_text("live")
        await screen.page.wait_for_load_state("networkidle")  # each query that is under way would be refused
        ahead = timedelta(hours=10)  # the tokens of the page and of its socket have expired

        await screen.page.locator(".rail nav a[href='/ranking']").click()
        await expect(screen.page.locator(".full-ranking header h2")).to_be_visible()
        await expect(screen.page.locator(".state")).to_have_text("live")
        signed_in = await office.server.execute(SIGN_IN, token="", input=ADMIN)
        won = {"title": "Night", "amount": {"amount": "700"}, "status": "WON", "owner": office.seller}
        await office.server.execute(RECORD_DEAL, token=signed_in["signIn"]["accessToken"], input=won)
        await expect(screen.page.locator(".ranking li").first).to_contain_text("€700")
        refusals = [text for text in screen.complaints if "401" in text]
        assert screen.complaints == refusals  # the server has refused the old token
        assert len(refusals) == 1


SIGN_IN: Final = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }"


async def read_heap(context: BrowserContext, page: Page) -> int:
    """Return the bytes of the page's heap after a collection of garbage."""
    session = await context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    usage: dict[str, Any] = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return int(usage["usedSize"])


@pytest.mark.long  # half an hour of wins, as fast as the pages draw them
async def test_memory_of_wallboard_and_dashboard_stays_flat_in_a_storm(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, office.open_screen(ADMIN["email"]) as screen:
        token = (await office.server.execute(CREATE_DEVICE))["createDevice"]["token"]
        context = await office.browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en")
        wallboard = await context.new_page()
        pages = [(screen.context, screen.page), (context, wallboard)]
        await wallboard.goto(f"http://{office.server.address}/wallboard#token={token}&seconds=5")
        await expect(wallboard.locator(".goal").first).to_be_visible()
        heaps: list[list[int]] = []
        for minute in range(STORM_MINUTES):
            for number in range(DEALS_PER_MINUTE):
                await win_deal(office, minute * DEALS_PER_MINUTE + number)
                await asyncio.sleep(0.4)  # the pages draw between changes
            heaps.append([await read_heap(*page) for page in pages])

        board = (await office.server.execute(BOARD))["leaderboard"]
        best = f"{int(float(board['standings'][0]['value'])):,}"
        await expect(screen.page.locator(".ranking li").first).to_contain_text(best)
        await expect(wallboard.locator(".total b")).to_contain_text(f"{int(float(board['total'])):,}")
        await context.close()

    # the least of five minutes each: a collection of garbage may come in the middle of a drawing
    early, late = (list(map(min, zip(*part, strict=True))) for part in (heaps[10:15], heaps[-5:]))
    growth = [after / before for before, after in zip(early, late, strict=True)]
    print("heaps of dashboard and wallboard, in MB:", [[round(heap / 1e6, 2) for heap in pair] for pair in heaps[::5]])
    assert max(growth) < MAX_GROWTH, heaps
    assert screen.complaints == []


async def win_deal(office: Office, number: int) -> None:
    won = {"title": f"Storm {number}", "amount": {"amount": str(100 + number)}, "status": "WON", "owner": office.seller}
    await office.server.execute(RECORD_DEAL, input=won)
