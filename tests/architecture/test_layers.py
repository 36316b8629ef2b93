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
ALLOWED_TORTOISE_MODULES = {"tortoise.expressions", "tortoise.models", "tortoise.queryset"}  # to pass on a filter


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


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "models"])
def test_only_models_import_tortoise(layer):
    imported = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported_modules(node)
        if name.partition(".")[0] == "tortoise" and name not in ALLOWED_TORTOISE_MODULES
    }

    assert imported == set()


def _imported_modules(node: ast.AST) -> list[str]:
    """Return the names of the modules that an import statement imports, none for any other node."""
    if isinstance(node, ast.Import):
        return [imported.name for imported in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
