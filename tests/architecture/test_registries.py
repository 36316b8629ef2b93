"""Registries that a new table or type has to stand in: a forgotten or wrong line fails here, by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from tortoise.models import Model

import models
from graph.base import lazy_types
from models.db.connection import MODEL_MODULES


def list_table_modules() -> Iterator[str]:
    """Yield the modules of `models` that define a table."""
    for info in walk_packages(models.__path__, "models."):
        if info.name.startswith("models.migrations"):
            continue
        classes = [member for member in vars(import_module(info.name)).values() if isinstance(member, type)]
        if any(issubclass(cls, Model) and cls.__module__ == info.name and not cls._meta.abstract for cls in classes):
            yield info.name


def read_row_classes() -> dict[str, Any]:
    """Return the class that stands for each reference when types are checked, by its name."""
    [condition] = [node for node in ast.parse(Path(lazy_types.__file__).read_text()).body if isinstance(node, ast.If)]
    modules: dict[str, Any] = {}
    row_classes = {}
    for node in condition.body:
        match node:
            case ast.ImportFrom(module=str(package), names=names):
                modules |= {name.name: import_module(f"{package}.{name.name}") for name in names}
            case ast.AnnAssign(
                target=ast.Name(id=name), value=ast.Attribute(value=ast.Name(id=module), attr=class_name)
            ):
                row_classes[name] = getattr(modules[module], class_name)
    return row_classes


def test_every_module_with_a_table_is_known_to_the_database() -> None:
    assert set(list_table_modules()) == set(MODEL_MODULES)


def test_every_reference_to_a_type_is_checked_as_the_class_of_its_rows() -> None:
    row_classes = read_row_classes()
    references = {name: member for name, member in vars(lazy_types).items() if name.endswith("Ref")}

    assert references.keys() == row_classes.keys()
    for name, reference in references.items():
        graph_type: Any = reference.resolve_type()
        is_type_of = getattr(graph_type, "is_type_of", None)
        row_class = row_classes[name]
        if is_type_of is not None:
            assert is_type_of(row_class.__new__(row_class), None), (
                f"{name}: {graph_type} is not the type of {row_class}"
            )
