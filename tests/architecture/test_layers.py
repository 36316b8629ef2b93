"""Layers of the code: import contracts, packages, and that SQL, queries and the state of rows stay in the models."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.db import conditions
from models.db.connection import MODEL_MODULES
from tests.source_tree import read_source_files

ROOT = Path(__file__).parents[2]
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
LAYERS_ABOVE_MODELS = [layer for layer in LAYERS if layer not in ("domain", "models")]
ROW_CLASSES = {
    name
    for module in MODEL_MODULES
    for name, member in vars(import_module(module)).items()
    if isinstance(member, type) and issubclass(member, Model)
}
METHODS_OF_ROW_CLASSES = {name for name in dir(Model) if not name.startswith("_")}
METHODS_OF_OTHERS = {name for kind in (dict, list, set, Path) for name in dir(kind)} | {
    "all", "contains", "create", "delete", "describe", "fields", "get_table", "query",
}  # fmt: skip
METHODS_OF_QUERIES = {name for name in (*dir(QuerySet), *dir(Model)) if not name.startswith("_")} - METHODS_OF_OTHERS
MAKERS_OF_QUERIES = {"RowQuery"} | {
    name for name, member in vars(conditions).items() if getattr(member, "__module__", None) == conditions.__name__
}
STATE_OF_ROWS = re.compile(r"_meta|_saved_in_db|_custom_generated_pk|_init_from_db|_partial|_db|_db_\w+")
SQL = re.compile(r"\b(SELECT\s.*\sFROM|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\s", re.DOTALL)


def test_import_contracts_hold():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]

    # In a process of its own, since import-linter disables the loggers of its process.
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_is_a_layer():
    packages = {init_file.parent.name for init_file in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "faults"}

    assert packages == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_is_imported_from_this_project_and_has_docstring(layer):
    package = import_module(layer)

    assert Path(package.__file__ or "").parent == ROOT / layer
    assert package.__doc__


@pytest.mark.parametrize("layer", LAYERS_ABOVE_MODELS)
def test_layer_above_models_runs_no_query_of_its_own(layer):
    uses = _find_uses(_is_use_of_query, layer)

    assert uses == [], "write a function in the models, which returns rows or a RowQuery"


@pytest.mark.parametrize("layer", LAYERS_ABOVE_MODELS)
def test_layer_above_models_has_no_sql(layer):
    texts = _find_uses(
        lambda node: isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value), layer
    )

    assert texts == []


@pytest.mark.parametrize("layer", LAYERS)
def test_only_models_db_knows_how_tortoise_keeps_the_state_of_a_row(layer):
    uses = _find_uses(lambda node: isinstance(node, ast.Attribute) and STATE_OF_ROWS.fullmatch(node.attr), layer)

    assert [use for use in uses if not use.startswith("models/db/")] == [], "use models.db.row_store"


@pytest.mark.parametrize(
    "code",
    [
        "Employee.exists(id=1)",
        "activities.Activity.all()",
        "row.save()",
        "query.order_by('id')",
        "RowQuery(Employee)",
        "Condition()",
        "equals('id', 1)",
    ],
)
def test_use_of_query_is_found(code):
    assert any(map(_is_use_of_query, ast.walk(ast.parse(code))))


def _find_uses(is_use, layer):
    """Return the places in a layer with a node that `is_use` accepts, as file and line."""
    return [f"{file.name}:{node.lineno}" for file in read_source_files(layer) for node in file.nodes if is_use(node)]


def _is_use_of_query(node):
    """Return whether a node calls a method of a row class, a row or a query, makes a RowQuery or a condition."""
    match node:
        case ast.Attribute(value=ast.Name(id="row_store")):
            return False
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name) if owner in ROW_CLASSES:
            return name in METHODS_OF_ROW_CLASSES
        case ast.Call(func=ast.Name(id=name)) if name in MAKERS_OF_QUERIES:
            return True
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in METHODS_OF_QUERIES and not _is_function_of_row_store(node.func)
    return False


def _is_function_of_row_store(function):
    return isinstance(function.value, ast.Name) and function.value.id == "row_store"
