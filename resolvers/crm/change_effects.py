"""What follows from a change has one place.

A resolver changes a row and hands over the facts before and after with a line for the
history. Here the difference is posted to the ledger, the totals follow, goals that it
moves are found (and announced when reached), and the news is noted: the same for a
deal, a call, a lead or a task, for a correction, a deletion, and for an import in batches.
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

_MANY: Final = 100  # postings of one unit of work, beyond which everybody looks for himself


async def record(context: Context, changes: Sequence[Changed], *, aloud: bool = True) -> list[Goal]:
    """Post what the changes make of the ledger and the history, and return the goals they moved.

    aloud  False for an import: goals count as announced without a line in the history, and nobody is alerted.
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
    """Return the topics of what moved: each metric's score of employees, their teams upwards and the company, by day."""
    keys = {(score.metric, score.employee, score.team, score.day) for score in posted}
    if len(keys) > _MANY:
        return {"*"}
    topics = set()
    for metric, employee, team, day in keys:
        topics.add(f"score:{metric}:employee:{employee}@{day}")
        topics.update(f"score:{metric}:team:{each}@{day}" for each in (0, *context.tree.above(team)))
    return topics
