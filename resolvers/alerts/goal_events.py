"""Builds alert events of goals."""

from __future__ import annotations

from datetime import datetime

from domain.alerts.rules import Event, Rule
from domain.goals.progress import Progress
from models.goals.goals import Goal


def build_goal_behind_event(goal: Goal, goal_progress: Progress, rule: Rule, at: datetime) -> Event:
    """Return the event that a goal is behind its pace, with the data of the message."""
    data = {
        "title": goal.name,
        "percent": int(goal_progress.percent),
        "expected": int(100 * goal_progress.expected_by_now / goal_progress.target),
        "limit": rule.percent,
    }
    scope = goal.scope
    return Event("GOAL_BEHIND", ("Goal", goal.id), at, scope.employee_id, None, (scope.kind, scope.id), data)
