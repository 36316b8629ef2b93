"""The effects of record changes: ledger postings, activities, goals, announcements, topics and alerts.

A resolver changes rows and describes each change as a `RecordChange`. From these, `compute_effects` derives the effects
as one value, and `apply_effects` brings them about, in the same way for every record type, for a correction, a
deletion, and for an import in batches. Alerts are evaluated once and last, when everything else stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.ledger.metrics import Score, compute_all_postings
from models.crm.records import CrmRecord
from models.edits.edit_rows import AlertsBefore, GoalsBefore
from models.goals.goals import Goal
from models.organization.people import TeamTree
from models.organization.scopes import covering_scopes
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.activities.log import write_activity_entries
from resolvers.alerts.evaluation import evaluate_alerts
from resolvers.alerts.settlement import MovedGoals
from resolvers.goals.affected_goals import find_moved_goals, mark_goals_moved
from resolvers.leaderboards.wins import WinAnnouncement, announce_win
from resolvers.ledger.posting import RecordDifferences, post_differences
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import owner_id_of
from resolvers.request.topic_positions import records_topic

_MAX_DISTINCT_POSTINGS: Final = (
    100  # above this, a unit of work publishes the wildcard topic, which wakes every listener
)


@dataclass(frozen=True)
class ChangeEffects:
    """What follows from record changes, in the order in which it is brought about.

    differences    the scores to post, which move goals
    entries        of the activity feed
    topics         that have changed, besides those of scores, goals and activities
    announcements  wins to announce or to revoke
    changes        the changes that alerts are raised and resolved for
    """

    differences: Sequence[RecordDifferences]
    entries: Sequence[ActivityEntry]
    topics: Sequence[str]
    announcements: Sequence[WinAnnouncement]
    changes: Sequence[RecordChange]


def compute_effects(changes: Sequence[RecordChange], announcements: Sequence[WinAnnouncement] = ()) -> ChangeEffects:
    """Return the effects of record changes, and of the announcements that they give rise to."""
    return ChangeEffects(
        [
            RecordDifferences(change.subject_kind, change.subject_id, compute_all_postings(change.before, change.after))
            for change in changes
        ],
        [entry for change in changes for entry in change.entries],
        ["deals"] if any(change.subject_kind in ("Deal", "Refund") for change in changes) else [],
        announcements,
        changes,
    )


async def apply_effects(
    context: RequestContext,
    effects: ChangeEffects,
    *,
    notify: bool = True,
    tree: TeamTree | None = None,
    goals_before: GoalsBefore | None = None,
    alerts_before: AlertsBefore | None = None,
) -> list[Goal]:
    """Bring about the effects, and return the goals that moved.

    notify         False for an import: achieved goals count as announced without an activity, no win is announced,
                   and no alert is raised
    tree           the teams as they stand, read under the write lock; None: they are read when scores are posted
    goals_before   goals that may move, as the edit has read them; None: they are read when scores are posted
    alerts_before  what alerts depend on, likewise
    """
    postings = await post_differences(context, effects.differences, tree)
    moved_goals = await move_goals(context, [posting.score for posting in postings], goals_before)
    achievements = moved_goals.achievements if notify else []
    await write_activity_entries(context, [*effects.entries, *achievements])
    context.publish(*effects.topics)
    # of their owners before the edit; the rows as they are now are published when they are saved
    publish_records_of(context, [change.previous for change in effects.changes if change.previous is not None])
    for announcement in effects.announcements if notify else ():
        await announce_win(context, announcement)
    await evaluate_alerts(context, effects.changes, moved_goals, notify=notify, alerts_before=alerts_before)
    return moved_goals.goals


def publish_records_of(context: RequestContext, rows: Iterable[CrmRecord]) -> None:
    """Publish the topics of the employees whose records have changed."""
    context.publish(*{records_topic(owner_id_of(row)) for row in rows})


async def publish_posted_scores(context: RequestContext, posted_scores: Sequence[Score]) -> list[Goal]:
    """Do what follows from posted scores alone, as for an import, and return the goals that moved."""
    moved_goals = await move_goals(context, posted_scores)
    await evaluate_alerts(context, (), moved_goals, notify=False)
    return moved_goals.goals


async def move_goals(
    context: RequestContext, posted_scores: Sequence[Score], goals_before: GoalsBefore | None = None
) -> MovedGoals:
    """Publish the topics of posted scores, and mark the goals that they moved."""
    if not posted_scores:
        return MovedGoals()
    candidates = await find_moved_goals(context, posted_scores, goals_before)
    context.open_unit_of_work.scores += posted_scores
    context.publish(*_list_moved_topics(context, posted_scores))
    return await mark_goals_moved(
        context,
        [candidate.goal for candidate in candidates],
        current_values={candidate.goal.id: candidate.value for candidate in candidates},
        alerted_goal_ids={candidate.goal.id for candidate in candidates if candidate.has_alert},
    )


def _list_moved_topics(context: RequestContext, posted_scores: Sequence[Score]) -> set[str]:
    """Return the topics of the moved scores: per metric and day, the employee, their teams upwards and the company."""
    keys = {(score.metric, score.employee_id, score.team_id, score.day) for score in posted_scores}
    if len(keys) > _MAX_DISTINCT_POSTINGS:
        return {"*"}
    metrics_by_credit: dict[tuple[int, int, date], list[str]] = {}
    for metric, employee_id, team_id, day in keys:
        metrics_by_credit.setdefault((employee_id, team_id, day), []).append(metric)
    return {
        f"score:{metric}:{scope.topic}@{day}"
        for (employee_id, team_id, day), metrics in metrics_by_credit.items()
        for scope in covering_scopes(context.tree.on(day), employee_id, team_id)
        for metric in metrics
    }
