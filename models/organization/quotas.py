"""Quotas of employees by day, and the employees that leaderboards rank.

An employee carries a quota as an administrator has set it from a day on. Unless that is set, all employees with a
selling role do, and of the other roles those with wins of their own by that day, or with a goal of their own that has
begun.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.permissions import SELLING_ROLES
from models.db import connection
from models.db.columns import bool_column, foreign_key
from models.db.values import SqlClause, SqlValue

SELLING_METRIC: Final = "deals_won"  # an employee with a positive sum of it sells
_SELLING_ROLES_SQL: Final = ", ".join(f"'{role}'" for role in sorted(SELLING_ROLES))


class QuotaAssignment(Model):
    """Whether an employee carries a quota from a day on, until the next assignment; None: as their role and sales say."""

    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    since: date = fields.DateField()
    carries_quota: bool | None = bool_column(null=True)

    class Meta:
        table = "quota_assignment"
        unique_together = (("employee_id", "since"),)


@dataclass(frozen=True)
class RosterMoment:
    """The time for which the employees of a leaderboard are determined.

    at               the instant of their memberships; None for the current ones. None does not compare times, so a
                     membership written by a server with a clock ahead of ours counts as well.
    day              the day of that time, for quotas and sales
    recorded_before  only sales recorded before this instant count; None: all
    is_over          whether it is the end of a period that is over: since what was imported may be older than an account,
                     the first membership then counts from the day of joining on. If that is not known, it counts from
                     the first credit on, and without limit for an account from before anything was counted.
    """

    at: datetime | None
    day: date
    recorded_before: datetime | None = None
    is_over: bool = False


@dataclass(frozen=True)
class RosterMembers:
    """The names of the quota carriers by employee id, and the ids of all leaders: their sales decide about their quota."""

    names: dict[int, str]
    leader_ids: frozenset[int]


_CARRIES_QUOTA_SQL: Final = f"""
COALESCE(
    (SELECT quota.carries_quota FROM quota_assignment quota
        WHERE quota.employee_id = employee.id AND quota.since <= ? ORDER BY quota.since DESC LIMIT 1),
    {{role}} IN ({_SELLING_ROLES_SQL})
    OR COALESCE((SELECT SUM(amount) FROM score_entry sale WHERE sale.employee_id = employee.id
        AND sale.metric = '{SELLING_METRIC}' AND sale.effective_on <= ? {{recorded}}), 0) > 0
    OR EXISTS (SELECT 1 FROM goal WHERE goal.owner_kind = 'EMPLOYEE' AND goal.owner_id = employee.id
        AND goal.first_day <= ? AND {{standing}})
)
"""  # noqa: S608 - constants only
_ROSTER_SQL: Final = f"""
SELECT {{part}} AS part, membership.employee_id, COALESCE(membership.name, employee.name) AS name,
    CASE WHEN {{role}} IN ({_SELLING_ROLES_SQL}) THEN 0 ELSE 1 END AS leads,
    CASE WHEN {{carries}} THEN 1 ELSE 0 END AS carries
FROM membership JOIN employee ON employee.id = membership.employee_id
WHERE membership.active AND {{time}} {{scope}}
"""  # noqa: S608 - constants only
_ROLE_THEN_SQL: Final = "COALESCE(membership.role, employee.role)"
_TIME_SQL: Final = "(membership.since <= ? {reaching}) AND (membership.until IS NULL OR membership.until > ?)"
# BETWEEN in place of `=`: PostgreSQL would hash the scores of all employees, although few are looked up.
_REACHING_BACK_SQL: Final = """
OR NOT EXISTS (
    SELECT 1 FROM membership earlier WHERE earlier.employee_id = membership.employee_id
    AND (earlier.since < membership.since OR earlier.since = membership.since AND earlier.id < membership.id)
) AND (employee.joined_on <= ? OR employee.joined_on IS NULL AND (
    COALESCE(membership.since <= (SELECT recorded_at FROM score_entry ORDER BY id LIMIT 1), TRUE)
    OR EXISTS (
        SELECT 1 FROM score_entry credit
        WHERE credit.employee_id BETWEEN employee.id AND employee.id AND credit.effective_on <= ?)))
