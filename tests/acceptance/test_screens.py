"""The screens of `web/` in a browser: signing in, live goals, work without a network, a plan, the first day."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, async_playwright, expect

from tests.browser import find_browser
from tests.http_server import ADMIN, RunningServer, run_test_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

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


@dataclass
class Office:
    """A company with a seller, who has an open deal, a task and a goal; names and titles contain markup."""

    server: RunningServer
    browser: Browser
    seller: str
    deal: str

    @asynccontextmanager
    async def open_screen(self, email: str, path: str = "/", *, size: Any = LAPTOP) -> AsyncIterator[Screen]:
        """Open the page in a browser without any history and sign in."""
        context = await self.browser.new_context(viewport=size, locale="en", reduced_motion="reduce")
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    program = find_browser()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with its sandbox
    folder: Path = tmp_path_factory.mktemp("screens")
    async with async_playwright() as playwright, run_test_server(folder) as server:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *sandbox])
        try:
            seller, deal = await fill_company(server)
            yield Office(server, browser, seller, deal)
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
WORK = """query($seller: ID!) { employee(id: $seller) {
  deals { edges { node { status } } } tasks { edges { node { completedAt } } } calls { totalCount } } }"""


async def test_administrator_reaches_every_screen_by_links(office: Office) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        page = screen.page
        await expect(page.locator(".goal-window")).to_be_visible()
        for number in range(await page.locator(".rail nav a").count()):
            await page.locator(".rail nav a").nth(number).click()
            await expect(page.locator("main h1")).to_be_visible()
            await expect(page.locator("main [role=alert]", has_text="Try again")).to_have_count(0)
        for number in range(await page.locator(".admin-tabs a").count()):
            await page.locator(".admin-tabs a").nth(number).click()
            await expect(page.locator(".admin .panel").first).to_be_visible()

        assert screen.complaints == []
        assert [address for address in screen.requests if office.server.address not in address] == []


async def test_first_paint_takes_two_requests_and_one_socket(office: Office) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        await expect(screen.page.locator(".ranking")).to_be_visible()
        queries = 0

        async def answer_two(route: Route) -> None:
            nonlocal queries
            queries += 1
            await (route.continue_() if queries <= 2 else route.abort())

        await screen.page.route("**/graphql", answer_two)
        screen.requests.clear()
        await screen.page.reload()

        await expect(screen.page.locator(".goal-window")).to_be_visible()
        await expect(screen.page.locator(".ranking")).to_be_visible()
        assert sum(address.startswith("ws:") for address in screen.requests) == 1


async def test_goal_moves_while_another_session_wins_a_deal(office: Office) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        window = screen.page.locator(".goal-window")
        await expect(screen.page.locator(".state")).to_have_text("live")
        before = await window.locator(".big").inner_text()

        won = {"title": "Gateway", "amount": {"amount": "1500"}, "status": "WON", "owner": office.seller}
        await office.server.execute(RECORD_DEAL, input=won)

        await expect(window.locator(".big")).not_to_have_text(before)
        await expect(screen.page.locator(".ranking li").first).to_contain_text("€1,500")
        await window.get_by_role("button", name="Why this number").click()
        await screen.page.get_by_role("button", name="Gateway").click()
        await expect(screen.page.locator("dialog").last).to_contain_text("Gateway")
        assert screen.complaints == []


async def test_seller_works_on_a_phone_without_network(office: Office) -> None:
    async with office.open_screen("sam@example.com", size=PHONE) as screen:
        page = screen.page
        await expect(page.locator(".deal-open")).to_be_visible()  # the card has come
        await expect(page.locator(".state")).to_be_hidden()  # live: only a lost connection is shown on a phone
        await screen.context.set_offline(True)
        await page.locator(".deal-open").click()
        await page.locator("dialog").get_by_role("button", name="Won", exact=True).click()
        await page.locator(".tick").click()
        await page.locator(".action-bar button").click()
        await page.locator("dialog").get_by_role("button", name="No answer", exact=True).click()
        await expect(page.locator("button.state")).to_have_text("3 changes wait")
        before = await office.server.execute(WORK, seller=office.seller)

        await screen.context.set_offline(False)

        await expect(page.locator("button.state")).to_have_text("3 changes answered")
        after = await office.server.execute(WORK, seller=office.seller)
        assert "OPEN" in str(before)
        assert before["employee"]["calls"]["totalCount"] == 0
        assert "OPEN" not in str(after)
        assert after["employee"]["tasks"]["edges"][0]["node"]["completedAt"]
        assert after["employee"]["calls"]["totalCount"] == 1  # sent once


@pytest.mark.parametrize("path", ["/", "/people", "/people/{seller}", "/plan", "/admin/teams"])
async def test_markup_in_names_and_titles_is_shown_as_text(office: Office, path: str) -> None:
    async with office.open_screen(ADMIN["email"], path.format(seller=office.seller)) as screen:
        await expect(screen.page.locator("main")).to_contain_text(MARKUP)

        assert await screen.page.evaluate("window.hacked === undefined && !document.querySelector('img[src=x]')")
        assert screen.complaints == []


async def test_plan_is_applied_and_taken_back(office: Office) -> None:
    async with office.open_screen(ADMIN["email"], "/plan?period=MONTH&offset=1&base=TOTAL") as screen:
        page = screen.page
        await page.get_by_label("Total", exact=True).fill("30 000")
        cell = page.get_by_label("Target of Sam")
        await cell.fill("12 500,50")
        await cell.press("Enter")
        await expect(page.locator(".cell.by-hand")).to_have_value("12,500.5")
        await expect(page.get_by_label("Target of Una")).to_have_value("17,499.5")
        await page.locator("button.primary", has_text="Apply").click()
        await page.get_by_role("button", name="Take the plan back").click()

        await expect(page.get_by_text("The plan was taken back.")).to_be_visible()
        assert screen.complaints == []


async def test_pasted_people_are_created_and_invited(office: Office) -> None:
    async with office.open_screen(ADMIN["email"], "/setup") as screen:
        page = screen.page
        await page.get_by_label("List of people").fill(
            "Name;E-mail;Team\nAnn Berg;ann@example.com;South\nBo Lind;;South"
        )
        await page.get_by_role("button", name="Create 1 person").click()

        await expect(page.locator("tbody")).to_contain_text("created")
        await expect(page.locator("tbody")).to_contain_text("The e-mail address is missing.")
        people = await office.server.execute('{ employees(search: "Ann Berg") { edges { node { team { name } } } } }')
        assert people["employees"]["edges"] == [{"node": {"team": {"name": "South"}}}]
        assert screen.complaints == []


async def test_page_is_in_russian_by_choice(office: Office) -> None:
    async with office.open_screen(ADMIN["email"], "/?lang=ru") as screen:
        await expect(screen.page.get_by_role("link", name="Обзор")).to_be_visible()
        await expect(screen.page.locator(".goal-window")).to_contain_text("Откуда это число")


async def test_seller_signs_out(office: Office) -> None:
    async with office.open_screen("sam@example.com") as screen:
        page = screen.page
        await page.locator(".me").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("input[name=password]")).to_be_visible()

        assert await page.evaluate("localStorage.getItem('scoreline.session')") is None
        assert MARKUP not in await page.locator("body").inner_text()
