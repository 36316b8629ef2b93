"""Checks goals against their expected pace: at the start of each day of the company, goals of one day at half its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.alerts import rules as alert_rules
from domain.alerts.rules import AlertKind
from domain.goals.progress import Progress, pace_check_time
from models.alerts import alerts
from models.goals import goals
from models.goals.goals import Goal
from models.ledger import scores
from resolvers.alerts.candidates import build_candidates
from resolvers.alerts.evaluation import raise_alerts
from resolvers.alerts.goal_events import build_goal_behind_event
from resolvers.alerts.rules import ActiveRule, active_rules
from resolvers.alerts.settlement import MovedGoals, settle_goal_alerts
from resolvers.goals.affected_goals import publish_goal_changes
from resolvers.request.context import RequestContext
from resolvers.request.goal_progress import calculate_goal_progress, has_owner_on

_BATCH_SIZE: Final = 200


async def check_next_goals(context: RequestContext, after_id: int, *, goals_of_one_day: bool = False) -> int | None:
    """Check the next batch of goals that run today: alert those behind, announce those reached without a record.

    after_id          the id of the last goal that was checked
    goals_of_one_day  check the goals of one day, which are due later in the day, in place of the others
    returns           the id of the last goal of this batch; None once all are checked
    """
    async with context.unit_of_work():
        today = await context.today()
        rows = await goals.fetch_running(today, of_one_day=goals_of_one_day, after_id=after_id, limit=_BATCH_SIZE)
        progress = await calculate_goal_progress(context, rows, await scores.goal_values(rows))
        goal_progress = list(zip(rows, progress, strict=True))
        await _raise_goals_behind(context, await active_rules(context, {AlertKind.GOAL_BEHIND}), goal_progress)
        reached = [row for row, current in goal_progress if row.tiers.find_unannounced(current.value, row.announced)]
        await publish_goal_changes(
            context, reached
        )  # e.g. a team was moved below another, whose goal now includes its wins
    return rows[-1].id if len(rows) == _BATCH_SIZE else None


async def _raise_goals_behind(
    context: RequestContext, active_rules: Sequence[ActiveRule], goal_progress: Sequence[tuple[Goal, Progress]]
) -> None:
    """Raise the alerts of the goals that are behind, except those of former employees."""
    today, schedule = await context.today(), await context.work_schedule()
    current = [(goal, progress) for goal, progress in goal_progress if has_owner_on(schedule, goal, today)]
    pairs = []
    for active_rule in active_rules:
        rule = active_rule.rule
        events = [
            build_goal_behind_event(goal, progress, rule, pace_check_time(goal.period, today, schedule.calendar))
            for goal, progress in current
            if alert_rules.is_behind(progress, rule.percent)
        ]
        pairs += [(active_rule, candidate) for candidate in await build_candidates(context, events)]
    await raise_alerts(context, pairs)


async def resolve_unfounded_alerts(context: RequestContext) -> None:
    """Resolve the alerts of goals that are no longer behind, because working time or targets have changed."""
    after_id = 0
    while active_alerts := await alerts.find_next_active_of_kind(AlertKind.GOAL_BEHIND, after_id, _BATCH_SIZE):
        after_id = active_alerts[-1].id
        rows = [row for row in await goals.by_ids([alert.subject_id for alert in active_alerts]) if row]
        await settle_goal_alerts(context, MovedGoals(rows, await scores.goal_values(rows)))


async def resolve_alerts_of_ended_goals(context: RequestContext) -> bool:
    """Resolve the next batch of alerts of ended goals, which have no pace to keep any more.

    Returns whether there may be more.
    """
    today = await context.today()
    active_alerts = await alerts.find_active_of_ended_goals(AlertKind.GOAL_BEHIND, today, _BATCH_SIZE)
    if active_alerts:
        async with context.unit_of_work():
            await alerts.resolve(active_alerts, context.now())
    return len(active_alerts) == _BATCH_SIZE