"""


async def load_rosters(
    moments: Sequence[RosterMoment], team_ids: Collection[int] | None, employee_id: int | None = None
) -> list[RosterMembers]:
    """Return the active employees with a quota at each moment, in one statement.

    team_ids     of these teams; None: all
    employee_id  restricts the result to one employee
    """
    selects, values = [], list[SqlValue]()
    for part, moment in enumerate(moments):
        sql, parameters = _roster_select(part, moment, team_ids, employee_id)
        selects.append(sql)
        values += parameters
    names: list[dict[int, str]] = [{} for _ in moments]
    leader_ids: list[set[int]] = [set() for _ in moments]
    # in one pass over the plain records: a company of 10,000 employees has 20,000 of them
    for part, member_id, name, leads, carries in await connection.fetch_records(" UNION ALL ".join(selects), values):
        if carries:
            names[part][member_id] = name
        if leads:
            leader_ids[part].add(member_id)
    return [RosterMembers(*parts) for parts in zip(names, map(frozenset, leader_ids), strict=True)]


def _roster_select(
    part: int, moment: RosterMoment, team_ids: Collection[int] | None, employee_id: int | None
) -> SqlClause:
    carries, values = _carries_quota(moment, _ROLE_THEN_SQL)
    time = "membership.until IS NULL"
    if moment.at is not None:
        time = _TIME_SQL.format(reaching=_REACHING_BACK_SQL if moment.is_over else "")
        values += [moment.at, *([moment.day, moment.day] if moment.is_over else []), moment.at]
    scope = ""
    if team_ids is not None:
        scope = f"AND membership.team_id IN ({connection.placeholders([*team_ids])})"
        values += sorted(team_ids)
    if employee_id is not None:
        scope, values = f"{scope} AND membership.employee_id = ?", [*values, employee_id]
    return _ROSTER_SQL.format(part=part, role=_ROLE_THEN_SQL, carries=carries, time=time, scope=scope), values


def _carries_quota(moment: RosterMoment, role_sql: str) -> SqlClause:
    """Return the expression for whether the row of `employee` carries a quota at the moment, and its parameters."""
    recorded, recorded_values = "", []
    if moment.recorded_before is not None:
        recorded, recorded_values = "AND sale.recorded_at < ?", [moment.recorded_before]
    standing, standing_values = "goal.archived_at IS NULL", list[SqlValue]()
    if moment.at is not None:
        standing, standing_values = "(goal.archived_at IS NULL OR goal.archived_at > ?)", [moment.at]
    if moment.recorded_before is not None:
        standing, standing_values = f"{standing} AND goal.created_at < ?", [*standing_values, moment.recorded_before]
    sql = _CARRIES_QUOTA_SQL.format(role=role_sql, recorded=recorded, standing=standing)
    return sql, [moment.day, moment.day, *recorded_values, moment.day, *standing_values]


async def carry_quotas(employee_ids: Collection[int], day: date) -> dict[int, bool]:
    """Return by id whether these employees carry a quota on a day, with their present roles."""
    carries, values = _carries_quota(RosterMoment(None, day), "employee.role")
    sql = (
        f"SELECT employee.id, CASE WHEN {carries} THEN 1 ELSE 0 END AS carries FROM employee "  # noqa: S608
        f"WHERE employee.id IN ({connection.placeholders([*employee_ids])})"
    )
    return {row["id"]: bool(row["carries"]) for row in await connection.fetch_rows(sql, [*values, *employee_ids])}


async def assign_quota(employee_id: int, since: date, carries_quota: bool | None) -> bool:
    """Store whether the employee carries a quota from a day on; return whether this is a change."""
    row = await QuotaAssignment.get_or_none(employee_id=employee_id, since=since)
    if row is None:
        previous = await QuotaAssignment.filter(employee_id=employee_id, since__lt=since).order_by("-since").first()
        if (previous.carries_quota if previous else None) == carries_quota:
            return False
        row = QuotaAssignment(employee_id=employee_id, since=since)
    elif row.carries_quota == carries_quota:
        return False
    row.carries_quota = carries_quota
    await row.save()
    return True
