"""Conditions for rows by the employee that a foreign key of theirs refers to.

column  in all functions: the name of the foreign key, such as "owner"
"""

from __future__ import annotations

from collections.abc import Collection

from models.db.conditions import EVERY_ROW, Condition, equals, is_one_of


def match_any() -> Condition:
    """Return the condition that every row meets."""
    return EVERY_ROW


def match_employee(column: str, employee_id: int | None) -> Condition:
    return equals(f"{column}_id", employee_id)


def match_reports(column: str, manager_id: int | None) -> Condition:
    """Return the condition for rows of the employees with this manager."""
    return _match_employees(column, equals("manager_id", manager_id))


def match_members(column: str, team_ids: Collection[int]) -> Condition:
    """Return the condition for rows of the present members of these teams."""
    return _match_employees(column, is_one_of("team_id", team_ids))


def _match_employees(column: str, condition: Condition) -> Condition:
    """Return the condition for rows of the employees that meet a condition."""
    return Condition(f"{column}_id IN (SELECT id FROM employee WHERE {condition.sql})", condition.values)  # noqa: S608
