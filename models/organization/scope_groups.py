"""Groups: the scopes of more than one employee that a company has at a time."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from models.organization.people import TeamTree
from models.organization.scopes import SCOPE_KINDS, ScopeKey


@lru_cache(maxsize=4)  # a tree stays the same for many requests
def list_groups(tree: TeamTree) -> tuple[ScopeKey, ...]:
    """Return the keys of all scopes of more than one employee: the company, then every team."""
    return tuple(key for scope_kind in SCOPE_KINDS for key in scope_kind.list_groups(tree))


@lru_cache(maxsize=4)
def all_groups(tree: TeamTree) -> frozenset[ScopeKey]:
    """Return the same as a set."""
    return frozenset(list_groups(tree))


def covering_groups(tree: TeamTree, team_id: int | None) -> frozenset[ScopeKey]:
    """Return the keys of all groups that a member of a team belongs to."""
    return frozenset(key for scope_kind in SCOPE_KINDS for key in scope_kind.covering(tree, None, team_id))


def groups_within(tree: TeamTree, team_ids: Collection[int]) -> frozenset[ScopeKey]:
    """Return the keys of the groups that are made of these teams, among which are all teams below each."""
    if not team_ids:
        return frozenset()
    return frozenset(key for key, top_ids in _list_top_teams(tree) if top_ids.issubset(team_ids))


@lru_cache(maxsize=4)
def _list_top_teams(tree: TeamTree) -> list[tuple[ScopeKey, frozenset[int]]]:
    """Return each group that is made of teams, with the teams at its top."""
    pairs = [(key, frozenset(key.top_team_ids(tree))) for key in list_groups(tree)]
    return [(key, top_ids) for key, top_ids in pairs if top_ids]
