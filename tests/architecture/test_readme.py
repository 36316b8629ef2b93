"""The README agrees with the code: its example output, folders, commands, limits and demo account."""

from __future__ import annotations

import ast
import inspect
import json
import re
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from graphql import FieldNode, OperationDefinitionNode, SelectionSetNode, parse

from demo import banner
from demo.history_generator import CompanyHistory
from demo.seeding import PASSWORD, DeviceTokens
from domain.permissions import DeviceKind, Reach
from graph.execution.query_limits import QueryLimits
from models.db.keyset_pagination import MAX_PAGE_SIZE
from resolvers.auth.attempts import PER_ACCOUNT_AND_NETWORK
from server.commands.cli import main
from server.commands.demo import SEED
from server.settings import Settings
from subscriptions.core.hub import Hub
from tests.source_tree import PRODUCT_FOLDERS, ROOT

README = (ROOT / "README.md").read_text()
QUERY_WITH_OUTPUT = re.compile(r"^```graphql\n([^`]*)^```\n[^`]*^```json\n([^`]*)^```$", re.MULTILINE)
FIRST_CELLS = re.compile(r"^\| `([\w/]+)` \| (.*) \|$", re.MULTILINE)
SUBFOLDER = re.compile(r"`(\w+/)`")


def read_section(heading: str) -> str:
    """Return the text of a section, with its subsections."""
    return re.split(rf"^## {heading}$", README, flags=re.MULTILINE)[1].split("\n## ")[0]


def test_example_output_has_the_fields_of_its_query() -> None:
    [(query, output)] = QUERY_WITH_OUTPUT.findall(README)
    operation = parse(query).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    assert_has_fields(operation.selection_set, json.loads(output)["data"])


