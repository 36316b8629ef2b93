"""Checks goals against their expected pace, at the start of each day of the company, since pace counts whole days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain.alerts import rules as alert_rules
from domain.alerts.rules import AlertKind
from domain.goals.progress import Progress, progress
from models.alerts import alerts
from models.goals import goals
from models.goals.goals import Goal
from models.ledger import scores
from resolvers.alerts.candidates import cases_of
from resolvers.alerts.evaluation import tell
from resolvers.alerts.goal_events import figures
from resolvers.alerts.rules import Known, at_work
from resolvers.goals.affected_goals import touch
from resolvers.request.context import Context

_AT_ONCE: Final = 200


async def look(context: Context, after: int) -> int | None:
    """Check the next batch of goals that run today: alert those behind, announce those reached without a record.

    after_id  the id of the last goal that was checked
    returns   the id of the last goal of this batch; None once all are checked
    """
    async with context.unit():
        today, calendar = await context.today(), await context.calendar()
        query = goals.current().filter(first_day__lte=today, last_day__gte=today, id__gt=after)
        rows = await query.order_by("id").limit(_AT_ONCE)
        values = await scores.goal_values(rows)
        known = await at_work(context, {AlertKind.GOAL_BEHIND})
        sums = [
            (row, progress(value, row.target, row.period, today=today, calendar=calendar))
            for row, value in zip(rows, values, strict=True)
        ]
        await _tell(context, known, sums, calendar.start_of(today))
        reached = [row for row, found in sums if found.value >= row.target and row.target not in row.announced]
        await touch(context, reached)  # e.g. a team was moved below another, whose goal now includes its wins
    return rows[-1].id if len(rows) == _AT_ONCE else None


async def _tell(context: Context, rules: Sequence[Known], sums: Sequence[tuple[Goal, Progress]], at: datetime) -> None:
    pairs = []
    for known in rules:
        rule = known.rule
        behind = [figures(goal, found, rule, at) for goal, found in sums if alert_rules.is_behind(found, rule.percent)]
        pairs += [(known, case) for case in await cases_of(context, behind)]
    await tell(context, pairs)


async def settle_ended(context: Context) -> None:
    """Resolve the alerts of goals whose period is over, since they have no pace to keep any more."""
    today = await context.today()
    standing = await alerts.of_kind(AlertKind.GOAL_BEHIND)
    ended = await Goal.filter(id__in=[row.subject_id for row in standing], last_day__lt=today) if standing else []
    if ended:
        async with context.unit():
            await alerts.resolve(
                [row for row in standing if row.subject_id in {goal.id for goal in ended}], context.now()
            )
