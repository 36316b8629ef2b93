"""Filters goals by what the viewer may see."""

from __future__ import annotations

from collections.abc import Sequence

from models.goals.goals import Goal
from resolvers.request.context import RequestContext


async def filter_visible(context: RequestContext, rows: Sequence[Goal]) -> list[Goal]:
    """Return the goals that the viewer may see; a mutation can also move goals that they may not see."""
    viewer = context.viewer
    employees = context.loaded_employees | ({viewer.employee.id: viewer.employee} if viewer.employee else {})
    missing_ids = {owner_id for row in rows if (owner_id := row.scope.employee_id)} - employees.keys()
    owners = await context.employees(sorted(missing_ids)) if missing_ids else []
    employees |= {owner.id: owner for owner in owners if owner}
    visible = {
        (row.owner_kind, row.owner_id, row.metric): row for row in rows
    }  # the same for all goals of an owner and metric
    visible_keys = {key for key, row in visible.items() if viewer.can_see_goal(row, employees.get(row.owner_id))}
    return [row for row in rows if (row.owner_kind, row.owner_id, row.metric) in visible_keys]
