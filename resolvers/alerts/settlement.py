"""Resolves alerts when their reason has gone, and lets them stand again when it has come back.

Nothing is sent here: what stands again was sent when it first occurred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from domain.alerts import rules as alert_rules
from domain.alerts.rules import INACTIVITY_KINDS, AlertKind, Subject
from domain.alerts.states import AlertState
from domain.goals.progress import Progress
from models.alerts import alerts
from models.alerts.alerts import RaisedAlert
from models.edits.edit_rows import AlertsBefore
from models.goals.goals import Goal
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.request.context import RequestContext
from resolvers.request.goal_progress import calculate_goal_progress


async def resolve_alerts(context: RequestContext, rows: Sequence[RaisedAlert]) -> None:
    """Resolve alerts, and note in the unit of work that they stood."""
    context.open_unit_of_work.alert_changes.add(rows)
    await alerts.resolve(rows, context.now())


async def resume_alerts(context: RequestContext, rows: Sequence[RaisedAlert]) -> None:
    """Let resolved alerts stand again, and note in the unit of work when they were resolved."""
    context.open_unit_of_work.alert_changes.add(rows)
    await alerts.stand_again(rows)


async def settle_alerts(
    context: RequestContext,
    active_subjects: Collection[Subject],
    changes: Sequence[RecordChange],
    alerts_before: AlertsBefore | None = None,
) -> None:
    """Resolve alerts when their reason has gone, and let them stand again when it has come back.

    Inactivity alerts of active subjects are resolved. A change without the condition of a kind says nothing
    about it and leaves alerts of that kind as they are.

    alerts_before  what the edit has read, if no alert has changed since
    """
    states = {
        (change.subject_kind, change.subject_id): change.alert_state
        for change in changes
        if change.alert_state.conditions
    }
    resumable_subjects = {subject for subject, state in states.items() if any(state.conditions.values())}
    rows = await _find_active_and_resumable({*active_subjects, *states}, resumable_subjects, alerts_before)
    inactivity_alerts_to_end = [
        row
        for row in rows
        if row.resolved_at is None and row.kind in INACTIVITY_KINDS and row.subject in active_subjects
    ]
    await resolve_alerts(context, inactivity_alerts_to_end)
    await _apply_states(context, rows, states)


async def _find_active_and_resumable(
    subjects: Collection[Subject], resumable_subjects: Collection[Subject], alerts_before: AlertsBefore | None
) -> list[RaisedAlert]:
    if alerts_before is not None and alerts_before.covers(subjects):
        return alerts_before.find_active_and_resumable(subjects, resumable_subjects)
    return await alerts.find_active_and_resumable(subjects, resumable_subjects)


async def _apply_states(
    context: RequestContext, rows: Sequence[RaisedAlert], states: Mapping[Subject, AlertState]
) -> None:
    """Resolve and resume alerts, given in the order of their ids, by the present states of their subjects."""
    stale_alerts, resumed_alerts = [], dict[tuple[int, Subject], RaisedAlert]()
    active_keys = set[tuple[int, Subject]]()
    newest = {(row.rule_id, row.subject, row.kind): row for row in rows}
    for row in rows:
        state = states.get(row.subject)
        if row.resolved_at is None:
            if state is not None and not state.holds(row.kind, row.occurrence):
                stale_alerts.append(row)
            else:
                active_keys.add((row.rule_id, row.subject))
        elif state is not None and state.can_resume(
            row.kind,
            row.occurrence,
            row.resolved_at,
            is_newest=row is newest[row.rule_id, row.subject, row.kind],
        ):
            resumed_alerts[row.rule_id, row.subject] = row
    await resolve_alerts(context, stale_alerts)
    await resume_alerts(context, [row for key, row in resumed_alerts.items() if key not in active_keys])


@dataclass(frozen=True)
class MovedGoals:
    """Goals that have moved, with their present values.

    alerted_ids   the goals that have an alert to resolve or to stand again; None if unknown
    achievements  activity entries of tiers reached for the first time with the present target, of each goal lowest first
    """

    goals: list[Goal] = field(default_factory=list)
    values: Sequence[int] = ()
    alerted_ids: Collection[int] | None = None
    achievements: Sequence[ActivityEntry] = ()


async def settle_goal_alerts(
    context: RequestContext, moved_goals: MovedGoals, alerts_before: AlertsBefore | None = None
) -> None:
    """Resolve alerts about moved goals that no longer apply at their new values, and let those stand again that do.

    alerts_before  what the edit has read, if no alert has changed since
    """
    alerted_ids = moved_goals.alerted_ids
    pairs = [
        (goal, value)
        for goal, value in zip(moved_goals.goals, moved_goals.values, strict=True)
        if alerted_ids is None or goal.id in alerted_ids
    ]
    if not pairs:
        return
    reached = {
        ("Goal", goal.id): str(marks[-1])
        for goal, value in pairs
        if goal.archived_at is None and (marks := goal.tiers.list_marks(value))
    }
    rows = await _find_active_and_resumable([("Goal", goal.id) for goal, _ in pairs], reached, alerts_before)
    if not rows:
        return
    behind = [row for row in rows if row.kind is AlertKind.GOAL_BEHIND and row.resolved_at is None]
    behind_ids = {row.subject_id for row in behind}
    behind_pairs = [pair for pair in pairs if pair[0].id in behind_ids]
    progress_by_id = await _calculate_progress(context, behind_pairs) if behind_pairs else {}
    recovered = [
        row for row in behind if not alert_rules.is_behind(progress_by_id[row.subject_id], row.data.get("limit"))
    ]
    await resolve_alerts(context, recovered)
    await _apply_states(
        context,
        [row for row in rows if row.kind is not AlertKind.GOAL_BEHIND],
        {
            ("Goal", goal.id): AlertState(
                {AlertKind.GOAL_ACHIEVED: ("Goal", goal.id) in reached},
                {AlertKind.GOAL_ACHIEVED: reached.get(("Goal", goal.id), str(goal.target))},
            )
            for goal, _ in pairs
        },
    )


async def _calculate_progress(context: RequestContext, goal_values: Sequence[tuple[Goal, int]]) -> dict[int, Progress]:
    rows, values = [goal for goal, _ in goal_values], [value for _, value in goal_values]
    return {
        goal.id: current
        for goal, current in zip(rows, await calculate_goal_progress(context, rows, values), strict=True)
    }