def assert_has_fields(selection_set: SelectionSetNode | None, value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if selection_set is None:
            assert not isinstance(item, dict)
        else:
            fields = [field for field in selection_set.selections if isinstance(field, FieldNode)]
            assert list(item) == [field.name.value for field in fields]
            for field in fields:
                assert_has_fields(field.selection_set, item[field.name.value])


@pytest.fixture
def demo_banner() -> str:
    people = CompanyHistory(SEED, datetime(2026, 11, 24, 15, tzinfo=UTC), days=0).people
    return banner.format_banner("127.0.0.1:8000", people, DeviceTokens(wallboard="TOKEN", integration="sld_i"))


def test_readme_signs_in_as_the_employee_of_the_demo_banner(demo_banner: str) -> None:
    [email] = re.findall(r"employee +(\S+@\S+)", demo_banner)

    assert f'email: \\"{email}\\"' in README
    assert f'password: \\"{PASSWORD}\\"' in README


def test_wallboard_address_is_that_of_the_demo_banner(demo_banner: str) -> None:
    assert "http://127.0.0.1:8000/wallboard#token=TOKEN" in demo_banner
    assert "`/wallboard#token=…`" in README
    assert f"a device of kind {DeviceKind.WALLBOARD} " in README


def test_every_folder_and_subfolder_is_listed() -> None:
    section = read_section("Folders")
    folder_table, subject_table = section.split("| Subfolder | Subject |")
    listed = {folder: set(SUBFOLDER.findall(text)) for folder, text in FIRST_CELLS.findall(folder_table)}
    subjects = {folder for folder, _ in FIRST_CELLS.findall(subject_table)}

    assert {f"{folder}/" for folder in PRODUCT_FOLDERS} | {"tests/", "docs/", "web/"} == listed.keys()
    for folder in PRODUCT_FOLDERS:
        subfolders = find_subfolders(folder)
        assert listed[f"{folder}/"] - subfolders == set(), folder
        assert subfolders - listed[f"{folder}/"] - subjects == set(), folder
    for subject in subjects:
        assert any(subject in find_subfolders(layer) for layer in ("domain", "models", "resolvers")), subject


def find_subfolders(folder: str) -> set[str]:
    return {f"{path.name}/" for path in (ROOT / folder).iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_subfolders_of_tests_and_docs_exist() -> None:
    rows = dict(FIRST_CELLS.findall(read_section("Folders")))
    named = {folder: SUBFOLDER.findall(rows[folder]) for folder in ("tests/", "docs/")}

    assert all(named.values())
    assert [
        f"{folder}{name}" for folder, names in named.items() for name in names if not (ROOT / folder / name).is_dir()
    ] == []


def test_layers_are_in_the_order_of_the_import_contract() -> None:
    [contract] = [
        contract
        for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    ]
    order = " → ".join(", ".join(f"`{name}`" for name in layer.split(" | ")) for layer in contract["layers"])

    assert f"{order}. " in " ".join(README.split())


def test_every_command_is_listed() -> None:
    listed_commands = set(re.findall(r"^\| `\./run ([a-z]+)`", README, re.MULTILINE))

    assert {name for name, command in main.commands.items() if not command.hidden} - {"demo"} <= listed_commands


def find_options() -> list[tuple[str, str]]:
    """Return the (command, option) pairs of the README; an option belongs to the last command before it in its line."""
    pairs = []
    for line in README.splitlines():
        command = ""
        for mention in re.finditer(r"\./run(?: ([a-zA-Z]+))?|(--[a-z-]+)", line):
            if mention[2] is None:
                command = mention[1] or "demo"
            elif command in main.commands:
                pairs.append((command, mention[2]))
    return pairs


@pytest.mark.parametrize(("command", "option"), sorted(set(find_options())))
def test_options_of_commands_exist(command: str, option: str) -> None:
    assert option in {name for parameter in main.commands[command].params for name in parameter.opts}


def test_python_version_is_that_of_the_tools() -> None:
    [version] = re.findall(r"Python (\d\.\d+) or newer", README)
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert tools["mypy"]["python_version"] == version
    assert f"sys.version_info < ({version.replace('.', ', ')})" in (ROOT / "run").read_text()


def test_ports_are_those_of_the_compose_file() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = [service["ports"][0].partition(":")[0] for name, service in services.items() if name.startswith("server")]

    assert f"[two servers](docker-compose.yml), on ports {' and '.join(ports)}." in README


def test_process_count_is_a_setting() -> None:
    [variable] = re.findall(r"`(\w+)=\d+ \./run serve`", README)

    assert variable == Settings.model_fields["workers"].alias


def test_durations_are_those_of_the_code() -> None:
    assert CompanyHistory.days == 365
    assert "a demo company with a year of history" in README
    assert inspect.signature(Hub).parameters["poll_interval"].default == 1
    assert "While Redis is down, updates arrive about a second later" in " ".join(README.split())


def test_limits_are_those_of_the_code() -> None:
    limits = QueryLimits()
    section = " ".join(read_section("Errors and limits").split())

    assert (
        f"One operation may ask for at most {limits.cost:,} rows, {limits.depth} levels of fields, {limits.fields} fields"
        f" and {limits.aliases} aliases, and a page has at most {MAX_PAGE_SIZE} rows."
        f" A request may have {limits.body_bytes:,} bytes, its document {limits.document_bytes:,} bytes,"
        f" and it may take {limits.deadline_seconds:.0f} seconds."
        f" An e-mail address has {PER_ACCOUNT_AND_NETWORK.amount} wrong passwords from a network within"
        f" {PER_ACCOUNT_AND_NETWORK.window.seconds // 60} minutes."
    ) in section


def test_every_reach_of_the_permissions_table_is_explained() -> None:
    explained = set(re.findall(r"\*(\w+)\*: ", read_section("Permissions")))

    assert explained == {reach.name.lower() for reach in Reach} - {"none", "company"}


def test_python_program_is_valid() -> None:
    [program] = re.findall(r"<<'END'\n(.*?)^END$", README, re.MULTILINE | re.DOTALL)

    assert "async def main" in ast.unparse(ast.parse(program))
