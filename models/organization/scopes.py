"""Scopes: an employee, a team with all teams below it, or the whole company; what differs between them stands here.

A `ScopeKey` names a scope by its kind and id, as goals, alert rules and forecast snapshots store it. Other modules ask the
key instead of naming a kind: which teams it has, which credit it covers, on which topic it changes, how it is selected in SQL.

A new kind takes a member of `OwnerKind` and a class here, its table with a migration, and an API to write it:
`docs/guides/add-a-goal-scope.md`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final, Self

from models.db.conditions import Condition, equals, is_one_of
from models.organization.company import Company
from models.organization.employee_conditions import match_any, match_employee, match_members
from models.organization.people import Employee, Team, TeamSpan, TeamTree

COMPANY_TEAM_ID: Final = -1  # the team id under which totals of the whole company are kept


ScopeRow = Company | Team | Employee


class OwnerKind(StrEnum):
    EMPLOYEE = "EMPLOYEE"
    TEAM = "TEAM"
    COMPANY = "COMPANY"


@dataclass(frozen=True)
class ScopeKey(ABC):
    """The kind and id of a scope, with the behaviour of the kind.

    row_class             of the rows that the ids belong to
    total_table           table of the daily totals that are added up for a goal of the scope
    total_owner           SQL expression for the id, or `total_team_id`, of the scope that a row of that table belongs to
    goal_total_condition  SQL condition that a row `total` of that table counts for a row `goal`
    is_company            whether it is the whole company
    can_own_devices       whether a device may stand for it
    employee_id           the employee, of an employee's scope only
    team_id               the team, of a team's scope only
    """

    id: int
    kind: ClassVar[OwnerKind]
    row_class: ClassVar[type[ScopeRow]]
    total_table: ClassVar[str] = "daily_total"
    total_owner: ClassVar[str] = "team_id"
    goal_total_condition: ClassVar[str]
    is_company: ClassVar[bool] = False
    can_own_devices: ClassVar[bool] = False

    @classmethod
    def of_row(cls, row: ScopeRow) -> Self:
        return cls(row.id)

    @classmethod
    @abstractmethod
    def covering(cls, tree: TeamTree, employee_id: int | None, team_id: int | None) -> Iterable[Self]:
        """Return the scopes of this kind that what is credited to an employee in a team belongs to.

        tree  of the day of the credit
        """

    @classmethod
    @abstractmethod
    def list_groups(cls, tree: TeamTree) -> Iterable[Self]:
        """Return all scopes of this kind, in the order of lists; none of employees, which are no groups."""

    @classmethod
    def covering_ids_sql(cls, employee_ids: str, team_ids: str) -> str | None:
        """Return the SELECT of the ids of the scopes of this kind that credit belongs to; None: of all there are.

        employee_ids, team_ids  SELECTs of the ids of the employees of the credit, and of its teams with those above
        """
        return None

    @classmethod
    def owned_by(cls, ids: Iterable[int]) -> Condition:
        """Return the filter for rows, such as goals, with an owner of this kind and one of these ids."""
        return equals("owner_kind", cls.kind) & is_one_of("owner_id", ids)

    @property
    def row_id(self) -> int:
        """The id of the scope's row."""
        return self.id

    @property
    def employee_id(self) -> int | None:
        return None

    @property
    def team_id(self) -> int | None:
        return None

    @property
    @abstractmethod
    def topic(self) -> str:
        """The part of a change log topic that names the scope."""

    @property
    def activity_team_id(self) -> int | None:
        """The team id of activities about a goal of the scope, 0 for the company; None: they are found by the goal."""
        return None

    @property
    def total_team_id(self) -> int | None:
        """The team id under which the ledger keeps the scope's total, the teams below it included; None if it does not."""
        return None

    @property
    def is_owner(self) -> Condition:
        """The filter for rows that the scope owns, such as its goals."""
        return equals("owner_kind", self.kind) & equals("owner_id", self.id)

    def team_ids(self, tree: TeamTree) -> frozenset[int] | None:
        """Return the ids of the teams in the scope; None for the company and employees."""
        return None

    def team_spans(self, tree: TeamTree, first_day: date, last_day: date) -> tuple[TeamSpan, ...] | None:
        """Return the teams in the scope on each of the days; None for the company and employees."""
        return None

    def parent_team_id(self, tree: TeamTree) -> int | None:
        """Return the team directly above a group of employees, 0 for none; None if none can be above."""
        return None

    def child_team_ids(self, tree: TeamTree) -> Sequence[int] | None:
        """Return the teams directly below, whose goals with those of direct members add up to its own; None of employees."""
        return None

    def top_team_ids(self, tree: TeamTree) -> Sequence[int]:
        """Return the teams that, with all teams below them, make up a group; none for the company and employees."""
        return ()

    def is_within(self, scope: ScopeKey, tree: TeamTree) -> bool:
        """Return whether the group is the scope or made up of teams that are in it; all groups are within the company."""
        team_ids, scope_team_ids = self.team_ids(tree), scope.team_ids(tree)
        if self == scope or scope.is_company:
            return True
        return bool(team_ids) and scope_team_ids is not None and scope_team_ids.issuperset(team_ids or ())

    def covers(self, tree: TeamTree, employee_id: int | None, team_id: int | None) -> bool:
        """Return whether what is credited to an employee in a team belongs to the scope."""
        return self in self.covering(tree, employee_id, team_id)

    @abstractmethod
    def member_filter(self, tree: TeamTree, field: str) -> Condition:
        """Return the filter for rows with an employee of the scope in a field, such as "owner"."""


