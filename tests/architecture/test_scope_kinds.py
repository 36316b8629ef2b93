"""A scope's kind is named in few files: all others ask its key, so that a new kind touches the least."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from models.organization.scopes import SCOPE_KINDS, OwnerKind
from tests.source_tree import read_product_files

MAX_FILES = 6  # that a new kind of scope may touch, and that may tell kinds apart
# The files that may name a kind, with the reason.
KIND_FILES = {
    "models/organization/scopes.py": "holds what differs between the kinds",
    "models/goals/goals.py": "goals of former employees wait, and leaderboards show the targets of employees",
    "models/alerts/alerts.py": "the column's default is the company",
    "models/organization/quotas.py": "an employee with a goal of their own is ranked",
    "resolvers/forecasting/backtests.py": "groups sellers by company, team and employee",
}
KIND_CLASSES = {scope_kind.__name__ for scope_kind in SCOPE_KINDS}
SQL_COMPARISON = re.compile(r"(owner|scope)_kind\b[^,;]{0,12}'[A-Z]+'")


def find_kind_names(tree: ast.AST) -> Iterator[str]:
    """Yield each place that tells kinds of scope apart.

    It names a kind by a member, its class or a comparison of the column, in SQL as well, or takes every scope without a
    team id for the company.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="OwnerKind"), attr=name):
                yield f"{node.lineno}: OwnerKind.{name}"
            case ast.Name(id=name) if name in KIND_CLASSES:
                yield f"{node.lineno}: {name}"
            case ast.Constant(value=str(text)) if SQL_COMPARISON.search(text):
                yield f"{node.lineno}: {SQL_COMPARISON.findall(text)}"
            case ast.Compare(left=left, comparators=operands) if any(map(_is_kind_column, [left, *operands])):
                yield f"{node.lineno}: {ast.unparse(node)}"
            case ast.Compare(left=left, comparators=operands) if _is_team_id_without_value([left, *operands]):
                yield f"{node.lineno}: {ast.unparse(node)}"
            case ast.Match(subject=subject) if _is_kind_column(subject):
                yield f"{node.lineno}: {ast.unparse(subject)}"


def _is_kind_column(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and (
        node.attr in ("owner_kind", "scope_kind") or ast.unparse(node).endswith("scope.kind")
    )


def _is_team_id_without_value(operands: list[ast.expr]) -> bool:
    """Return whether the team id of a scope is compared with None or 0; that of a device says where it stands."""
    owners = {
        ast.unparse(node.value) for node in operands if isinstance(node, ast.Attribute) and node.attr == "team_id"
    }
    has_nothing = any(isinstance(node, ast.Constant) and node.value in (None, 0) for node in operands)
    return has_nothing and any(not owner.endswith("device") for owner in owners)


def test_only_listed_files_name_a_kind_of_scope() -> None:
    named = {
        file.name: list(find_kind_names(file.tree)) for file in read_product_files() if file.folder != "benchmarks"
    }

    assert {name: places for name, places in named.items() if places and name not in KIND_FILES} == {}
    assert {name for name in KIND_FILES if not named[name]} == set()
    assert len(KIND_FILES) <= MAX_FILES


@pytest.mark.parametrize(
    "code",
    [
        "goal.owner_kind is OwnerKind.TEAM",
        "kind == OwnerKind.EMPLOYEE",
        "rule.scope_kind == 'TEAM'",
        "match goal.owner_kind:\n  case 'TEAM': pass",
        "isinstance(goal.scope, TeamScope)",
        "scope.kind == other",
        "company if scope.team_id is None else teams[scope.team_id]",
        "event.team_id == 0",
        "sql = \"SELECT 1 FROM goal WHERE owner_kind = 'TEAM'\"",
        "sql = \"CASE goal.owner_kind WHEN 'TEAM' THEN 1 END\"",
    ],
)
def test_each_way_to_tell_kinds_apart_is_found(code: str) -> None:
    assert list(find_kind_names(ast.parse(code)))


def test_every_stored_kind_has_a_class() -> None:
    assert {scope_kind.kind for scope_kind in SCOPE_KINDS} == set(OwnerKind)
