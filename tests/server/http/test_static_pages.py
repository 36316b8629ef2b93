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
)
from tests.http_server import run_test_server

for_each_page = pytest.mark.parametrize(
    "page",
    [read_query_page(), read_password_page()],
    ids=["query page", "password page"],
)
EXAMPLES = re.findall(r"^  \"([^\"]+)\": `(.*?)`,$", read_query_page().decode(), re.MULTILINE | re.DOTALL)
PASSWORD_PAGE = read_password_page().decode()
PASSWORD_MUTATIONS = dict(re.findall(r"^  (\w+): `(.*?)`,$", PASSWORD_PAGE, re.MULTILINE | re.DOTALL))


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


@pytest.mark.parametrize("query", PASSWORD_MUTATIONS.values(), ids=list(PASSWORD_MUTATIONS))
def test_password_page_mutations_are_valid(query):
    assert validate(create_schema()._schema, parse(query)) == []


def test_password_page_has_the_texts_that_it_uses():
    used = set(re.findall(r'data-word="(\w+)"|words\.(\w+)', PASSWORD_PAGE))

    assert {name for names in used for name in names if name} | set(PASSWORD_MUTATIONS) == set(
        read_page_texts("password.html")
    )


def test_password_page_has_its_texts_in_every_language():
    [script] = re.findall(r"^const TRANSLATIONS = (.*);$", PASSWORD_PAGE, re.MULTILINE)
    english = read_page_texts("password.html")

    translations = json.loads(script)

    assert list(translations) == list(TRANSLATIONS)
    assert all(texts.keys() == english.keys() for texts in translations.values())
    assert any(texts != english for texts in translations.values())


async def test_password_page_is_served_without_sign_in(tmp_path):
    async with run_test_server(tmp_path) as server:
        page = await server.http.get("/password")

    assert (page.status_code, page.content) == (200, read_password_page())
    assert page.headers["content-security-policy"] == build_content_security_policy(read_password_page())
    assert page.headers["referrer-policy"] == "no-referrer"
