"""Goals against their pace: looked at when the company's day begins, since pace counts whole days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain import alerting
from domain.alerting import AlertKind, Event, Rule
from domain.progress import Progress, progress
from models import alerts, goals, scores
from models.goals import Goal, OwnerKind
from resolvers.alert_rules import Known, at_work
from resolvers.alerting import tell
from resolvers.cases import cases_of
from resolvers.context import Context
from resolvers.recording import touch

_AT_ONCE: Final = 200


async def look(context: Context, after: int) -> int | None:
    """Look at the next goals that hold today: tell of those behind, and of those reached without anybody's record.

    after    the number of the last goal that was looked at
    returns  that of the last one now; None once all were
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
        await touch(context, reached)  # a team that moved below another brings what it has won
    return rows[-1].id if len(rows) == _AT_ONCE else None


async def _tell(context: Context, rules: Sequence[Known], sums: Sequence[tuple[Goal, Progress]], at: datetime) -> None:
    pairs = []
    for known in rules:
        rule = known.rule
        behind = [figures(goal, found, rule, at) for goal, found in sums if alerting.is_behind(found, rule.percent)]
        pairs += [(known, case) for case in await cases_of(context, behind)]
    await tell(context, pairs)


def figures(goal: Goal, sums: Progress, rule: Rule, at: datetime) -> Event:
    """Return that a goal is behind, with what to say of it."""
    data = {
        "title": goal.name,
        "percent": int(sums.percent),
        "expected": int(100 * sums.expected_by_now / sums.target),
        "limit": rule.percent,
    }
    of_employee = goal.owner_kind is OwnerKind.EMPLOYEE
    owner, team = (goal.owner_id, None) if of_employee else (None, goal.owner_id)
    return Event("GOAL_BEHIND", ("Goal", goal.id), at, owner, None, team, data)


async def settle_ended(context: Context) -> None:
    """Resolve what was told of goals whose period is over: there is no pace to keep any more."""
    today = await context.today()
    standing = await alerts.of_kind(AlertKind.GOAL_BEHIND)
    ended = await Goal.filter(id__in=[row.subject_id for row in standing], last_day__lt=today) if standing else []
    if ended:
        async with context.unit():
            await alerts.resolve(
                [row for row in standing if row.subject_id in {goal.id for goal in ended}], context.now()
            )
