"""Apply the effects of a record change: ledger postings, activities, goals, alerts and notifications.

A resolver changes a row and passes the facts before and after with entries for the activity
feed. This module posts the difference to the ledger, updates the totals, finds the goals that
moved (and announces those achieved), and publishes the changed topics. It does so in the same
way for every record type, for a correction, a deletion, and for an import in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.ledger.metrics import Score
from models.goals.goals import Goal
from models.organization.scopes import covering_scopes
from resolvers.activities.entries import RecordChange
from resolvers.activities.log import write_activity_entries
from resolvers.alerts import evaluation
from resolvers.goals.affected_goals import find_moved_goals, publish_goal_changes
from resolvers.ledger.posting import post_score_differences
from resolvers.request.context import Context

_MAX_DISTINCT_POSTINGS: Final = (
    100  # above this, a unit of work publishes the wildcard topic, which wakes every listener
)


async def apply_change_effects(context: Context, changes: Sequence[RecordChange], *, notify: bool = True) -> list[Goal]:
    """Apply the effects of record changes, and return the goals that moved.

    notify  False for an import: achieved goals count as announced without an activity, and no alert is raised
    """
    posted_scores = await post_score_differences(context, changes)
    entries = [entry for change in changes for entry in change.entries]
    await write_activity_entries(context, entries)
    await evaluation.process_changes(context, changes, notify=notify)
    if any(change.subject_kind == "Deal" for change in changes):
        context.publish("deals")
    return await publish_posted_scores(context, posted_scores, notify=notify)


async def publish_posted_scores(context: Context, posted_scores: Sequence[Score], *, notify: bool) -> list[Goal]:
    """Publish the topics of posted scores, mark the goals that they moved, and return these goals.

    notify  as in `apply_change_effects`
    """
    if not posted_scores:
        return []
    candidates = await find_moved_goals(context, posted_scores)
    moved_goals = [candidate.goal for candidate in candidates]
    context.publish(*_list_moved_topics(context, posted_scores))
    reached_values = {candidate.goal.id: candidate.value for candidate in candidates}
    await publish_goal_changes(
        context,
        moved_goals,
        notify=notify,
        current_values=reached_values,
        alerted_goal_ids={candidate.goal.id for candidate in candidates if candidate.has_alert},
    )
    return moved_goals


def _list_moved_topics(context: Context, posted_scores: Sequence[Score]) -> set[str]:
    """Return the topics of the moved scores: per metric and day, the employee, their teams upwards and the company."""
    keys = {(score.metric, score.employee_id, score.team_id, score.day) for score in posted_scores}
    if len(keys) > _MAX_DISTINCT_POSTINGS:
        return {"*"}
    topics = set()
    for metric, employee_id, team_id, day in keys:
        for scope in covering_scopes(context.tree.on(day), employee_id, team_id):
            topics.add(f"score:{metric}:{scope.topic}@{day}")
    return topics
