"""Resolves alerts when their reason has gone, and lets them stand again when it has come back.

Nothing is sent here: what stands again was sent when it first occurred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.alerts import rules as alert_rules
from domain.alerts.rules import INACTIVITY_KINDS, AlertKind, Subject
from domain.goals.progress import Progress
from models.alerts import alerts
from models.alerts.alerts import RaisedAlert
from models.goals.goals import Goal
from resolvers.activities.entries import RecordChange
from resolvers.request.context import Context
from resolvers.request.goal_progress import calculate_goal_progress


async def settle_alerts(
    context: Context, active_subjects: Collection[Subject], changes: Sequence[RecordChange]
) -> None:
    """Resolve alerts when their reason has gone, and let them stand again when it has come back.

    Inactivity alerts of active subjects are resolved. A change without the condition of a kind says nothing
    about it and leaves alerts of that kind as they are.
    """
    states = {
        (change.subject_kind, change.subject_id): AlertState(
            change.alert_conditions, change.alert_occurrences, change.deleted_before
        )
        for change in changes
        if change.alert_conditions
    }
    resumable_subjects = {subject for subject, state in states.items() if any(state.conditions.values())}
    rows = await alerts.find_active_and_resumable({*active_subjects, *states}, resumable_subjects)
    inactivity_alerts_to_end = [
        row
        for row in rows
        if row.resolved_at is None and row.kind in INACTIVITY_KINDS and row.subject in active_subjects
    ]
    await alerts.resolve(inactivity_alerts_to_end, context.now())
    await _apply_states(context, rows, states)


@dataclass(frozen=True)
class AlertState:
    """Which reasons for alerts hold for a subject at present.

    conditions      whether the reason of each kind holds; a kind that is not in it is left alone
    occurrences     the occurrence that holds, for the kinds that tell occurrences apart
    deleted_before  when the record was deleted that has just been restored: what was resolved then stands again
    """

    conditions: Mapping[AlertKind, bool]
    occurrences: Mapping[AlertKind, str]
    deleted_before: datetime | None = None

    def holds(self, row: RaisedAlert) -> bool:
        """Return whether the reason of an alert holds; an alert without a stored occurrence counts as any."""
        is_same = row.occurrence is None or self.occurrences.get(row.kind, row.occurrence) == row.occurrence
        return self.conditions.get(row.kind, True) and is_same

    def can_resume(self, row: RaisedAlert, newest: RaisedAlert) -> bool:
        """Return whether a resolved alert stands again; `newest` is the last of its rule, subject and kind."""
        if not self.conditions.get(row.kind, False):
            return False
        if self.deleted_before is not None and row.resolved_at == self.deleted_before:
            return self.holds(row)
        occurrence = self.occurrences.get(row.kind)
        return occurrence is not None and (row.occurrence == occurrence or (row.occurrence is None and row is newest))


async def _apply_states(context: Context, rows: Sequence[RaisedAlert], states: Mapping[Subject, AlertState]) -> None:
    """Resolve and resume alerts, given in the order of their ids, by the present states of their subjects."""
    stale_alerts, resumed_alerts = [], dict[tuple[int, Subject], RaisedAlert]()
    active_keys = set[tuple[int, Subject]]()
    newest = {(row.rule_id, row.subject, row.kind): row for row in rows}
    for row in rows:
        state = states.get(row.subject)
        if row.resolved_at is None:
            if state is not None and not state.holds(row):
                stale_alerts.append(row)
            else:
                active_keys.add((row.rule_id, row.subject))
        elif state is not None and state.can_resume(row, newest[row.rule_id, row.subject, row.kind]):
            resumed_alerts[row.rule_id, row.subject] = row
    await alerts.resolve(stale_alerts, context.now())
    await alerts.stand_again([row for key, row in resumed_alerts.items() if key not in active_keys])


async def settle_goal_alerts(
    context: Context, moved_goals: Sequence[tuple[Goal, int]], alerted_goal_ids: Collection[int] | None = None
) -> None:
    """Resolve alerts about moved goals that no longer apply at their new values, and let those stand again that do.

    moved_goals       each goal with its value
    alerted_goal_ids  the goals that have an alert; None if unknown
    """
    pairs = [(goal, value) for goal, value in moved_goals if alerted_goal_ids is None or goal.id in alerted_goal_ids]
    reached = {("Goal", goal.id) for goal, value in pairs if value >= goal.target and goal.archived_at is None}
    rows = await alerts.find_active_and_resumable([("Goal", goal.id) for goal, _ in pairs], reached)
    if not rows:
        return
    alerted_ids = {row.subject_id for row in rows}
    progress_by_id = await _calculate_progress(context, [pair for pair in pairs if pair[0].id in alerted_ids])
    behind_limits = {row.id: row.data.get("limit") for row in rows if row.kind is AlertKind.GOAL_BEHIND}
    recovered = [
        row
        for row in rows
        if row.resolved_at is None
        and row.id in behind_limits
        and not alert_rules.is_behind(progress_by_id[row.subject_id], behind_limits[row.id])
    ]
    await alerts.resolve(recovered, context.now())
    await _apply_states(
        context,
        [row for row in rows if row.kind is not AlertKind.GOAL_BEHIND],
        {
            ("Goal", goal.id): AlertState(
                {AlertKind.GOAL_ACHIEVED: ("Goal", goal.id) in reached}, {AlertKind.GOAL_ACHIEVED: str(goal.target)}
            )
            for goal, _ in pairs
        },
    )


async def _calculate_progress(context: Context, goal_values: Sequence[tuple[Goal, int]]) -> dict[int, Progress]:
    rows, values = [goal for goal, _ in goal_values], [value for _, value in goal_values]
    return {
        goal.id: current
        for goal, current in zip(rows, await calculate_goal_progress(context, rows, values), strict=True)
    }
