"""Goals of another system: set, or changed if the owner has one for the metric and the same days."""

from __future__ import annotations

from typing import Literal

from domain.primitives.global_ids import encode_global_id
from models.goals import goals as goal_rows
from models.goals.goals import Goal
from resolvers.goals import goals
from resolvers.goals.inputs import GoalInput, GoalUpdateInput
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.periods import resolve_period


async def save_goal(
    context: RequestContext, input: GoalInput, *, recurring: bool | None = None, pro_rated: bool | None = None
) -> tuple[Goal, Literal["new", "changed", "unchanged"]]:
    """Set the goal of an import, or change the one for the same owner, metric and days; return it and the outcome.

    A goal may also belong to an employee who has left since.

    input                 `recurring` and `pro_rated` are those of a new goal
    recurring, pro_rated  those of an existing one; None leaves them as they are
    """
    scope = await scopes.find_scope(context, input.owner)
    period = await resolve_period(context, input.period, "input", "period")
    existing = scope and await goal_rows.find_competing(scope.key, input.metric, period, until=period.end)
    if not existing or (existing.first_day, existing.last_day) != (period.start, period.end):
        return await goals.set_goal(context, input, allows_departed=True), "new"
    before = _values_of(existing)
    update = GoalUpdateInput(
        id=encode_global_id("Goal", existing.id),
        name=input.name,
        target=input.target,
        recurring=recurring,
        pro_rated=pro_rated,
    )
    goal = await goals.update_goal(context, update, needs_reason=False)  # files of other systems have none
    return goal, "unchanged" if _values_of(goal) == before else "changed"


def _values_of(goal: Goal) -> tuple[object, ...]:
    return goal.name, goal.target, goal.full_target, goal.recurring
