"""A kind of scope that only tests have, to show that the product asks the key of a scope instead of guessing its kind.

The squad with the id 1 is the teams North and South. Its row is the pipeline with that id, since only stored rows have names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest

from models.crm.pipelines import Pipeline
from models.organization import scope_groups, scope_queries, scopes
from models.organization.people import TeamTree
from models.organization.scopes import TeamGroupScope

NAMES = {1: ("North", "South")}


@dataclass(frozen=True)
class SquadScope(TeamGroupScope):
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

    def top_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return [team_id for team_id, team in sorted(tree.teams.items()) if team.name in NAMES[self.id]]


def add_squads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the product know the kind."""
    kinds = (*scopes.SCOPE_KINDS, SquadScope)
    for module in (scopes, scope_groups, scope_queries):
        monkeypatch.setattr(module, "SCOPE_KINDS", kinds)
    for cached in (scope_groups.list_groups, scope_groups.all_groups, scope_groups._list_top_teams):
        cached.cache_clear()
    monkeypatch.setitem(scopes._CLASS_BY_KIND, SquadScope.kind, SquadScope)
