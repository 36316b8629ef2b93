"""Writes entries to the activity history."""

from __future__ import annotations

from collections.abc import Sequence

from models.crm import activities
from models.crm.activities import ActivityKind
from resolvers.activities.entries import ActivityEntry
from resolvers.request.context import RequestContext
from resolvers.request.topic_positions import records_topic


async def write_activity_entries(context: RequestContext, entries: Sequence[ActivityEntry]) -> None:
    """Append entries to the activity feed."""
    if not entries:
        return
    now = context.now()
    rows = [
        activities.ActivityRow(
            entry.kind,
            entry.employee_id,
            entry.goal_owner.activity_team_id if entry.goal_owner else None,
            None if entry.kind is ActivityKind.TASK_OVERDUE else context.viewer.id,  # caused by time, not by an actor
            entry.at,
            now,
            entry.subject_kind,
            entry.subject_id,
            entry.client_id,
            entry.data,
        )
        for entry in entries
    ]
    await activities.insert_activities(rows)
    context.publish("activities", *{records_topic(entry.employee_id) for entry in entries if entry.employee_id})
