import base64
import hashlib
import re

import pytest
from graphql import parse, validate

from graph.schema import make
from server.http.static_pages import policy, query_page, wallboard
from tests.http_server import hear, say, served

PAGES = pytest.mark.parametrize("page", [query_page(), wallboard()], ids=["query page", "wallboard"])
EXAMPLES = re.findall(r"^  \"([^\"]+)\": `(.*?)`,$", query_page().decode(), re.MULTILINE | re.DOTALL)
WATCHED = dict(re.findall(r"^  (\w+): `(.*?)`,$", wallboard().decode(), re.MULTILINE | re.DOTALL))


@PAGES
def test_a_page_loads_nothing_from_elsewhere(page):
    assert not re.search(rb"https?://|\bsrc=|@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")", page)


@PAGES
def test_a_page_takes_no_text_for_markup_and_keeps_nothing(page):
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|Storage\b|\.cookie", page)


@PAGES
def test_its_policy_names_its_own_script_and_style_and_nothing_else(page):
    script = re.search(rb"<script>(.*)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()

    rules = dict(rule.strip().split(" ", 1) for rule in policy(page).split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["style-src"].startswith("'sha256-")
    assert rules["connect-src"] == "'self'"


@PAGES
def test_nothing_stands_where_its_policy_forbids_it(page):
    assert not re.search(rb"<[^>]+\s(style|on\w+)=", page)
    assert len(re.findall(rb"<script\b", page)) == len(re.findall(rb"<style\b", page)) == 1


@pytest.mark.parametrize("query", [query for _, query in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_every_example_is_a_question_that_the_schema_answers(query):
    assert validate(make()._schema, parse(query)) == []


def test_there_are_examples_of_every_kind():
    kinds = {parse(query).definitions[0].operation.value for _, query in EXAMPLES}

    assert kinds == {"query", "mutation", "subscription"}


@pytest.mark.parametrize("query", WATCHED.values(), ids=list(WATCHED))
def test_what_the_wallboard_asks_the_schema_answers(query):
    assert validate(make()._schema, parse(query)) == []


async def test_the_wallboard_is_there_outside_of_the_demo_and_is_no_secret(tmp_path):
    async with served(tmp_path) as here:
        page = await here.http.get("/wallboard")
        head, there, posted, below = [
            await here.http.request(method, path)
            for method, path in [("HEAD", "/wallboard"), ("GET", "/wallboard?lang=ru"), ("POST", "/wallboard"), ("GET", "/wallboard/x")]
        ]  # fmt: skip

    assert (page.status_code, page.content) == (200, wallboard())
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == policy(wallboard())
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"
    assert (head.status_code, head.content, there.content) == (200, b"", wallboard())
    assert (posted.status_code, below.status_code) == (405, 404)


@pytest.mark.parametrize("whose", ["company", "team"])
async def test_a_device_of_the_company_or_of_a_team_may_watch_all_of_it(tmp_path, whose):
    wanted = set(WATCHED) - {"screen"}
    async with served(tmp_path) as here:
        me = (await here.data("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
        team = (await here.data(TEAM))["createTeam"]["team"]["id"]
        await here.data(MOVE, id=me, team=team)
        made = await here.data(DEVICE, scope=team if whose == "team" else None)
        token = made["createDevice"]["token"]
        screen = await here.data(WATCHED["screen"], token=token)
        scope = screen["viewer"]["device"]["scope"]["id"]
        await here.data(GOAL, owner=scope)
        async with here.socket(token) as socket:
            for name in wanted:
                asked = {"query": WATCHED[name], "variables": {"scope": scope}}
                await say(socket, id=name, type="subscribe", payload=asked)
            heard = {}
            while set(heard) < wanted - {"wins"}:
                heard |= answer(await hear(socket))
            await here.data(WIN)
            while "wins" not in heard:
                heard |= answer(await hear(socket))

    assert heard["wins"]["dealWon"]["title"] == "Loggers"
    assert heard["goals"]["goalProgress"]["owner"]["id"] == scope


TEAM = 'mutation { createTeam(input: {name: "North"}) { team { id } } }'
MOVE = "mutation($id: ID!, $team: ID) { updateEmployee(input: {id: $id, team: $team}) { userErrors { message } } }"
DEVICE = 'mutation($scope: ID) { createDevice(input: {name: "Hall", kind: WALLBOARD, scope: $scope}) { token } }'
GOAL = """mutation($owner: ID!) {
  setGoal(input: {owner: $owner, metric: "deals_won", target: "3", period: {}}) { goal { id } }
}"""
WIN = """mutation {
  recordDeal(input: {title: "Loggers", amount: {amount: "4200"}, status: WON}) { userErrors { message } }
}"""


def answer(message):
    """Return the data of a `next` message, by the id of its operation."""
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return {message["id"]: message["payload"]["data"]}
