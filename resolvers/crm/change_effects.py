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
from resolvers.activities.entries import Changed
from resolvers.activities.log import write_lines
from resolvers.alerts import evaluation
from resolvers.goals.affected_goals import _candidates, touch
from resolvers.ledger.posting import _post
from resolvers.request.context import Context

_MANY: Final = 100  # above this, a unit of work publishes the wildcard topic, which wakes every listener


async def record(context: Context, changes: Sequence[Changed], *, aloud: bool = True) -> list[Goal]:
    """Apply the effects of record changes, and return the goals that moved.

    notify  False for an import: achieved goals count as announced without an activity, and no alert is raised
    """
    posted = await _post(context, changes)
    lines = [line for change in changes for line in change.lines]
    await write_lines(context, lines)
    await evaluation.follow(context, changes, aloud=aloud)
    if any(change.subject == "Deal" for change in changes):
        context.announce("deals")
    if not posted:
        return []
    candidates = await _candidates(context, posted)
    touched = [each.goal for each in candidates]
    context.announce(*_moved(context, posted))
    known = {each.goal.id: each.reached for each in candidates}
    await touch(context, touched, aloud=aloud, known=known, told={each.goal.id for each in candidates if each.told})
    return touched


def _moved(context: Context, posted: Sequence[Score]) -> set[str]:
    """Return the topics of the moved scores: per metric and day, the employee, their teams upwards and the company."""
    keys = {(score.metric, score.employee, score.team, score.day) for score in posted}
    if len(keys) > _MANY:
        return {"*"}
    topics = set()
    for metric, employee, team, day in keys:
        topics.add(f"score:{metric}:employee:{employee}@{day}")
        topics.update(f"score:{metric}:team:{each}@{day}" for each in (0, *context.tree.above(team)))
    return topics
