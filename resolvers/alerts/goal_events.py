"""Builds alert events of goals."""

from __future__ import annotations

from datetime import datetime

from domain.alerts.rules import Event, Rule
from domain.goals.progress import Progress
from models.goals.goals import Goal, OwnerKind


def build_goal_behind_event(goal: Goal, goal_progress: Progress, rule: Rule, at: datetime) -> Event:
    """Return the event that a goal is behind its pace, with the data of the message."""
    data = {
        "title": goal.name,
        "percent": int(goal_progress.percent),
        "expected": int(100 * goal_progress.expected_by_now / goal_progress.target),
        "limit": rule.percent,
    }
    is_employee_goal = goal.owner_kind is OwnerKind.EMPLOYEE
    employee_id, team_id = (goal.owner_id, None) if is_employee_goal else (None, goal.owner_id)
    return Event("GOAL_BEHIND", ("Goal", goal.id), at, employee_id, None, team_id, data)
