"""Filters goals by what the viewer may see."""

from __future__ import annotations

from collections.abc import Sequence

from models.goals.goals import Goal
from resolvers.request.context import RequestContext


async def filter_visible(context: RequestContext, rows: Sequence[Goal]) -> list[Goal]:
    """Return the goals that the viewer may see; a mutation can also move goals that they may not see."""
    viewer = context.viewer
    employees = context.loaded_employees | ({viewer.employee.id: viewer.employee} if viewer.employee else {})
    missing_ids = {row.owner_id for row in rows if row.scope.employee_id is not None} - employees.keys()
    owners = await context.employees(sorted(missing_ids)) if missing_ids else []
    employees |= {owner.id: owner for owner in owners if owner}
    return [row for row in rows if viewer.can_see_goal(row, employees.get(row.owner_id))]
