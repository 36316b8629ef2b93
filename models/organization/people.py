"""Employees, teams, and the places that teams had earlier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from tortoise import fields
from tortoise.models import Model

from domain.permissions import Role
from domain.primitives.text import search_key
from models.db import connection, row_store
from models.db.columns import (
    bool_column,
    enum_column,
    external_id_column,
    foreign_key,
    search_key_column,
    short_text_column,
    text_column,
)
from models.db.conditions import contains, equals, is_one_of
from models.db.consistent_read import fetch_all_at_once
from models.db.row_query import RowQuery
from models.organization.company import REFERENCE_POSITION_SQL

_DAY: Final = timedelta(days=1)


class Team(Model):
    """A group of employees with a manager; teams nest to any depth."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    name: str = short_text_column()
    parent = foreign_key("Team", null=True)
    parent_id: int | None
    manager_id: int | None = fields.IntField(null=True)  # no foreign key: the tables would refer to each other
    created_at = fields.DatetimeField()

    class Meta:
        table = "team"


class Employee(Model):
    """A person of the company: owns records, is ranked, and signs in."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    name: str = short_text_column()
    search_key: str = search_key_column()
    email: str | None = text_column(254, null=True, unique=True)
    password_hash: str | None = text_column(200, null=True)
    role: Role = enum_column(Role, default=Role.EMPLOYEE)
    team = foreign_key("Team", null=True)
    team_id: int | None
    manager = foreign_key("Employee", null=True)
    manager_id: int | None
    avatar_url: str | None = text_column(2000, null=True)
    active: bool = bool_column(default=True)
    language: str | None = text_column(8, null=True)
    quiet_from: int | None = fields.IntField(null=True)
    quiet_to: int | None = fields.IntField(null=True)
    digest_at: int | None = fields.IntField(null=True)
    created_at = fields.DatetimeField()
    joined_on: date | None = fields.DateField(null=True)  # None: before anything that is recorded

    class Meta:
        table = "employee"
        indexes = (("team_id",), ("manager_id",))

    def set_name(self, value: str) -> None:
        self.name, self.search_key = value, search_key(value)


class EarlierParent(Model):
    """The team that a team stood below before the day `until`, and since the `until` of the row before.

    What is over stays: the credit of a day belongs to the teams above as they stood at the end of that day.

    moved_at  the instant of the first move on that day; None where a server of an older version has stored it
    """

    id = fields.IntField(primary_key=True)
    team_id: int = fields.IntField()
    parent_id: int = fields.IntField(default=0)  # 0: none
    until: date = fields.DateField()
    moved_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "earlier_parent"
        unique_together = (("team_id", "until"),)


class TeamSpan(NamedTuple):
    """Days, both included, during which a team and all teams below it were the same ones."""

    first_day: date
    last_day: date
    team_ids: frozenset[int]


class TeamTree:
    """The hierarchy of teams, read once; teams of one parent or manager are in name order.

    earlier_parents  the former places of teams that have moved; `on` returns the tree of an earlier day
    """

    def __init__(self, teams: Iterable[Team], earlier_parents: Iterable[EarlierParent] = ()) -> None:
        self.teams = {team.id: team for team in teams}
        self._parent_ids = {team.id: team.parent_id for team in self.teams.values()}
        self._earlier_parents = sorted(earlier_parents, key=lambda row: row.until)
        self._change_days = sorted({row.until for row in self._earlier_parents})
        self._earlier_trees: dict[date, TeamTree] = {}
        self._team_ids = sorted(self.teams, key=lambda team_id: (search_key(self.teams[team_id].name), team_id))
        self._team_ids_by_manager: dict[int | None, list[int]] = {}
        for team_id in self._team_ids:
            self._team_ids_by_manager.setdefault(self.teams[team_id].manager_id, []).append(team_id)
        self._link_children()

    def _link_children(self) -> None:
        self._child_ids_by_parent: dict[int | None, list[int]] = {}
        for team_id in self._team_ids:
            self._child_ids_by_parent.setdefault(self._parent_ids[team_id], []).append(team_id)

    def with_teams(self, teams: Iterable[Team]) -> TeamTree:
        """Return a tree of these teams with the same earlier places."""
        return TeamTree(teams, self._earlier_parents)

    def on(self, day: date) -> TeamTree:
        """Return the tree as it stood at the end of a day; teams that are newer stand where they were created."""
        next_change = next((change_day for change_day in self._change_days if change_day > day), None)
        if next_change is None:
            return self
        tree = self._earlier_trees.get(next_change)
        if tree is None:
            tree = self._take_back([row for row in self._earlier_parents if row.until > day])
            self._earlier_trees[next_change] = tree
        return tree

    def as_of(self, moment: datetime, day: date) -> TeamTree:
        """Return a tree that shows a day, and the days before, as they were seen at a moment of that day.

        Between two moves of a team on that day it stands where the day ends.
        """
        later_moves = [
            row for row in self._earlier_parents if row.until == day and row.moved_at and row.moved_at > moment
        ]
        return self.on(day)._take_back(later_moves) if later_moves else self

    def _take_back(self, moves: Sequence[EarlierParent]) -> TeamTree:
        """Return the tree without some moves, which are ordered by day and are the last ones of their teams."""
        tree, parent_ids, taken_back = copy(self), dict(self._parent_ids), {id(row) for row in moves}
        for row in reversed(moves):  # of the moves of one team, the first decides
            if row.team_id in parent_ids:
                parent_ids[row.team_id] = row.parent_id or None
        tree._parent_ids = parent_ids
        tree._earlier_parents = [row for row in self._earlier_parents if id(row) not in taken_back]
        tree._change_days = sorted({row.until for row in tree._earlier_parents})
        tree._earlier_trees = {}
        tree._link_children()
        return tree

    def constant_ranges(self, first_day: date, last_day: date) -> list[tuple[date, date]]:
        """Return the days from first to last, both included, as ranges on which the tree was the same."""
        starts = [first_day, *(day for day in self._change_days if first_day < day <= last_day)]
        return [(start, end - _DAY) for start, end in zip(starts, [*starts[1:], last_day + _DAY], strict=True)]

    def parent_id(self, team_id: int) -> int | None:
        """Return the id of the team directly above; None at the top."""
        return self._parent_ids[team_id]

    def child_ids(self, team_id: int | None) -> list[int]:
        """Return the ids of the direct subteams, in name order; None returns the top-level teams."""
        return self._child_ids_by_parent.get(team_id, [])

    def list_depth_first(self, parent_id: int | None = None) -> list[int]:
        """Return the ids of the teams below one, or of all: each after its parent, siblings in name order."""
        return [id_ for child_id in self.child_ids(parent_id) for id_ in (child_id, *self.list_depth_first(child_id))]

    def subtree_ids(self, team_id: int) -> frozenset[int]:
        """Return the ids of the team and all teams below it."""
        team_ids, pending_ids = {team_id}, [team_id]
        while pending_ids:
            for child_id in self.child_ids(pending_ids.pop()):
                if child_id not in team_ids:
                    team_ids.add(child_id)
                    pending_ids.append(child_id)
        return frozenset(team_ids)

    def subtree_spans(self, top_ids: Collection[int], first_day: date, last_day: date) -> tuple[TeamSpan, ...]:
        """Return some teams and all teams below them on each day from first to last, both included, as spans of days."""
        spans: list[TeamSpan] = []
        for start, end in self.constant_ranges(first_day, last_day):
            span = TeamSpan(start, end, frozenset[int]().union(*map(self.on(end).subtree_ids, top_ids)))
            if spans and spans[-1].team_ids == span.team_ids:
                span = TeamSpan(spans.pop().first_day, span.last_day, span.team_ids)
            spans.append(span)
        return tuple(spans)

    def path_to_root(self, team_id: int | None) -> tuple[int, ...]:
        """Return the ids of the team and all teams above it, bottom up."""
        path: list[int] = []
        while team_id is not None and team_id in self.teams and team_id not in path:
            path.append(team_id)
            team_id = self._parent_ids[team_id]
        return tuple(path)

    def team_ids_managed_by(self, employee_id: int) -> list[int]:
        """Return the ids of the teams that the employee manages directly, in name order."""
        return self._team_ids_by_manager.get(employee_id, [])

    def find_manager_id(self, employee_id: int, team_id: int | None) -> int | None:
        """Return the id of an employee's manager by the teams.

        This is the manager of the team or of the nearest team above that has another manager than the employee.
        """
        for ancestor_id in self.path_to_root(team_id):
            manager_id = self.teams[ancestor_id].manager_id
            if manager_id is not None and manager_id != employee_id:
                return manager_id
        return None


async def load_team_tree() -> TeamTree:
    return TeamTree(*await fetch_all_at_once([RowQuery(Team), RowQuery(EarlierParent)]))


async def record_parent(team_id: int, parent_id: int | None, until: date, moved_at: datetime) -> None:
    """Store the team that a team stood below before a day, unless another place before that day is stored.

    moved_at  the instant of the move on that day
    """
    if not await EarlierParent.exists(team_id=team_id, until=until):
        await EarlierParent.create(team_id=team_id, parent_id=parent_id or 0, until=until, moved_at=moved_at)


async def load_by_ids(ids: Sequence[int]) -> list[Employee | None]:
    """Return one employee per id, in the order of `ids`; None for an unknown id."""
    employees = await connection.fetch_by_ids(Employee, ids)
    return [employees.get(employee_id) for employee_id in ids]


async def load_possible_recipients(ids: Sequence[int]) -> list[Employee]:
    """Return the active employees of `ids` and all active directors and administrators, by id."""
    may_receive = is_one_of("id", ids) | is_one_of("role", [Role.DIRECTOR, Role.ADMIN])
    return await RowQuery(Employee).where(equals("active", True), may_receive).order_by("id").fetch()


async def load_members(team_ids: Sequence[int]) -> list[list[Employee]]:
    """Return the active direct members of each team, in name order."""
    employees = await Employee.filter(team_id__in=set(team_ids), active=True).order_by("search_key", "id")
    return [[employee for employee in employees if employee.team_id == team_id] for team_id in team_ids]


async def load_active(team_ids: Collection[int] | None) -> list[Employee]:
    """Return the active employees of these teams (None: all), in name order."""
    return await select_employees(active=True, team_ids=team_ids).order_by("search_key", "id").fetch()


def select_employees(
    search: str | None = None,
    team_id: int | None = None,
    active: bool | None = None,
    team_ids: Collection[int] | None = None,
) -> RowQuery[Employee]:
    """Return the query for employees with `search` in their name, directly in the team; None does not restrict.

    team_ids  further restricts them to the members of these teams
    """
    query = RowQuery(Employee)
    if search:
        query = query.where(contains("needle", search_key(search)))
    if team_id is not None:
        query = query.where(equals("team_id", team_id))
    if active is not None:
        query = query.where(equals("active", active))
    return query if team_ids is None else query.where(is_one_of("team_id", team_ids))


async def fetch_all() -> list[Employee]:
    return await Employee.all()


async def fetch_all_teams() -> list[Team]:
    return await Team.all()


async def load_names() -> tuple[dict[int, str], dict[int, str]]:
    """Return the names of all employees and of all teams, by id."""
    return dict(await Employee.all().values_list("id", "name")), dict(await Team.all().values_list("id", "name"))


async def load_positions(ids: Collection[int] | None = None) -> list[Employee]:
    """Return employees (None: all) with nothing but id, team and manager."""
    query = Employee.all() if ids is None else Employee.filter(id__in=list(ids) or [0])
    return await query.only("id", "team_id", "manager_id")


async def find_by_email(email: str) -> Employee | None:
    return await Employee.get_or_none(email=email)


async def find_active_by_email(email: str) -> Employee | None:
    return await Employee.get_or_none(email=email, active=True)


async def has_email(email: str | None) -> bool:
    """Return whether an employee has this e-mail address."""
    return await Employee.exists(email=email)


async def list_admins() -> list[Employee]:
    """Return the active administrators, the first one first."""
    return await Employee.filter(role=Role.ADMIN, active=True).order_by("id")


async def has_other_admin(employee_id: int) -> bool:
    """Return whether there is another active administrator than this employee."""
    return await Employee.filter(role=Role.ADMIN, active=True).exclude(id=employee_id).exists()


async def has_direct_reports(employee_id: int) -> bool:
    """Return whether the employee is set as the manager of another one."""
    return await Employee.exists(manager_id=employee_id)


async def list_managers(employee_ids: Collection[int]) -> set[int]:
    """Return the ids of those employees that are set as the manager of another one."""
    rows = await Employee.filter(manager_id__in=employee_ids).values_list("manager_id")
    return {manager_id for (manager_id,) in rows}


class TeamMembershipHistory:
    """The teams of employees over time; before their first membership they count as members of that first team."""

    def __init__(self) -> None:
        self._memberships: dict[int, list[tuple[datetime, int]]] = {}

    def add(self, employee_id: int, since: datetime, team_id: int) -> None:
        """Add a membership. Those of one employee must be added in order of `since`."""
        self._memberships.setdefault(employee_id, []).append((since, team_id))

    def team_id_at(self, employee: Employee, moment: datetime) -> int:
        """Return the id of the employee's team at that moment; 0 for none."""
        memberships = self._memberships.get(employee.id)
        if not memberships:
            return employee.team_id or 0
        if len(memberships) == 1:
            return memberships[0][1]
        return next((team_id for since, team_id in reversed(memberships) if since <= moment), memberships[0][1])

    def has_left_by(self, employee: Employee, moment: datetime) -> bool:
        """Return whether a now inactive employee had left at that moment."""
        memberships = self._memberships.get(employee.id)
        return not employee.active and (not memberships or memberships[-1][0] <= moment)


