"""Plans that the viewer may see: those of scopes within which they may set all goals."""

from __future__ import annotations

from collections.abc import Sequence

from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from models.goals import plans
from models.goals.plans import GoalPlan
from resolvers.request.context import RequestContext


async def filter_visible_plans(context: RequestContext, rows: Sequence[GoalPlan]) -> list[GoalPlan]:
    """Return the plans that the viewer may see."""
    employee_ids = sorted({row.owner_id for row in rows if row.scope.employee_id is not None})
    employees = {row.id: row for row in await context.employees(employee_ids) if row} if employee_ids else {}
    return [
        row
        for row in rows
        if row.scope.team_id in (None, *context.tree.teams)
        and context.viewer.can_in_scope(Action.SET_GOALS, row.scope, employees.get(row.owner_id))
    ]


async def find_visible_plan(context: RequestContext, global_id: str) -> GoalPlan | None:
    """Return the plan with this global id; None if it does not exist or is not visible to the viewer."""
    match decode_global_id(global_id):
        case "GoalPlan", plan_id:
            row = await plans.find(plan_id)
            return next(iter(await filter_visible_plans(context, [row])), None) if row else None
    return None
