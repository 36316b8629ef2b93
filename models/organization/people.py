"""Employees, teams, and the history of team membership."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.permissions import Role
from domain.primitives.text import search_key
from models.db import connection
from models.db.columns import choice, external, link, short_text
from models.organization.company import POSITION


class Team(Model):
    """A group of employees with a manager; teams nest to any depth."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external()
    name: str = short_text()
    parent = link("Team", null=True)
    parent_id: int | None
    manager_id: int | None = fields.IntField(null=True)  # no foreign key: the tables would refer to each other
    created_at = fields.DatetimeField()

    class Meta:
        table = "team"


class Employee(Model):
    """A person of the company: owns records, is ranked, and signs in."""

    id = fields.IntField(primary_key=True)
    external_id: str | None = external()
    name: str = short_text()
    needle: str = fields.CharField(max_length=1000, default="")  # type: ignore[assignment]
    email: str | None = fields.CharField(max_length=254, null=True, unique=True)  # type: ignore[assignment]
    password_hash: str | None = fields.CharField(max_length=200, null=True)  # type: ignore[assignment]
    role: Role = choice(Role, default=Role.EMPLOYEE)
    team = link("Team", null=True)
    team_id: int | None
    manager = link("Employee", null=True)
    manager_id: int | None
    avatar_url: str | None = fields.CharField(max_length=2000, null=True)  # type: ignore[assignment]
    active: bool = fields.BooleanField(default=True)  # type: ignore[assignment]
    language: str | None = fields.CharField(max_length=8, null=True)  # type: ignore[assignment]
    quiet_from: int | None = fields.IntField(null=True)
    quiet_to: int | None = fields.IntField(null=True)
    digest_at: int | None = fields.IntField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "employee"
        indexes = (("team_id",), ("manager_id",))

    def renamed(self, value: str) -> None:
        self.name, self.needle = value, search_key(value)