_EMPLOYEES_WITH_TEAMS_SQL = """
SELECT employee.*, stay.since AS stayed_since, stay.team_id AS stayed_in, {position} AS position FROM employee
LEFT JOIN membership stay ON stay.employee_id = employee.id WHERE {which} ORDER BY stay.since, stay.id
"""


@dataclass(frozen=True)
class EmployeesWithTeams:
    """Employees with their team history, and the position of the reference data when they were read."""

    employees: dict[int, Employee]
    team_history: TeamMembershipHistory
    position: int | None


async def load_with_teams(
    employee_ids: Collection[int],
    external_ids: Collection[str] = (),
    existing_history: TeamMembershipHistory | None = None,
) -> EmployeesWithTeams:
    """Return employees by ids or external ids, with their team history, in one statement.

    The history is added to `existing_history` if given. `position` is None when no employee matches.
    """
    condition = f"employee.id IN ({connection.placeholders([*employee_ids])})"
    if external_ids:
        condition += f" OR employee.external_id IN ({connection.placeholders([*external_ids])})"
    sql = _EMPLOYEES_WITH_TEAMS_SQL.format(which=condition, position=REFERENCE_POSITION_SQL)
    result_rows = await connection.fetch_rows(sql, [*sorted(employee_ids), *sorted(external_ids)])
    employees: dict[int, Employee] = {}
    team_history = TeamMembershipHistory() if existing_history is None else existing_history
    for row in result_rows:
        if row["id"] not in employees:
            employees[row["id"]] = row_store.from_columns(Employee, row)
        if row["stayed_since"] is not None:
            team_history.add(row["id"], connection.to_datetime(row["stayed_since"]), row["stayed_in"])
    return EmployeesWithTeams(employees, team_history, result_rows[0]["position"] if result_rows else None)
