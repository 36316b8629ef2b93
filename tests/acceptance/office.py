"""A company with a server and a browser for the tests of the screens."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.browser import find_browser
from tests.http_server import ADMIN, RunningServer, run_test_server

PASSWORD: Final = "тихий снегопад в мае"
MARKUP: Final = '<img src=x onerror="window.hacked=1">'
FLAGS: Final = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE: Final = {"width": 390, "height": 844}
LAPTOP: Final = {"width": 1440, "height": 900}
expect.set_options(timeout=30_000)


@dataclass
class Screen:
    """A page of a browser. `complaints`: its errors; `requests`: addresses it has asked for, sockets included."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def keep_complaint(self, entry: ConsoleMessage) -> None:
        if entry.type == "error":
            self.complaints.append(entry.text)

    async def go_to(self, path: str) -> None:
        """Show another screen as a link does, without loading the page again."""
        await self.page.evaluate(
            "path => { history.pushState(null, '', path); dispatchEvent(new Event('popstate')) }", path
        )
        await expect(self.page.locator("main .panel").first).to_be_visible()


@dataclass
class Office:
    """A company with a seller, who has an open deal, a task and a goal; names and titles contain markup."""

    server: RunningServer
    browser: Browser
    seller: str
    deal: str

    @asynccontextmanager
    async def open_screen(
        self, email: str, path: str = "/", *, size: Any = LAPTOP, **options: Any
    ) -> AsyncIterator[Screen]:
        """Open the page in a browser without any history and sign in; `options` are those of a browser's context."""
        context = await self.browser.new_context(viewport=size, locale="en", reduced_motion="reduce", **options)
        page = await context.new_page()
        screen = Screen(page, context)
        page.on("console", screen.keep_complaint)
        page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        page.on("request", lambda request: screen.requests.append(request.url))
        page.on("websocket", lambda socket: screen.requests.append(socket.url))
        await page.goto(f"http://{self.server.address}{path}")
        await page.fill("input[name=email]", email)
        await page.fill("input[name=password]", ADMIN["password"] if email == ADMIN["email"] else PASSWORD)
        await page.click("button[type=submit]")
        await page.wait_for_selector(".rail")
        try:
            yield screen
        finally:
            await context.close()


@asynccontextmanager
async def open_office(folder: Path, **settings: Any) -> AsyncIterator[Office]:
    """Start a server with a filled company, and a browser; skip the test where there is no browser."""
    async with launch_browser() as browser, run_test_server(folder, **settings) as server:
        seller, deal = await fill_company(server)
        yield Office(server, browser, seller, deal)


@asynccontextmanager
async def launch_browser() -> AsyncIterator[Browser]:
    """Start Chromium; skip the test where there is none."""
    program = find_browser()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with its sandbox
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *sandbox])
        try:
            yield browser
        finally:
            await browser.close()


async def fill_company(server: RunningServer) -> tuple[str, str]:
    """Create the seller and what they have; return the ids of the seller and the deal."""
    team = (await server.execute(CREATE_TEAM, name=f"North {MARKUP}"))["createTeam"]["team"]["id"]
    person = {"name": f"Sam {MARKUP}", "email": "sam@example.com", "password": PASSWORD, "team": team}
    seller = (await server.execute(CREATE_EMPLOYEE, input=person))["createEmployee"]["employee"]["id"]
    await server.execute(CREATE_EMPLOYEE, input={"name": "Una", "email": "una@example.com", "team": team})
    client = (await server.execute(RECORD_CLIENT, input={"name": f"Fir {MARKUP}", "owner": seller}))["recordClient"]
    fields = {"title": f"Loggers {MARKUP}", "owner": seller, "client": client["client"]["id"]}
    deal = await server.execute(RECORD_DEAL, input={**fields, "amount": {"amount": "4200"}})
    await server.execute(CREATE_TASK, input={"title": f"Offer {MARKUP}", "assignee": seller})
    goal = {"metric": "deals_won_amount", "target": "10000", "period": {}}
    for owner in (seller, (await server.execute("{ company { id } }"))["company"]["id"]):
        await server.execute(SET_GOAL, input={"owner": owner, **goal})
    return seller, deal["recordDeal"]["deal"]["id"]


CREATE_TEAM = "mutation($name: String!) { createTeam(input: {name: $name}) { team { id } } }"
CREATE_EMPLOYEE = "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) { employee { id } } }"
RECORD_CLIENT = "mutation($input: RecordClientInput!) { recordClient(input: $input) { client { id } } }"
RECORD_DEAL = "mutation($input: RecordDealInput!) { recordDeal(input: $input) { deal { id } } }"
CREATE_TASK = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
SET_GOAL = "mutation($input: SetGoalInput!) { setGoal(input: $input) { goal { id } } }"
