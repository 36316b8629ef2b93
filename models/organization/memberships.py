"""Memberships: the team, active state, name and role of employees over time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.permissions import Role
from models.db import connection
from models.db.columns import bool_column, enum_column, foreign_key, short_text_column
from models.organization.people import Employee


class Membership(Model):
    """The team of an employee, whether they were active, their name and role, from `since` until `until`.

    until       None: still current
    name, role  None for what an older server wrote: the present ones, until they change
    """

    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)  # 0: no team
    active: bool = bool_column(default=True)
    since: datetime = fields.DatetimeField()
    until: datetime | None = fields.DatetimeField(null=True)
    name: str | None = short_text_column(null=True)
    role: Role | None = enum_column(Role, null=True)

    class Meta:
        table = "membership"
        indexes = (("employee_id", "since"),)


_FILL_UNKNOWN_SQL: Final = """
UPDATE membership SET name = COALESCE(name, ?), role = COALESCE(role, ?)
WHERE employee_id = ? AND (name IS NULL OR role IS NULL)
"""


async def record_change(employee: Employee, moment: datetime, *, former_name: str, former_role: Role) -> None:
    """Close the current membership and open a new one if what it says of the employee has changed.

    former_name, former_role  those before the change, for memberships that do not say them
    """
    state = employee.team_id or 0, employee.active, employee.name, employee.role
    current = await Membership.filter(employee_id=employee.id, until=None).first()
    if current is not None:
        if current.name is None or current.role is None:
            await connection.execute(_FILL_UNKNOWN_SQL, [former_name, former_role, employee.id])
            current.name, current.role = current.name or former_name, current.role or former_role
        if (current.team_id, current.active, current.name, current.role) == state:
            return
        current.until = moment
        await current.save(update_fields=["until"])
    await Membership.create(
        employee_id=employee.id,
        team_id=state[0],
        active=employee.active,
        since=moment,
        name=employee.name,
        role=employee.role,
    )


async def load_active() -> list[Membership]:
    """Return the times in which employees were active in one team with one role, by start, with their employees.

    A new name begins a new membership and no new time: the memberships before and after it are one row here.
    """
    rows: list[Membership] = []
    latest: dict[int, Membership] = {}
    for row in await Membership.filter(active=True).select_related("employee").order_by("since", "id"):
        before = latest.get(row.employee_id)
        if (
            before is not None
            and before.until == row.since
            and (before.team_id, before.role) == (row.team_id, row.role)
        ):
            before.until = row.until
            continue
        latest[row.employee_id] = row
        rows.append(row)
    return rows


class MemberTeams:
    """The teams in which employees were active, by time."""

    def __init__(self, rows: Collection[Membership]) -> None:
        self._by_employee: dict[int, list[Membership]] = {}
        for row in rows:
            self._by_employee.setdefault(row.employee_id, []).append(row)

    def last_team_id(self, employee_id: int, start: datetime, end: datetime) -> int | None:
        """Return the team in which the employee was last active from `start`, before `end`; 0 for active without a team.

        None if they were not active then. Before the first membership an employee counts as a member of that first
        team, since what was imported of them may be older than their account.
        """
        rows = self._by_employee.get(employee_id, [])
        for row in reversed(rows):
            if row.active and row.since < end and (row.until is None or row.until > start):
                return row.team_id
        first = rows[0] if rows else None
        return first.team_id if first is not None and first.active and first.since >= end else None


async def load_member_teams(employee_ids: Collection[int]) -> MemberTeams:
    """Return the teams of these employees over time."""
    query = Membership.filter(employee_id__in=sorted(employee_ids) or [0]).order_by("since", "id")
    return MemberTeams(await query)


async def list_members_ever(team_ids: Collection[int]) -> list[int]:
    """Return the ids of the present and former members of any of these teams."""
    query = Membership.filter(team_id__in=sorted(team_ids)).distinct()
    return [employee_id for (employee_id,) in await query.order_by("employee_id").values_list("employee_id")]


_TRANSFERRED_EMPLOYEES_SQL: Final = """
SELECT DISTINCT inside.employee_id FROM membership inside JOIN membership outside
    ON outside.employee_id = inside.employee_id {elsewhere}
WHERE inside.team_id IN ({teams})
"""


async def load_transferred_ids(team_sets: Sequence[frozenset[int]]) -> frozenset[int]:
    """Return the ids of employees with a membership in one of these sets of teams and one outside of any of them."""
    teams, common_teams = sorted(frozenset().union(*team_sets)), sorted(frozenset.intersection(*team_sets))
    elsewhere = f"AND outside.team_id NOT IN ({connection.placeholders(common_teams)})" if common_teams else ""
    sql = _TRANSFERRED_EMPLOYEES_SQL.format(elsewhere=elsewhere, teams=connection.placeholders(teams))
    rows = await connection.fetch_rows(sql, [*common_teams, *teams])
    return frozenset(row["employee_id"] for row in rows)
