"""Conditions for rows by the employee that a foreign key of theirs refers to.

column  in all functions: the name of the foreign key, such as "owner"
"""

from __future__ import annotations

from collections.abc import Collection

from tortoise.expressions import Q

from models.db.row_query import Condition
from models.db.values import SqlRow


def match_any() -> Condition:
    """Return the condition that every row meets."""
    return Q()


def match_employee(column: str, employee_id: int | None) -> Condition:
    return _match(f"{column}_id", employee_id)


def match_reports(column: str, manager_id: int | None) -> Condition:
    """Return the condition for rows of the employees with this manager."""
    return _match(f"{column}__manager_id", manager_id)


def match_members(column: str, team_ids: Collection[int]) -> Condition:
    """Return the condition for rows of the present members of these teams."""
    return _match(f"{column}__team_id__in", list(team_ids) or [0])


def _match(lookup: str, value: int | list[int] | None) -> Q:
    conditions: SqlRow = {lookup: value}
    return Q(**conditions)
