"""Writes entries to the activity history."""

from __future__ import annotations

from collections.abc import Sequence

from models.crm import activities
from models.crm.activities import ActivityKind
from resolvers.activities.entries import Line
from resolvers.request.context import Context


async def write_lines(context: Context, lines: Sequence[Line]) -> None:
    """Append entries to the activity feed."""
    if not lines:
        return
    now = context.now()
    await activities.add(
        activities.Row(
            line.kind,
            line.employee_id,
            line.team_id,
            None if line.kind is ActivityKind.TASK_OVERDUE else context.viewer.id,  # caused by time, not by an actor
            line.at,
            now,
            line.subject,
            line.subject_id,
            line.client_id,
            line.data,
        )
        for line in lines
    )
    context.announce("activities")