class Membership(Model):
    """The team of an employee, and whether they were active, from `since` until `until` (None: still current)."""

    id = fields.IntField(primary_key=True)
    employee = link("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)  # 0: no team
    active: bool = fields.BooleanField(default=True)  # type: ignore[assignment]
    since = fields.DatetimeField()
    until: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "membership"
        indexes = (("employee_id", "since"),)


class Tree:
    """The hierarchy of teams, read once; teams of one parent or manager are in name order."""

    def __init__(self, teams: Iterable[Team]) -> None:
        self.teams = {team.id: team for team in teams}
        self._children: dict[int | None, list[int]] = {}
        self._managed: dict[int | None, list[int]] = {}
        for team in sorted(self.teams.values(), key=lambda team: (search_key(team.name), team.id)):
            self._children.setdefault(team.parent_id, []).append(team.id)
            self._managed.setdefault(team.manager_id, []).append(team.id)

    def children(self, team: int | None) -> list[int]:
        """Return the ids of the direct subteams, in name order; None returns the top-level teams."""
        return self._children.get(team, [])

    def below(self, team: int) -> frozenset[int]:
        """Return the ids of the team and all teams below it."""
        found, open_ = {team}, [team]
        while open_:
            for child in self.children(open_.pop()):
                if child not in found:
                    found.add(child)
                    open_.append(child)
        return frozenset(found)

    def above(self, team: int | None) -> tuple[int, ...]:
        """Return the ids of the team and all teams above it, bottom up."""
        path: list[int] = []
        while team is not None and team in self.teams and team not in path:
            path.append(team)
            team = self.teams[team].parent_id
        return tuple(path)

    def managed_by(self, employee: int) -> list[int]:
        """Return the ids of the teams that the employee manages directly, in name order."""
        return self._managed.get(employee, [])

    def manager_of(self, employee: int, team: int | None) -> int | None:
        """Return the id of an employee's manager by the teams.

        This is the manager of the team or of the nearest team above that has another manager than the employee.
        """
        for id_ in self.above(team):
            manager = self.teams[id_].manager_id
            if manager is not None and manager != employee:
                return manager
        return None


async def tree() -> Tree:
    return Tree(await Team.all())


async def by_ids(ids: Sequence[int]) -> list[Employee | None]:
    """Return one employee per id, in the order of `ids`; None for an unknown id."""
    found = await connection.by_ids(Employee, ids)
    return [found.get(id_) for id_ in ids]


async def who_may_hear(ids: Sequence[int]) -> list[Employee]:
    """Return the active employees of `ids` and all active directors and administrators, by id."""
    known = Q(id__in=list(ids) or [0]) | Q(role__in=[Role.DIRECTOR, Role.ADMIN])
    return await Employee.filter(known, active=True).order_by("id")


async def members(teams: Sequence[int]) -> list[list[Employee]]:
    """Return the active direct members of each team, in name order."""
    rows = await Employee.filter(team_id__in=set(teams), active=True).order_by("needle", "id")
    return [[row for row in rows if row.team_id == team] for team in teams]


async def active(teams: Collection[int] | None) -> list[Employee]:
    """Return the active employees of these teams (None: all), in name order."""
    query = Employee.filter(active=True)
    return await (query if teams is None else query.filter(team_id__in=list(teams) or [0])).order_by("needle", "id")


def matching(search: str | None, team: int | None, active: bool | None) -> QuerySet[Employee]:
    """Return a query for employees whose name contains `search`, directly in the team; None does not restrict."""
    query = Employee.all()
    if search:
        query = query.filter(needle__contains=search_key(search))
    if team is not None:
        query = query.filter(team_id=team)
    return query if active is None else query.filter(active=active)


class Places:
    """The teams of employees over time; before their first membership they count as members of that first team."""

    def __init__(self) -> None:
        self._stays: dict[int, list[tuple[datetime, int]]] = {}

    def add(self, employee: int, since: datetime, team: int) -> None:
        """Add a membership. Those of one employee must be added in order of `since`."""
        self._stays.setdefault(employee, []).append((since, team))

    def team(self, employee: Employee, moment: datetime) -> int:
        """Return the id of the employee's team at that moment; 0 for none."""
        stays = self._stays.get(employee.id)
        if not stays:
            return employee.team_id or 0
        return next((team for since, team in reversed(stays) if since <= moment), stays[0][1])


_PLACED = """
SELECT employee.*, stay.since AS stayed_since, stay.team_id AS stayed_in, {position} AS position FROM employee
LEFT JOIN membership stay ON stay.employee_id = employee.id WHERE {which} ORDER BY stay.since, stay.id
"""


@dataclass(frozen=True)
class Placed:
    """Employees with their team history, and the position of the reference data when they were read."""

    rows: dict[int, Employee]
    places: Places
    position: int | None


async def placed(numbers: Collection[int], externals: Collection[str] = (), into: Places | None = None) -> Placed:
    """Return employees by ids or external ids, with their team history, in one statement.

    The history is added to `existing_history` if given. `position` is None when no employee matches.
    """
    which = f"employee.id IN ({connection.marks([*numbers])})"
    if externals:
        which += f" OR employee.external_id IN ({connection.marks([*externals])})"
    sql = _PLACED.format(which=which, position=POSITION)
    found = await connection.rows(sql, [*sorted(numbers), *sorted(externals)])
    rows: dict[int, Employee] = {}
    places = Places() if into is None else into
    for row in found:
        if row["id"] not in rows:
            rows[row["id"]] = Employee._init_from_db(**row)
        if row["stayed_since"] is not None:
            places.add(row["id"], connection.instant(row["stayed_since"]), row["stayed_in"])
    return Placed(rows, places, found[0]["position"] if found else None)


@dataclass(frozen=True, slots=True)
class Stay:
    """A period in which an employee was active in a team: from `since`, before `until` (None: still current)."""

    employee: int
    name: str
    since: datetime
    until: datetime | None

    def holds(self, moment: datetime | None) -> bool:
        """Return whether the membership includes the moment; None means the current one.

        None does not compare times, so a membership written by a server whose clock is ahead counts as well.
        """
        if moment is None:
            return self.until is None
        return self.since <= moment and (self.until is None or self.until > moment)


_STAYS = """
SELECT membership.employee_id, employee.name, membership.since, membership.until FROM membership
JOIN employee ON employee.id = membership.employee_id
WHERE membership.active AND (membership.until IS NULL OR membership.until > ?) {more}
"""


async def stays(first: datetime, teams: Collection[int] | None, employee: int | None = None) -> list[Stay]:
    """Return the memberships of employees active at any time since that moment, in these teams (None: all).

    employee_id  restricts the result to one employee
    """
    more = ""
    values: list[Any] = [first]
    if teams is not None:
        more, values = f"AND membership.team_id IN ({connection.marks([*teams])})", [*values, *sorted(teams)]
    if employee is not None:
        more, values = f"{more} AND membership.employee_id = ?", [*values, employee]
    return [
        Stay(
            row["employee_id"],
            row["name"],
            connection.instant(row["since"]),
            None if row["until"] is None else connection.instant(row["until"]),
        )
        for row in await connection.rows(_STAYS.format(more=more), values)
    ]


async def moved(employee: Employee, moment: datetime) -> None:
    """Close the current membership and open a new one if the employee's team or active state has changed."""
    place, active = employee.team_id or 0, employee.active
    last = await Membership.filter(employee_id=employee.id, until=None).first()
    if last is not None:
        if (last.team_id, last.active) == (place, active):
            return
        last.until = moment
        await last.save(update_fields=["until"])
    await Membership.create(employee_id=employee.id, team_id=place, active=active, since=moment)
