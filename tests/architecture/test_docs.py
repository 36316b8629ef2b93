"""The documentation agrees with the code: its queries, commands, links, settings, tables and generated parts."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from demo import banner
from demo.history_generator import Story
from demo.seeding import PASSWORD, Made
from domain.errors.operation_errors import Failure
from graph.execution import error_formatting
from imports import map_file
from server import settings
from server.commands.cli import main
from server.commands.demo import SEED
from server.requests.request_parsing import BadRequest
from server.websocket import graphql_transport_ws
from tests import generated_docs
from tests.generated_docs import PART, PARTS, PLAYED, ROOT, pages

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BODY = re.compile(r"-d '(\{.*\})'|^[→←] (\{.*\})$")  # an argument of curl, or a message of a socket
WRITTEN = re.compile(r'\bquery"?: "((?:query|subscription|mutation)\b[^"]*)"')  # in the source of a program
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMES = [str(page.relative_to(ROOT)) for page in pages()]


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def bare(name: str) -> str:
    """Return a page without its code blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(name)))


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "graph" / "schema.graphql").read_text())


def queries(name: str) -> Iterator[str]:
    """Yield every GraphQL document of a page: code blocks, JSON messages and bodies, and strings in programs."""
    for language, code in FENCE.findall(text_of(name)):
        if language == "graphql":
            yield code
        for line in code.splitlines():
            if sent := BODY.search(line):
                yield from _inside(json.loads(sent[1] or sent[2]))
            elif written := WRITTEN.search(line):
                yield written[1]


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "query" and isinstance(each, str))
        for each in value.values():
            yield from _inside(each)


FOUND = [(name, number, query) for name in NAMES for number, query in enumerate(queries(name), 1)]


@pytest.mark.parametrize(
    "query", [query for *_, query in FOUND], ids=[f"{name}, {number}" for name, number, _ in FOUND]
)
def test_every_query_is_one_that_the_schema_answers(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


def test_queries_are_found_in_every_form_that_they_stand_in() -> None:
    forms = {"README.md": 5, "docs/api.md": 7}

    assert {name: sum(name == each for each, *_ in FOUND) for name in forms} == forms


@pytest.mark.parametrize("name", NAMES)
def test_every_json_in_a_page_is_json(name: str) -> None:
    for language, code in FENCE.findall(text_of(name)):
        if language == "json":
            for part in code.splitlines() if code.startswith("→") else [code]:
                json.loads(part.lstrip("→← "))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there(name: str) -> None:
    loader = SourceFileLoader("the_run", str(ROOT / "run"))
    spec = spec_from_loader("the_run", loader)
    assert spec is not None
    run = module_from_spec(spec)
    loader.exec_module(run)

    named = set(re.findall(r"\./run[ \n]([a-z]+)", text_of(name)))
    named |= set(re.findall(r"python -m server ([a-z]+)", text_of(name)))

    assert named <= {*run.DEVELOPER_COMMANDS, *main.commands}


def test_the_readme_tells_of_every_command() -> None:
    rows = set(re.findall(r"^\| `\./run ([a-z]+)`", text_of("README.md"), re.MULTILINE))

    assert {*main.commands} - {"demo"} <= rows


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    broken = [link for link in LINK.findall(bare(name)) if not _leads(name, link)]

    assert broken == []


def _leads(name: str, link: str) -> bool:
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    there = ((ROOT / name).parent / path).resolve() if path else ROOT / name
    return there.exists() and (not anchor or anchor in _anchors(there))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(page.read_text()) if ".md" in link)
        found = {(page.parent / link).resolve() for link in links if "://" not in link}
        ahead += found - reached

    assert set(pages()) == reached


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]*)`", text_of(name))
    folders = {each.name for each in ROOT.iterdir() if each.is_dir()}

    assert [each for each in named if each.split("/")[0] in folders and not (ROOT / each).exists()] == []


@pytest.mark.parametrize("name", [name for name in NAMES if PART.search(text_of(name))])
def test_what_the_code_knows_better_is_as_the_code_has_it(name: str) -> None:
    parts = {found["name"]: found["text"] for found in PART.finditer(text_of(name))}

    assert {name: text for name, text in parts.items() if name != PLAYED} == {
        name: PARTS[name]() for name in parts if name != PLAYED
    }, "python -m tests.generated_docs writes it"


def test_every_such_part_stands_in_a_page() -> None:
    found = [each["name"] for name in NAMES for each in PART.finditer(text_of(name))]

    assert sorted(found) == sorted([*PARTS, PLAYED])


async def test_the_ledger_of_the_worked_example_is_what_the_page_shows() -> None:
    assert await generated_docs.worked_example() in text_of("docs/ledger.md")


def test_every_code_of_a_failure_is_explained() -> None:
    codes = {each.code for each in _below(Failure)} | {BadRequest.code, "TOKEN_EXPIRED"}
    codes |= {error_formatting.PARSE, error_formatting.VALIDATION, error_formatting.INPUT, error_formatting.INTERNAL}

    assert _first_column("docs/api.md", r"`([A-Z_]+)`") >= codes


def _below(kind: type[Failure]) -> Iterator[type[Failure]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)


def test_every_code_that_closes_a_socket_is_explained() -> None:
    tree = ast.parse(Path(graphql_transport_ws.__file__).read_text())
    closing = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and _closes(node.value)}

    assert _first_column("docs/api.md", r"(\d{4})") == closing


def _closes(value: object) -> bool:
    return isinstance(value, int) and (1008 <= value < 1020 or 4400 <= value < 4500)


def _first_column(name: str, cell: str) -> set[str]:
    return set(re.findall(rf"^\| {cell} \|", text_of(name), re.MULTILINE))


def test_every_ready_map_is_told_of() -> None:
    assert _first_column("docs/import.md", r"`(\w+)`") == set(map_file.ready())


def test_the_map_that_is_shown_is_one() -> None:
    [shown] = [code for language, code in FENCE.findall(text_of("docs/import.md")) if language == "toml"]

    assert map_file.parsed(shown, "ours").files[0].stages


def test_every_setting_that_is_named_is_one() -> None:
    known = {settings.variable(name) for name in settings.Settings.model_fields} | settings.OF_COMMANDS
    known |= {"SCORELINE_DATABASE_PASSWORD", "SCORELINE_TEST_POSTGRES", "SCORELINE_TEST_REDIS"}
    named = {found for name in NAMES for found in re.findall(r"SCORELINE_[A-Z_]+\b", text_of(name))}

    assert named - {"SCORELINE_"} <= known


def test_the_one_who_signs_in_is_the_one_that_the_demo_names() -> None:
    told = Story(SEED, datetime(2026, 11, 24, 15, tzinfo=UTC), days=0)
    greeting = banner.text("127.0.0.1:8000", told.people, Made("sld_w", "sld_i"))
    [named] = re.findall(r"employee +(\S+@\S+)", greeting)

    assert f'email: \\"{named}\\"' in text_of("README.md")
    assert f'password: \\"{PASSWORD}\\"' in text_of("README.md")


def test_every_folder_of_code_is_told_of() -> None:
    told = set(re.findall(r"^\| `(\w+)/` \|", text_of("README.md"), re.MULTILINE))

    assert {each.parent.name for each in ROOT.glob("*/__init__.py")} <= told
