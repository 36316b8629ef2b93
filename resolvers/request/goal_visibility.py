"""Filters goals by what the viewer may see."""

from __future__ import annotations

from collections.abc import Sequence

from models.goals.goals import Goal, OwnerKind
from resolvers.request.context import Context


async def within_sight(context: Context, rows: Sequence[Goal]) -> list[Goal]:
    """Return the goals that the viewer may see; a mutation can also move goals that they may not see."""
    viewer = context.viewer
    known = context.met | ({viewer.employee.id: viewer.employee} if viewer.employee else {})
    unknown = {row.owner_id for row in rows if row.owner_kind is OwnerKind.EMPLOYEE} - known.keys()
    owners = await context.people(sorted(unknown)) if unknown else []
    known |= {owner.id: owner for owner in owners if owner}
    return [row for row in rows if viewer.sees_goal(row, known.get(row.owner_id))]