@dataclass(frozen=True)
class EmployeeScope(ScopeKey):
    """One employee."""

    kind = OwnerKind.EMPLOYEE
    row_class = Employee
    total_owner = "employee_id"
    goal_total_condition = "total.employee_id = goal.owner_id"

    @classmethod
    def covering(cls, tree: TeamTree, employee_id: int | None, team_id: int | None) -> Iterable[Self]:
        return [] if employee_id is None else [cls(employee_id)]

    @classmethod
    def covering_ids_sql(cls, employee_ids: str, team_ids: str) -> str:
        return employee_ids

    @classmethod
    def list_groups(cls, tree: TeamTree) -> Iterable[Self]:
        return []

    @property
    def employee_id(self) -> int:
        return self.id

    @property
    def topic(self) -> str:
        return f"employee:{self.id}"

    def member_filter(self, tree: TeamTree, field: str) -> Condition:
        return match_employee(field, self.id)


@dataclass(frozen=True)
class TeamGroupScope(ScopeKey):
    """A group that is made of teams, each with all teams below it."""

    total_table = "team_total"

    @abstractmethod
    def top_team_ids(self, tree: TeamTree) -> Sequence[int]:
        """Return the teams that, with all teams below them, make up the group."""

    def team_ids(self, tree: TeamTree) -> frozenset[int]:
        return frozenset[int]().union(*map(tree.subtree_ids, self.top_team_ids(tree)))

    def team_spans(self, tree: TeamTree, first_day: date, last_day: date) -> tuple[TeamSpan, ...]:
        return tree.subtree_spans(self.top_team_ids(tree), first_day, last_day)

    def child_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return self.top_team_ids(tree)

    def member_filter(self, tree: TeamTree, field: str) -> Condition:
        return match_members(field, self.team_ids(tree))


