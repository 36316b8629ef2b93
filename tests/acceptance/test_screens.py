"""The screens of `web/` in a browser: signing in, live goals, work without a network, a plan, the first day."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.acceptance.office import CREATE_EMPLOYEE, CREATE_TEAM, MARKUP, PASSWORD, PHONE, RECORD_DEAL, Office
from tests.http_server import ADMIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
        await page.locator("button.state").click()  # nothing lies above it
        await expect(page.locator("dialog .chip.warn")).to_have_count(3)
        await page.keyboard.press("Escape")
        before = await office.server.execute(WORK, seller=office.seller)

        await screen.context.set_offline(False)

        await expect(page.locator("button.state")).to_have_text("3 changes answered")
        await expect(page.locator("button.state")).to_be_visible()
        after = await office.server.execute(WORK, seller=office.seller)
        assert "OPEN" in str(before)
        assert before["employee"]["calls"]["totalCount"] == 0
        assert "OPEN" not in str(after)
        assert after["employee"]["tasks"]["edges"][0]["node"]["completedAt"]
        assert after["employee"]["calls"]["totalCount"] == 1  # sent once


async def test_markup_in_names_and_titles_is_shown_as_text(office: Office) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        for path in ("/people", f"/people/{office.seller}", "/plan", "/admin/teams", "/"):
            await screen.go_to(path)
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
        await expect(page.get_by_label("Target of Una")).to_have_value("17,499.5")  # by rounding it would be 17,500
        await page.locator("button.primary", has_text="Apply").click()
        await page.get_by_role("button", name="Take the plan back").click()

        await expect(page.get_by_text("The plan was taken back.")).to_be_visible()
        assert screen.complaints == []


async def test_plan_is_taken_back_but_for_the_goals_that_others_have_changed(office: Office) -> None:
    address = "/plan?period=MONTH&offset=2&base=TOTAL"
    async with office.open_screen(ADMIN["email"], address) as screen:
        page = screen.page
        await page.get_by_label("Total", exact=True).fill("30 000")
        await expect(page.get_by_label("Target of Una")).to_have_value("15,000")
        await page.locator("button.primary", has_text="Apply").click()
        await expect(page.get_by_role("button", name="Take the plan back")).to_be_visible()
        goal = next(goal for goal in await read_goals(office, 2) if goal["owner"].get("name") == "Una")
        await office.server.execute(CHANGE_GOAL, id=goal["id"])

        await page.get_by_role("button", name="Take the plan back").click()
        await expect(page.locator("dialog")).to_contain_text("Goals of this plan were changed since, of Una.")
        undisturbed = await read_goals(office, 2)
        await page.get_by_role("button", name="Take back the others").click()
        await expect(page.get_by_text("but for the goals that were changed since.")).to_be_visible()

        assert len(undisturbed) > 1
        assert [each["target"] for each in await read_goals(office, 2)] == ["7777.00"]
        assert screen.complaints == []


CHANGE_GOAL = 'mutation($id: ID!) { updateGoal(input: {id: $id, target: "7777"}) { userErrors { message } } }'
GOALS = """query($period: PeriodInput!) {
  company { goals(period: $period) { id target owner { ... on Employee { name } } } }
  employees { edges { node { goals(period: $period) { id target owner { ... on Employee { name } } } } } } }"""


async def read_goals(office: Office, offset: int) -> list[dict[str, Any]]:
    """Return the goals of the company and of its people for a month ahead."""
    answer = await office.server.execute(GOALS, period={"kind": "MONTH", "offset": offset})
    people = [goal for edge in answer["employees"]["edges"] for goal in edge["node"]["goals"]]
    return [*answer["company"]["goals"], *people]


async def test_address_without_a_screen_says_so_within_the_frame(office: Office) -> None:
    async with office.open_screen(ADMIN["email"]) as screen:
        for path in ("/nonsense", "/admin/nonsense"):
            await screen.page.evaluate(
                "path => { history.pushState(null, '', path); dispatchEvent(new Event('popstate')) }", path
            )
            await expect(screen.page.get_by_text("This page does not exist")).to_be_visible()
            await screen.page.get_by_role("link", name="To the start").click()
            await expect(screen.page.locator(".goal-window")).to_be_visible()

        assert screen.complaints == []


async def test_people_are_searched_on_the_server(office: Office) -> None:
    async with office.open_screen(ADMIN["email"], "/admin/people") as screen:
        page = screen.page
        await expect(page.locator("tbody tr", has_text="Sam")).to_be_visible()
        await page.get_by_label("Search by name").fill("un")
        await expect(page.locator("tbody tr", has_text="Sam")).to_have_count(0)
        await expect(page.locator("tbody tr", has_text="Una")).to_be_visible()
        await page.get_by_role("link", name="Absences").click()
        await page.get_by_role("button", name="Add an absence of Una").click()
        await page.get_by_label("First day").fill("2031-01-01")
        await page.get_by_label("Last day").fill("2031-01-07")
        await page.get_by_role("button", name="Save").click()

        await expect(page.locator(".list li", has_text="Una")).to_contain_text("2031")
        assert screen.complaints == []


async def test_cells_are_read_as_spreadsheets_write_them(office: Office) -> None:
    text = "Team 7\t1 234,56\nEUR 700\t1,234.56\n'=SUM\t2.500,00 \u20ac\n1 000 руб.\nZoe\t\u22125"
    async with office.open_screen(ADMIN["email"]) as screen:
        rows = await screen.page.evaluate(READ_TABLE, text)

    assert [(row["name"], row["value"]) for row in rows] == [
        ("Team 7", "1234.56"),
        (None, "1234.56"),
        ("=SUM", "2500.00"),
        (None, "1000"),
        ("Zoe", None),  # a target is not negative
    ]


READ_TABLE = """async text => {
  const main = document.querySelector("script[type=module]").src;
  return (await import(main.replace("main.js", "parts/cells.js"))).readTable(text);
}"""


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


async def test_team_is_moved_by_keyboard_and_by_pointer(office: Office) -> None:
    for name in ("Upper", "Lower"):
        await office.server.execute(CREATE_TEAM, name=name)
    async with office.open_screen(ADMIN["email"], "/admin/teams") as screen:
        page = screen.page
        await page.locator("[data-name=Lower] .grip").focus()
        await page.keyboard.press("Space")
        while await page.locator("[data-name=Upper].drop-target").count() == 0:
            await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice")).to_contain_text("Lower is part of Upper now")
        by_keyboard = (await office.server.execute(TEAMS))["teams"]

        await page.locator("[data-name=Lower] .grip").drag_to(page.locator("tr.top"))

        await expect(page.locator(".notice").last).to_contain_text("Lower is part of no other team now")
        by_pointer = (await office.server.execute(TEAMS))["teams"]
        assert {"name": "Lower", "parent": {"name": "Upper"}} in by_keyboard
        assert {"name": "Lower", "parent": None} in by_pointer
        assert screen.complaints == []


TEAMS = "{ teams { name parent { name } } }"


async def test_page_is_in_russian_by_its_address(office: Office) -> None:
    await office.server.execute('mutation { updateProfile(input: {language: "en"}) { userErrors { message } } }')
    async with office.open_screen(ADMIN["email"], "/?lang=ru") as screen:
        await expect(screen.page.get_by_role("link", name="Обзор")).to_be_visible()
        await expect(screen.page.locator(".goal-window")).to_contain_text("Откуда это число")
        await screen.page.get_by_role("link", name="Рейтинг").click()
        await expect(screen.page.locator("main .ranking")).to_be_visible()

        await expect(screen.page.locator("main h1")).to_have_text("Рейтинг")  # not in the language of the profile


async def test_language_of_the_profile_is_that_of_the_page_on_every_device(office: Office) -> None:
    person = {"name": "Polyglot", "email": "polyglot@example.com", "password": PASSWORD}
    await office.server.execute(CREATE_EMPLOYEE, input=person)
    async with office.open_screen(person["email"]) as screen:
        await screen.page.locator(".me").click()
        await screen.page.get_by_label("Language").select_option("ru")
        await expect(screen.page.get_by_role("link", name="Рейтинг")).to_be_visible()

    async with office.open_screen(person["email"]) as screen:
        await expect(screen.page.get_by_role("link", name="Рейтинг")).to_be_visible()


async def test_seller_signs_out(office: Office) -> None:
    async with office.open_screen("sam@example.com") as screen:
        page = screen.page
        await page.locator(".me").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("input[name=password]")).to_be_visible()

        assert await page.evaluate("localStorage.getItem('scoreline.session')") is None
        assert MARKUP not in await page.locator("body").inner_text()
