"""Builds alert events of goals."""

from __future__ import annotations

from datetime import datetime

from domain.alerts.rules import Event, Rule
from domain.goals.progress import Progress
from models.goals.goals import Goal, OwnerKind


def figures(goal: Goal, sums: Progress, rule: Rule, at: datetime) -> Event:
    """Return the event that a goal is behind its pace, with the data of the message."""
    data = {
        "title": goal.name,
        "percent": int(sums.percent),
        "expected": int(100 * sums.expected_by_now / sums.target),
        "limit": rule.percent,
    }
    of_employee = goal.owner_kind is OwnerKind.EMPLOYEE
    owner, team = (goal.owner_id, None) if of_employee else (None, goal.owner_id)
    return Event("GOAL_BEHIND", ("Goal", goal.id), at, owner, None, team, data)
