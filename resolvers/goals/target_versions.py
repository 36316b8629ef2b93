"""Versions of targets: what the target of a goal was, since when, by whom and why, and attainment against any of them.

They follow from the history of the goal: the first version is the target that was set, each later one a change of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors.operation_errors import BadInput
from domain.goals.progress import calculate_percent
from models.goals import goals
from models.goals.goals import Goal, GoalChange
from resolvers.goals.progress import GoalState
from resolvers.request.context import RequestContext

_END_OF_CALENDAR: Final = date(9999, 12, 30)


class TargetReference(StrEnum):
    """Which target attainment is measured against."""

    FIRST = "FIRST"
    PRESENT = "PRESENT"


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """One version of a goal's target, in the metric's smallest unit.

    by_id   the employee who set it; None for none
    reason  None for the first version, and where none was given
    """

    metric: str
    target: int
    since: datetime
    by_id: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Attainment:
    """The value of a goal measured against one of its targets; amounts in the metric's smallest unit."""

    metric: str
    value: int
    target: int

    @property
    def percent(self) -> float:
        return calculate_percent(self.value, self.target)


async def load_target_versions(context: RequestContext, rows: Sequence[Goal]) -> list[list[TargetVersion]]:
    """Return the versions of each goal's target, oldest first, in one query for all."""
    changes = await goals.target_changes([goal.id for goal in rows])
    return [_list_versions(goal, changes.get(goal.id, ())) for goal in rows]


def _list_versions(goal: Goal, changes: Sequence[GoalChange]) -> list[TargetVersion]:
    first_target = int(changes[0].before or 0) if changes else goal.target
    versions = [TargetVersion(goal.metric, first_target, goal.created_at, goal.created_by_id, None)]
    return versions + [
        TargetVersion(goal.metric, int(change.after or 0), change.at, change.by_id, change.reason) for change in changes
    ]


def check_reference(reference: TargetReference | None, day: date | None) -> None:
    """Raise BadInput if both a reference and a day are given."""
    if reference is not None and day is not None:
        raise BadInput("Give `against` or `asOf`, not both.", field="asOf")


async def measure(
    context: RequestContext, state: GoalState, reference: TargetReference | None, day: date | None
) -> Attainment:
    """Return the present value of a goal against its first or present target, or the one that held at the end of a day.

    On days before the goal was set it is the first one.

    reference  None: the present target, unless there is a day
    """
    goal, value, target = state.goal, state.progress.value, state.progress.target
    if day is not None or reference is TargetReference.FIRST:
        versions = await context.load_for_viewer(load_target_versions, goal)
        target = versions[0].target
        if day is not None:
            end = (await context.calendar()).start_of(min(day, _END_OF_CALENDAR) + timedelta(days=1))
            target = [version.target for version in versions if version is versions[0] or version.since < end][-1]
    return Attainment(goal.metric, value, target)
