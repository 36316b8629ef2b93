"""What every screen keeps to, in a browser: it is accessible in both themes, and works without a network where it says so."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, Literal

import pytest
from playwright.async_api import Page, expect

from tests.acceptance.office import PHONE, RECORD_DEAL, Office
from tests.http_server import ADMIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

Theme = Literal["light", "dark"]
SOME_PATHS: Final = ("/", "/ranking", "/people/{seller}", "/plan", "/admin/people")
ADMIN_PARTS: Final = ("people", "teams", "company", "absences", "pipelines", "metrics", "rules", "devices", "imports")
ALL_PATHS: Final = (
    "/", "/ranking", "/people", "/people/{seller}", "/plan", "/alerts", "/setup", *map("/admin/{}".format, ADMIN_PARTS),
)  # fmt: skip
for_paths: Final = pytest.mark.parametrize(
    "paths", [SOME_PATHS, pytest.param(ALL_PATHS, marks=pytest.mark.long)], ids=["some", "all"]
)
AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text()
FIND_VIOLATIONS: Final = """async rules => (await axe.run(document, {resultTypes: ["violations"], ...rules})).violations
    .map(({id, nodes}) => `${id}: ${nodes.slice(0, 3).map(({html}) => html).join(" ")}`)"""
CREATE_DEVICE: Final = 'mutation { createDevice(input: {name: "Hall", kind: WALLBOARD}) { token } }'


async def find_violations(page: Page, themes: Sequence[Theme] = ("light", "dark")) -> list[str]:
    """Return the rules of accessibility that the page violates in the themes."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    violations = []
    for number, theme in enumerate(themes):
        await page.emulate_media(color_scheme=theme)
        rules = {"runOnly": ["color-contrast"]} if number else {}  # the second theme differs in its colours only
        violations += [f"{page.url} {theme} {text}" for text in await page.evaluate(FIND_VIOLATIONS, rules)]
    return violations


@for_paths
async def test_screens_are_accessible_in_both_themes(office: Office, paths: tuple[str, ...]) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        violations = []
        for path in paths:
            await screen.go_to(path.format(seller=office.seller))
            violations += await find_violations(screen.page)
        await screen.go_to("/")
        await screen.page.get_by_role("button", name="Why this number").first.click()
        await expect(screen.page.locator("dialog")).to_be_visible()
        violations += await find_violations(screen.page)
        await screen.page.evaluate("localStorage.clear(); location.reload()")
        await expect(screen.page.locator("form")).to_be_visible()
        violations += await find_violations(screen.page)

    assert violations == []


async def test_wallboard_shows_boards_in_turn_and_rings_for_a_win(office: Office) -> None:
    token = (await office.server.execute(CREATE_DEVICE))["createDevice"]["token"]
    won = {"title": "Ladders", "amount": {"amount": "900"}, "status": "WON", "owner": office.seller}
    await office.server.execute(RECORD_DEAL, input=won)
    context = await office.browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda entry: complaints.append(entry.text) if entry.type in ("error", "warning") else None)
    try:
        await page.goto(f"http://{office.server.address}/wallboard#token={token}")
        await expect(page.locator(".goal").first).to_be_visible()
        await expect(page.locator(".state")).to_have_text("Live")
        violations = await find_violations(page, ["dark"])
        await office.server.execute(RECORD_DEAL, input=won | {"title": "Scaffolds"})
        await expect(page.locator(".bell")).to_contain_text("Scaffolds")
        await expect(page.locator("li.won")).to_contain_text("Sam")
        await expect(page.locator(".dot")).to_have_count(3)  # no team has a goal
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".board.contests")).to_contain_text("Deals won")
        violations += await find_violations(page, ["dark"])
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".board.improvement")).to_be_visible()
        violations += await find_violations(page, ["dark"])

        assert await page.evaluate("Math.max(document.body.scrollHeight - innerHeight, scrollX)") <= 0
        await context.set_offline(True)
        await expect(page.locator(".away")).to_contain_text("Not live")
        await context.set_offline(False)
        await expect(page.locator(".away")).to_have_count(0)
    finally:
        await context.close()

    assert violations == []
    assert [text for text in complaints if "ERR_INTERNET_DISCONNECTED" not in text] == []


async def test_wallboard_refuses_a_revoked_token(office: Office) -> None:
    page = await office.browser.new_page()
    try:
        await page.goto(f"http://{office.server.address}/wallboard#token=sld_no")
        await expect(page.locator("[role=alert]")).to_have_text("This token is not valid, or it was revoked.")
        assert await find_violations(page, ["dark"]) == []
    finally:
        await page.close()


async def test_card_opens_without_network_and_sends_later(office: Office) -> None:
    async with office.open_screen("sam@example.com", size=PHONE) as screen:
        page = screen.page
        await expect(page.locator(".card")).to_be_visible()
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        await screen.context.set_offline(True)
        await page.reload()
        await expect(page.locator(".kept")).to_be_visible()
        await expect(page.locator("h1")).to_contain_text("Sam")
        await page.locator(".action-bar button").click()
        await page.locator("dialog").get_by_role("button", name="Busy", exact=True).click()
        await expect(page.locator("button.state")).to_have_text("1 change waits")

        await screen.context.set_offline(False)

        await expect(page.locator("button.state")).to_have_text("1 change sent")
        await expect(page.locator(".kept")).to_have_count(0)
        await page.locator(".me").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("input[name=password]")).to_be_visible()
        stored = await page.evaluate("Object.keys(localStorage).filter(key => /viewer|snapshot|session/.test(key))")
        assert stored == []  # nothing of the card stays after sign-out
