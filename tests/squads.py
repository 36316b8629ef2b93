"""A kind of scope that only tests have, to show that the product asks the key of a scope instead of guessing its kind.

The squad with the id 1 is the teams North and South. Its row is the pipeline with that id, since only stored rows have names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest

from models.crm.pipelines import Pipeline
from models.db.conditions import Condition
from models.organization import scopes
from models.organization.employee_conditions import match_members
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey

NAMES = {1: ("North", "South")}


@dataclass(frozen=True)
class SquadScope(ScopeKey):
    """Some teams with all teams below them."""

    kind: ClassVar[Any] = "SQUAD"
    row_class: ClassVar[Any] = Pipeline
    goal_total_condition = "FALSE"

    @classmethod
    def covering(cls, tree: TeamTree, employee_id: int | None, team_id: int | None) -> Iterable[Self]:
        return [squad for squad in cls.list_groups(tree) if team_id in squad.team_ids(tree)]

    @classmethod
    def list_groups(cls, tree: TeamTree) -> Iterable[Self]:
        return [cls(squad_id) for squad_id in NAMES]

    @property
    def topic(self) -> str:
        return f"squad:{self.id}"

    def team_ids(self, tree: TeamTree) -> frozenset[int]:
        return frozenset[int]().union(*map(tree.subtree_ids, self.top_team_ids(tree)))

    def top_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return [team_id for team_id, team in sorted(tree.teams.items()) if team.name in NAMES[self.id]]

    def member_filter(self, tree: TeamTree, field: str) -> Condition:
        return match_members(field, self.team_ids(tree))


def add_squads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the product know the kind."""
    monkeypatch.setattr(scopes, "SCOPE_KINDS", (*scopes.SCOPE_KINDS, SquadScope))
    monkeypatch.setitem(scopes._CLASS_BY_KIND, SquadScope.kind, SquadScope)
