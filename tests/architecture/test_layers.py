"""Layers of the code: import contracts, packages, and the modules that may import Tortoise."""

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
VOCABULARY = {"tortoise.expressions", "tortoise.models", "tortoise.queryset"}  # types needed to pass on a filter


def test_imports_go_downwards():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]

    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # it would mute our loggers

    assert found.returncode == 0, found.stdout + found.stderr


def test_every_folder_of_code_is_a_layer():
    packages = {each.parent.name for each in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}

    assert packages == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_ours_and_says_what_it_is_for(layer):
    package = import_module(layer)

    assert Path(package.__file__ or "").parent == ROOT / layer
    assert package.__doc__


@pytest.mark.parametrize("layer", [each for each in LAYERS if each != "models"])
def test_questions_are_put_by_the_tables_alone(layer):
    imported = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _modules(node)
        if name.partition(".")[0] == "tortoise" and name not in VOCABULARY
    }

    assert not imported


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
