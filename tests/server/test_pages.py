import base64
import hashlib
import re

import pytest
from graphql import parse, validate

from graph.schema import make
from server.pages import policy, query_page

PAGE = query_page().decode()
EXAMPLES = re.findall(r"^  \"([^\"]+)\": `(.*?)`,$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_loads_nothing_from_elsewhere():
    assert not re.search(r"https?://|\bsrc=|@import|<link(?! rel=\"icon\" href=\"data:,\")", PAGE)
    assert "innerHTML" not in PAGE


def test_its_policy_names_its_own_script_and_style_and_nothing_else():
    script = re.search(r"<script>(.*)</script>", PAGE, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    rules = dict(rule.strip().split(" ", 1) for rule in policy(query_page()).split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["style-src"].startswith("'sha256-")
    assert rules["connect-src"] == "'self'"


@pytest.mark.parametrize("query", [query for _, query in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_every_example_is_a_question_that_the_schema_answers(query):
    assert validate(make()._schema, parse(query)) == []


def test_there_are_examples_of_every_kind():
    kinds = {parse(query).definitions[0].operation.value for _, query in EXAMPLES}

    assert kinds == {"query", "mutation", "subscription"}
