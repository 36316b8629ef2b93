"""All pages of the documentation agree with the code: queries, commands, links, settings, tables, generated parts.

`test_readme` checks what only the README states.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from websockets.frames import CloseCode

from imports import map_file
from server.commands.cli import main
from server.setting_descriptions import DESCRIPTIONS, variable_name
from server.settings import COMMAND_VARIABLES
from tests.generated_docs import EXAMPLE_PARTS, GENERATED_PARTS, PART_PATTERN, ROOT, list_documents
from tests.guide_follower import created_paths

CODE_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
JSON_MESSAGE = re.compile(r"-d '(\{.*\})'|^[→←] (\{.*\})$")  # an argument of curl, or a message of a socket
QUERY_IN_PROGRAM = re.compile(r'\bquery"?: "((?:query|subscription|mutation)\b[^"]*)"')  # in the source of a program
MARKDOWN_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in list_documents()]


def read_page(name: str) -> str:
    return (ROOT / name).read_text()


def strip_code(name: str) -> str:
    """Return a page without its code blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", CODE_BLOCK.sub("", read_page(name)))


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "graph" / "schema.graphql").read_text())


def find_queries(name: str) -> Iterator[str]:
    """Yield every GraphQL document of a page: code blocks, JSON messages and bodies, and strings in programs."""
    for language, code in CODE_BLOCK.findall(read_page(name)):
        if language == "graphql":
            yield code
        for line in code.splitlines():
            if message := JSON_MESSAGE.search(line):
                yield from _find_queries_in(json.loads(message[1] or message[2]))
            elif program_query := QUERY_IN_PROGRAM.search(line):
                yield program_query[1]


def _find_queries_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (query for key, query in value.items() if key == "query" and isinstance(query, str))
        for nested_value in value.values():
            yield from _find_queries_in(nested_value)


ALL_QUERIES = [
    (name, number, query)
    for name in PAGE_NAMES
    if not name.startswith(
        "docs/guides/add-"
    )  # tests/acceptance/test_guides.py checks these with the schema they lead to
    for number, query in enumerate(find_queries(name), 1)
]


@pytest.mark.parametrize(
    "query", [query for *_, query in ALL_QUERIES], ids=[f"{name}, {number}" for name, number, _ in ALL_QUERIES]
)
def test_documented_queries_are_valid(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


@pytest.mark.parametrize(
    "start",
    ["query Page(", "query Goals($period", "subscription($scope: ID) { goalProgress(", "subscription { leaderboard {"],
    ids=["code block", "body of curl", "socket message", "string of a program"],
)
def test_queries_are_found_in_every_form(start: str) -> None:
    assert sum(query.startswith(start) for query in find_queries("docs/api.md")) == 1


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_documented_json_is_valid(name: str) -> None:
    for language, code in CODE_BLOCK.findall(read_page(name)):
        if language == "json":
            for message in code.splitlines() if code.startswith("→") else [code]:
                json.loads(message.lstrip("→← "))


@pytest.fixture(scope="module")
def existing_commands() -> set[str]:
    """Return the commands of `./run`: those of the script itself, and those of the product."""
    loader = SourceFileLoader("run_script", str(ROOT / "run"))  # `run` has no suffix, so `import` does not find it
    spec = spec_from_loader("run_script", loader)
    assert spec is not None
    run_script = module_from_spec(spec)
    loader.exec_module(run_script)
    return {*run_script.DEVELOPER_COMMANDS, *main.commands}


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_documented_commands_exist(existing_commands: set[str], name: str) -> None:
    named_commands = set(re.findall(r"\./run[ \n]([a-z]+)", read_page(name)))
    named_commands |= set(re.findall(r"python -m server ([a-z]+)", read_page(name)))

    assert named_commands - existing_commands == set()


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_links_of_page_resolve(name: str) -> None:
    broken = [link for link in MARKDOWN_LINK.findall(strip_code(name)) if not _link_resolves(name, link)]

    assert broken == []


def _link_resolves(name: str, link: str) -> bool:
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
    return target.exists() and (not anchor or anchor in _find_anchors(target))


def _find_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reachable_from_readme() -> None:
    visited, queue = set(), [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        visited.add(page)
        links = (link.partition("#")[0] for link in MARKDOWN_LINK.findall(page.read_text()) if ".md" in link)
        targets = {(page.parent / link).resolve() for link in links if "://" not in link}
        queue += targets - visited

    assert set(list_documents()) == visited


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_files_named_in_page_exist(name: str) -> None:
    named_paths = set(re.findall(r"`((?:\w+/)+[\w.]*)`", read_page(name))) - created_paths(read_page(name))
    folders = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}

    assert [path for path in named_paths if path.split("/")[0] in folders and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [name for name in PAGE_NAMES if PART_PATTERN.search(read_page(name))])
def test_generated_parts_of_page_are_up_to_date(name: str) -> None:
    parts = {match["name"]: match["text"] for match in PART_PATTERN.finditer(read_page(name))}

    assert {name: text for name, text in parts.items() if name not in EXAMPLE_PARTS} == {
        name: GENERATED_PARTS[name]() for name in parts if name not in EXAMPLE_PARTS
    }, "run `python -m tests.generated_docs` to write them"


def test_every_generated_part_stands_in_a_page() -> None:
    part_names = [match["name"] for name in PAGE_NAMES for match in PART_PATTERN.finditer(read_page(name))]

    assert sorted(part_names) == sorted([*GENERATED_PARTS, *EXAMPLE_PARTS])


@pytest.mark.parametrize(("part", "page"), [("worked example", "docs/ledger.md"), ("goal replay", "docs/goals.md")])
async def test_example_of_page_is_up_to_date(part: str, page: str) -> None:
    assert await EXAMPLE_PARTS[part]() in read_page(page)


def test_every_close_code_is_documented() -> None:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "server" / "websocket").glob("*.py")]
    close_codes = {
        str(node.value)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and _is_close_code(node.value)
    }

    library_codes = {
        str(int(code)) for code in (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG)
    }
    assert _read_first_column("docs/api.md", r"(\d{4})") == close_codes | library_codes


def _is_close_code(value: object) -> bool:
    """Return whether a number is a close code that the server sends; 1006 stands for a connection without one."""
    return isinstance(value, int) and (1001 <= value < 1016 or 4400 <= value < 4500) and value != 1006


def _read_first_column(name: str, cell_pattern: str) -> set[str]:
    """Return the cells of first columns of a page's tables that match the pattern, or its group."""
    return set(re.findall(rf"^\| {cell_pattern} \|", read_page(name), re.MULTILINE))


def test_every_built_in_map_is_documented() -> None:
    assert _read_first_column("docs/import.md", r"`([\w-]+)`") == set(map_file.built_in_maps())


def test_documented_map_is_valid() -> None:
    map_text, *_ = [code for language, code in CODE_BLOCK.findall(read_page("docs/import.md")) if language == "toml"]

    assert map_file.parse_map(map_text, "ours").files[0].stages


def test_documented_settings_exist() -> None:
    existing_variables = {variable_name(name) for name in DESCRIPTIONS} | COMMAND_VARIABLES
    existing_variables |= {"SCORELINE_DATABASE_PASSWORD", "SCORELINE_TEST_POSTGRES", "SCORELINE_TEST_REDIS"}
    named_variables = {
        variable_name for name in PAGE_NAMES for variable_name in re.findall(r"SCORELINE_[A-Z_]+\b", read_page(name))
    }

    assert named_variables - {"SCORELINE_"} <= existing_variables
