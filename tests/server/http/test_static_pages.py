import base64
import hashlib
import json
import re

import pytest
from graphql import parse, validate

from domain.i18n.languages import TRANSLATIONS
from graph.schema import create_schema
from server.http.static_pages import (
    build_content_security_policy,
    read_page_texts,
    read_password_page,
    read_query_page,
    read_wallboard_page,
)
from tests.http_server import receive_message, run_test_server, send_message

for_each_page = pytest.mark.parametrize(
    "page",
    [read_query_page(), read_wallboard_page(), read_password_page()],
    ids=["query page", "wallboard", "password page"],
)
EXAMPLES = re.findall(r"^  \"([^\"]+)\": `(.*?)`,$", read_query_page().decode(), re.MULTILINE | re.DOTALL)
PASSWORD_PAGE = read_password_page().decode()
PASSWORD_MUTATIONS = dict(re.findall(r"^  (\w+): `(.*?)`,$", PASSWORD_PAGE, re.MULTILINE | re.DOTALL))
WALLBOARD_QUERIES = dict(re.findall(r"^  (\w+): `(.*?)`,$", read_wallboard_page().decode(), re.MULTILINE | re.DOTALL))


@for_each_page
def test_page_loads_no_external_resources(page):
    assert not re.search(rb"https?://|\bsrc=|@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")", page)


@for_each_page
def test_page_inserts_no_html_and_stores_nothing(page):
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|Storage\b|\.cookie", page)


@for_each_page
def test_page_sets_no_property_by_a_computed_name(page):
    """A name out of an answer, such as `__proto__`, could change all objects of the page."""
    assert not re.search(rb"[\w)\]]\[[^\]\n]*[a-zA-Z$][^\]\n]*\]\s*[-+*/|&?]*=(?!=)|Object\.assign|__proto__", page)


@for_each_page
def test_policy_allows_own_script_and_style_only(page):
    script = re.search(rb"<script>(.*)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()

    rules = dict(rule.strip().split(" ", 1) for rule in build_content_security_policy(page).split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["style-src"].startswith("'sha256-")
    assert rules["connect-src"] == "'self'"


@for_each_page
def test_page_has_no_inline_handlers_or_styles(page):
    assert not re.search(rb"<[^>]+\s(style|on\w+)=", page)
    assert len(re.findall(rb"<script\b", page)) == len(re.findall(rb"<style\b", page)) == 1


@pytest.mark.parametrize("query", [query for _, query in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_query_page_examples_are_valid(query):
    assert validate(create_schema()._schema, parse(query)) == []


def test_query_page_has_examples_of_every_operation_type():
    kinds = {parse(query).definitions[0].operation.value for _, query in EXAMPLES}

    assert kinds == {"query", "mutation", "subscription"}


@pytest.mark.parametrize("query", WALLBOARD_QUERIES.values(), ids=list(WALLBOARD_QUERIES))
def test_wallboard_queries_are_valid(query):
    assert validate(create_schema()._schema, parse(query)) == []


@pytest.mark.parametrize("query", PASSWORD_MUTATIONS.values(), ids=list(PASSWORD_MUTATIONS))
def test_password_page_mutations_are_valid(query):
    assert validate(create_schema()._schema, parse(query)) == []


def test_password_page_has_the_texts_that_it_uses():
    used = set(re.findall(r'data-word="(\w+)"|words\.(\w+)', PASSWORD_PAGE))

    assert {name for names in used for name in names if name} | set(PASSWORD_MUTATIONS) == set(
        read_page_texts("password.html")
    )


@pytest.mark.parametrize(
    ("name", "page"), [("wallboard.html", read_wallboard_page()), ("password.html", read_password_page())]
)
def test_page_has_its_texts_in_every_language(name, page):
    [script] = re.findall(r"^const TRANSLATIONS = (.*);$", page.decode(), re.MULTILINE)

    translations = json.loads(script)

    assert list(translations) == list(TRANSLATIONS)
    assert all(texts.keys() == read_page_texts(name).keys() for texts in translations.values())
    assert any(texts != read_page_texts(name) for texts in translations.values())


async def test_password_page_is_served_without_sign_in(tmp_path):
    async with run_test_server(tmp_path) as server:
        page = await server.http.get("/password")

    assert (page.status_code, page.content) == (200, read_password_page())
    assert page.headers["content-security-policy"] == build_content_security_policy(read_password_page())
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_wallboard_is_served_without_sign_in_and_outside_demo(tmp_path):
    async with run_test_server(tmp_path) as server:
        page = await server.http.get("/wallboard")
        head_response, with_query, post_response, subpath_response = [
            await server.http.request(method, path)
            for method, path in [("HEAD", "/wallboard"), ("GET", "/wallboard?lang=ru"), ("POST", "/wallboard"), ("GET", "/wallboard/x")]
        ]  # fmt: skip

    assert (page.status_code, page.content) == (200, read_wallboard_page())
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == build_content_security_policy(read_wallboard_page())
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"
    assert (head_response.status_code, head_response.content, with_query.content) == (200, b"", read_wallboard_page())
    assert (post_response.status_code, subpath_response.status_code) == (405, 404)


@pytest.mark.parametrize("scope_type", ["company", "team"])
async def test_wallboard_queries_work_for_device_of_company_or_team(tmp_path, scope_type):
    subscriptions = set(WALLBOARD_QUERIES) - {"screen"}
    async with run_test_server(tmp_path) as server:
        viewer_id = (await server.execute("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
        team = (await server.execute(CREATE_TEAM))["createTeam"]["team"]["id"]
        await server.execute(MOVE_EMPLOYEE, id=viewer_id, team=team)
        created = await server.execute(CREATE_DEVICE, scope=team if scope_type == "team" else None)
        token = created["createDevice"]["token"]
        screen = await server.execute(WALLBOARD_QUERIES["screen"], token=token)
        scope = screen["viewer"]["device"]["scope"]["id"]
        await server.execute(SET_GOAL, owner=scope)
        async with server.connect(token) as socket:
            for name in subscriptions:
                payload = {"query": WALLBOARD_QUERIES[name], "variables": {"scope": scope}}
                await send_message(socket, id=name, type="subscribe", payload=payload)
            received = {}
            while set(received) < subscriptions - {"wins"}:
                received |= data_by_id(await receive_message(socket))
            await server.execute(RECORD_WIN)
            while "wins" not in received:
                received |= data_by_id(await receive_message(socket))

    assert received["wins"]["dealWon"]["title"] == "Loggers"
    assert received["goals"]["goalProgress"]["owner"]["id"] == scope


CREATE_TEAM = 'mutation { createTeam(input: {name: "North"}) { team { id } } }'
MOVE_EMPLOYEE = (
    "mutation($id: ID!, $team: ID) { updateEmployee(input: {id: $id, team: $team}) { userErrors { message } } }"
)
CREATE_DEVICE = 'mutation($scope: ID) { createDevice(input: {name: "Hall", kind: WALLBOARD, scope: $scope}) { token } }'
SET_GOAL = """mutation($owner: ID!) {
  setGoal(input: {owner: $owner, metric: "deals_won", target: "3", period: {}}) { goal { id } }
}"""
RECORD_WIN = """mutation {
  recordDeal(input: {title: "Loggers", amount: {amount: "4200"}, status: WON}) { userErrors { message } }
}"""


def data_by_id(message):
    """Return the data of a `next` message, by the id of its operation."""
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return {message["id"]: message["payload"]["data"]}
