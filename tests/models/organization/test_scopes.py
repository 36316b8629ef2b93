"""Scopes: what a scope of each kind covers, on which topics it changes, and which teams stand in, above and below it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.organization.company import Company
from models.organization.people import Employee, Team, TeamTree
from models.organization.scope_groups import list_groups
from models.organization.scopes import (
    COMPANY,
    EmployeeScope,
    ScopeKey,
    TeamScope,
    by_kind,
    covering_scopes,
    key_of_row,
    scope_key,
    team_or_company,
)

NOW = datetime(2026, 11, 18, tzinfo=UTC)
TOP, BELOW, APART = 1, 2, 3
ANN = EmployeeScope(1)


@pytest.fixture
def tree() -> TeamTree:
    """Return a team with one below it, and another."""
    parents = {TOP: None, BELOW: TOP, APART: None}
    return TeamTree(
        Team(id=id_, name=f"Team {id_}", parent_id=parent, created_at=NOW) for id_, parent in parents.items()
    )


def test_credit_belongs_to_its_employee_the_teams_upwards_and_the_company(tree: TeamTree) -> None:
    assert covering_scopes(tree, ANN.id, BELOW) == {ANN, TeamScope(BELOW), TeamScope(TOP), COMPANY}
    assert covering_scopes(tree, ANN.id, None) == {ANN, COMPANY}


def test_scope_covers_credit_within_it_only(tree: TeamTree) -> None:
    assert TeamScope(TOP).covers(tree, ANN.id, BELOW)
    assert not TeamScope(BELOW).covers(tree, ANN.id, TOP)
    assert not EmployeeScope(2).covers(tree, ANN.id, TOP)
    assert not ANN.covers(tree, None, TOP)
    assert COMPANY.covers(tree, None, None)


@pytest.mark.parametrize(
    ("scope", "topic", "team_ids", "parent_team_id", "child_team_ids", "activity_team_id"),
    [
        (ANN, "employee:1", None, None, None, None),
        (TeamScope(TOP), "team:1", {TOP, BELOW}, 0, [BELOW], TOP),
        (TeamScope(BELOW), "team:2", {BELOW}, TOP, [], BELOW),
        (COMPANY, "team:0", None, None, [TOP, APART], 0),
    ],
)
def test_scope_tells_its_topic_and_its_teams(
    tree: TeamTree,
    scope: ScopeKey,
    topic: str,
    team_ids: set[int] | None,
    parent_team_id: int | None,
    child_team_ids: list[int] | None,
    activity_team_id: int | None,
) -> None:
    assert scope.topic == topic
    assert scope.team_ids(tree) == team_ids
    assert scope.parent_team_id(tree) == parent_team_id
    assert scope.child_team_ids(tree) == child_team_ids
    assert scope.activity_team_id == activity_team_id


def test_keys_of_different_kinds_differ_although_their_ids_are_equal() -> None:
    assert len({EmployeeScope(1), TeamScope(1), scope_key("TEAM", 1)}) == 2
    assert [(kind, len(keys)) for kind, keys in by_kind([ANN, TeamScope(2), TeamScope(1), ANN])] == [
        (TeamScope, 2),
        (EmployeeScope, 1),
    ]


def test_row_and_stored_kind_give_the_same_key() -> None:
    assert key_of_row(Employee(id=1, name="Ann", created_at=NOW)) == scope_key("EMPLOYEE", 1)
    assert key_of_row(Team(id=TOP, name="Team", created_at=NOW)) == scope_key("TEAM", TOP)
    assert key_of_row(Company(id=1, name="Office", created_at=NOW)) == scope_key("COMPANY", 0)


def test_groups_are_the_company_and_all_teams(tree: TeamTree) -> None:
    assert list_groups(tree) == (COMPANY, TeamScope(TOP), TeamScope(BELOW), TeamScope(APART))
    assert (team_or_company(TOP), team_or_company(None), team_or_company(0)) == (TeamScope(TOP), COMPANY, COMPANY)
