"""Applies changes to a goal's row, each kept with its author, time, old and new value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from domain.errors.user_errors import Required
from domain.primitives.periods import Period
from domain.primitives.units import Unit, format_decimal, from_smallest
from models.crm.activities import ActivityKind
from models.db import row_store
from models.goals.goals import Goal, GoalChange
from resolvers.activities.log import write_activity_entries
from resolvers.goals.affected_goals import goal_list_topics, make_goal_entry, publish_goal_changes
from resolvers.request.context import RequestContext

AMOUNT_COLUMNS: Final = frozenset({"target", "full_target", "threshold", "stretch"})  # in the metric's smallest unit
_INTERNAL_COLUMNS: Final = frozenset({"tiers_target"})  # not in the history


async def check_reason_given(context: RequestContext, period: Period, reason: str | None, *path: str) -> None:
    """Raise Required if a target of a period that has begun changes without a reason, and the company asks for one."""
    if reason is None and (await context.company()).requires_target_reason and period.start <= await context.today():
        raise Required("This period has begun: say why the target changes.", *path)


async def apply_changes(
    context: RequestContext, goal: Goal, requested: Mapping[str, object], unit: Unit, reason: str | None = None
) -> None:
    """Set columns of the goal, keep those that differ in its history with the reason, and publish it."""
    changed = {column: value for column, value in requested.items() if getattr(goal, column) != value}
    if not changed:
        return
    currency = (await context.company()).currency
    before = {column: getattr(goal, column) for column in changed}
    await row_store.insert_all(
        [
            GoalChange(
                goal_id=goal.id,
                at=context.now(),
                by_id=context.viewer.id,
                field=column,
                before=_to_text(before[column]),
                after=_to_text(value),
                reason=reason,
            )
            for column, value in changed.items()
            if column not in _INTERNAL_COLUMNS
        ]
    )
    formatted_changes = {
        column: [format_value(column, before[column], unit, currency), format_value(column, value, unit, currency)]
        for column, value in changed.items()
        if column not in _INTERNAL_COLUMNS
    }
    for column, value in changed.items():
        setattr(goal, column, value)
    await row_store.save(goal, *changed)
    await write_activity_entries(
        context, [make_goal_entry(context, goal, ActivityKind.GOAL_CHANGED, changed=formatted_changes)]
    )
    mark_moved(context, goal)
    await publish_goal_changes(context, [goal])


def _to_text(value: object) -> str | None:
    return None if value is None else str(value)


def format_value(column: str, value: object, unit: Unit, currency: str) -> str | None:
    """Return a column's value as text, amounts in the metric's unit."""
    if isinstance(value, list):
        return "; ".join(format_decimal(from_smallest(amount, unit, currency)) for amount in value)
    if not isinstance(value, int) or column not in AMOUNT_COLUMNS:
        return _to_text(value)
    return format_decimal(from_smallest(value, unit, currency))


def format_stored(column: str, text: str | None, unit: Unit, currency: str) -> str | None:
    """Return a value of the history as text, amounts in the metric's unit."""
    if text is None or column not in {*AMOUNT_COLUMNS, "slices"}:
        return text
    return format_value(column, orjson.loads(text), unit, currency)


def mark_moved(context: RequestContext, goal: Goal) -> None:
    """Publish a changed or new goal; it gets a new version when the unit of work commits."""
    context.open_unit_of_work.add_moved_goals([goal])
    context.publish(f"goal:{goal.id}", *goal_list_topics([goal]))
