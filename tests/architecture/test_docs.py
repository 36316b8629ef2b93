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
from demo.history_generator import CompanyHistory
from demo.seeding import PASSWORD, DeviceTokens
from domain.errors.operation_errors import OperationError
from graph.execution import error_formatting
from imports import map_file
from server.commands.cli import main
from server.commands.demo import SEED
from server.requests.request_parsing import BadRequest
from server.setting_descriptions import DESCRIPTIONS, variable_name
from server.settings import COMMAND_VARIABLES
from server.websocket import graphql_transport_ws
from tests import generated_docs
from tests.generated_docs import EXAMPLE_PART, GENERATED_PARTS, PART_PATTERN, ROOT, list_documents

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


ALL_QUERIES = [(name, number, query) for name in PAGE_NAMES for number, query in enumerate(find_queries(name), 1)]


@pytest.mark.parametrize(
    "query", [query for *_, query in ALL_QUERIES], ids=[f"{name}, {number}" for name, number, _ in ALL_QUERIES]
)
def test_documented_queries_are_valid(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


def test_queries_are_found_in_every_form() -> None:
    expected_counts = {"README.md": 5, "docs/api.md": 7}

    assert {
        name: sum(name == page_name for page_name, *_ in ALL_QUERIES) for name in expected_counts
    } == expected_counts


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_documented_json_is_valid(name: str) -> None:
    for language, code in CODE_BLOCK.findall(read_page(name)):
        if language == "json":
            for message in code.splitlines() if code.startswith("→") else [code]:
                json.loads(message.lstrip("→← "))


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_documented_commands_exist(name: str) -> None:
    loader = SourceFileLoader("the_run", str(ROOT / "run"))
    spec = spec_from_loader("the_run", loader)
    assert spec is not None
    run_script = module_from_spec(spec)
    loader.exec_module(run_script)

    named_commands = set(re.findall(r"\./run[ \n]([a-z]+)", read_page(name)))
    named_commands |= set(re.findall(r"python -m server ([a-z]+)", read_page(name)))

    assert named_commands <= {*run_script.DEVELOPER_COMMANDS, *main.commands}


def test_readme_lists_every_command() -> None:
    listed_commands = set(re.findall(r"^\| `\./run ([a-z]+)`", read_page("README.md"), re.MULTILINE))

    assert {*main.commands} - {"demo"} <= listed_commands


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
    named_paths = re.findall(r"`((?:\w+/)+[\w.]*)`", read_page(name))
    folders = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}

    assert [path for path in named_paths if path.split("/")[0] in folders and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [name for name in PAGE_NAMES if PART_PATTERN.search(read_page(name))])
def test_generated_parts_of_page_are_up_to_date(name: str) -> None:
    parts = {match["name"]: match["text"] for match in PART_PATTERN.finditer(read_page(name))}

    assert {name: text for name, text in parts.items() if name != EXAMPLE_PART} == {
        name: GENERATED_PARTS[name]() for name in parts if name != EXAMPLE_PART
    }, "python -m tests.generated_docs writes it"


def test_every_generated_part_stands_in_a_page() -> None:
    part_names = [match["name"] for name in PAGE_NAMES for match in PART_PATTERN.finditer(read_page(name))]

    assert sorted(part_names) == sorted([*GENERATED_PARTS, EXAMPLE_PART])


async def test_worked_example_of_ledger_page_is_up_to_date() -> None:
    assert await generated_docs.ledger_example() in read_page("docs/ledger.md")


def test_every_error_code_is_documented() -> None:
    codes = {error_class.code for error_class in _with_subclasses(OperationError)} | {BadRequest.code, "TOKEN_EXPIRED"}
    codes |= {
        error_formatting.PARSE_FAILED,
        error_formatting.VALIDATION_FAILED,
        error_formatting.BAD_USER_INPUT,
        error_formatting.INTERNAL,
    }

    assert _read_first_column("docs/api.md", r"`([A-Z_]+)`") >= codes


def _with_subclasses(error_class: type[OperationError]) -> Iterator[type[OperationError]]:
    yield error_class
    for subclass in error_class.__subclasses__():
        yield from _with_subclasses(subclass)


def test_every_close_code_is_documented() -> None:
    tree = ast.parse(Path(graphql_transport_ws.__file__).read_text())
    close_codes = {
        str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and _is_close_code(node.value)
    }

    assert _read_first_column("docs/api.md", r"(\d{4})") == close_codes


def _is_close_code(value: object) -> bool:
    return isinstance(value, int) and (1008 <= value < 1020 or 4400 <= value < 4500)


def _read_first_column(name: str, cell_pattern: str) -> set[str]:
    return set(re.findall(rf"^\| {cell_pattern} \|", read_page(name), re.MULTILINE))


def test_every_built_in_map_is_documented() -> None:
    assert _read_first_column("docs/import.md", r"`(\w+)`") == set(map_file.built_in_maps())


def test_documented_map_is_valid() -> None:
    [map_text] = [code for language, code in CODE_BLOCK.findall(read_page("docs/import.md")) if language == "toml"]

    assert map_file.parse_map(map_text, "ours").files[0].stages


def test_documented_settings_exist() -> None:
    existing_variables = {variable_name(name) for name in DESCRIPTIONS} | COMMAND_VARIABLES
    existing_variables |= {"SCORELINE_DATABASE_PASSWORD", "SCORELINE_TEST_POSTGRES", "SCORELINE_TEST_REDIS"}
    named_variables = {
        variable_name for name in PAGE_NAMES for variable_name in re.findall(r"SCORELINE_[A-Z_]+\b", read_page(name))
    }

    assert named_variables - {"SCORELINE_"} <= existing_variables


def test_readme_signs_in_as_the_employee_of_the_demo_banner() -> None:
    history = CompanyHistory(SEED, datetime(2026, 11, 24, 15, tzinfo=UTC), days=0)
    banner_text = banner.format_banner("127.0.0.1:8000", history.people, DeviceTokens("sld_w", "sld_i"))
    [email] = re.findall(r"employee +(\S+@\S+)", banner_text)

    assert f'email: \\"{email}\\"' in read_page("README.md")
    assert f'password: \\"{PASSWORD}\\"' in read_page("README.md")


def test_every_package_is_listed_in_readme() -> None:
    listed_packages = set(re.findall(r"^\| `(\w+)/` \|", read_page("README.md"), re.MULTILINE))

    assert {init_file.parent.name for init_file in ROOT.glob("*/__init__.py")} <= listed_packages