@dataclass(frozen=True)
class TeamScope(TeamGroupScope):
    """A team with all teams below it."""

    kind = OwnerKind.TEAM
    row_class = Team
    goal_total_condition = "total.team_id = goal.owner_id"
    can_own_devices = True

    @classmethod
    def covering(cls, tree: TeamTree, employee_id: int | None, team_id: int | None) -> Iterable[Self]:
        return [cls(ancestor_id) for ancestor_id in tree.path_to_root(team_id)]

    @classmethod
    def covering_ids_sql(cls, employee_ids: str, team_ids: str) -> str:
        return team_ids

    @classmethod
    def list_groups(cls, tree: TeamTree) -> Iterable[Self]:
        return [cls(team_id) for team_id in tree.list_depth_first()]

    @property
    def team_id(self) -> int:
        return self.id

    @property
    def topic(self) -> str:
        return f"team:{self.id}"

    @property
    def activity_team_id(self) -> int:
        return self.id

    @property
    def total_team_id(self) -> int:
        return self.id

    def parent_team_id(self, tree: TeamTree) -> int:
        return tree.parent_id(self.id) or 0

    def child_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return tree.child_ids(self.id)

    def top_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return (self.id,)


@dataclass(frozen=True)
class CompanyScope(ScopeKey):
    """The whole company, with id 0."""

    id: int = 0
    kind = OwnerKind.COMPANY
    row_class = Company
    total_table = "team_total"
    goal_total_condition = f"total.team_id = {COMPANY_TEAM_ID}"
    is_company = True
    can_own_devices = True

    @classmethod
    def of_row(cls, row: ScopeRow) -> Self:
        return cls()

    @classmethod
    def covering(cls, tree: TeamTree, employee_id: int | None, team_id: int | None) -> Iterable[Self]:
        return [cls()]

    @classmethod
    def list_groups(cls, tree: TeamTree) -> Iterable[Self]:
        return [cls()]

    @property
    def row_id(self) -> int:
        return 1

    @property
    def topic(self) -> str:
        return "team:0"

    @property
    def activity_team_id(self) -> int:
        return 0

    @property
    def total_team_id(self) -> int:
        return COMPANY_TEAM_ID

    def child_team_ids(self, tree: TeamTree) -> Sequence[int]:
        return tree.child_ids(None)

    def member_filter(self, tree: TeamTree, field: str) -> Condition:
        return match_any()


SCOPE_KINDS: Final[tuple[type[ScopeKey], ...]] = (CompanyScope, TeamScope, EmployeeScope)
COMPANY: Final = CompanyScope()
_CLASS_BY_KIND: Final[dict[str, type[ScopeKey]]] = {scope_kind.kind: scope_kind for scope_kind in SCOPE_KINDS}


def scope_key(kind: str, scope_id: int) -> ScopeKey:
    """Return the key of a stored kind and id."""
    return _CLASS_BY_KIND[kind](scope_id)


def key_of_row(row: ScopeRow) -> ScopeKey:
    """Return the key of the scope that the row belongs to."""
    return next(scope_kind for scope_kind in SCOPE_KINDS if isinstance(row, scope_kind.row_class)).of_row(row)


def team_or_company(team_id: int | None) -> ScopeKey:
    """Return the key of the team; without a team of the company."""
    return TeamScope(team_id) if team_id else COMPANY


def covering_scopes(tree: TeamTree, employee_id: int, team_id: int | None) -> frozenset[ScopeKey]:
    """Return the keys of all scopes that what is credited to an employee in a team belongs to.

    tree  of the day of the credit
    """
    return frozenset(key for scope_kind in SCOPE_KINDS for key in scope_kind.covering(tree, employee_id, team_id))


def by_kind(keys: Iterable[ScopeKey]) -> Iterator[tuple[type[ScopeKey], list[ScopeKey]]]:
    """Yield each kind among the keys with its keys, by id."""
    distinct_keys = sorted(set(keys), key=lambda key: key.id)
    for scope_kind in SCOPE_KINDS:
        if keys_of_kind := [key for key in distinct_keys if isinstance(key, scope_kind)]:
            yield scope_kind, keys_of_kind


def owned_within(team_ids: Collection[int]) -> Condition:
    """Return the filter for rows, such as goals, that one of the teams or any employee owns."""
    return TeamScope.owned_by(team_ids) | equals("owner_kind", EmployeeScope.kind)
