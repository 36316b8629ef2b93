"""Recurring goals: creates the same goal for the next period when a period ends.

Periods follow each other by index, so January is followed by the whole of February whatever
its length; where the first day of the week has changed, a week of another length leads over.
Every day has exactly one goal of a recurrence, whatever settings change. Periods missed while no
server was running are created one by one. A goal that was set by hand for a period takes precedence
there: the recurrence continues after it, or ends if that goal recurs itself. Former
employees get no goals, and get them again after their return.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from domain.goals.slices import GoalShape, list_months
from domain.i18n.languages import LANGUAGES
from domain.i18n.period_labels import format_period
from domain.primitives.calendar import Calendar
from domain.primitives.calendar_changes import SHORTEST_WEEK_DAYS
from domain.primitives.periods import Period, PeriodKind, period_after
from domain.primitives.units import format_decimal, from_smallest
from models.crm.activities import ActivityKind
from models.db import row_store
from models.goals import goals
from models.goals.goals import Goal
from models.organization import memberships
from models.organization.memberships import MemberTeams
from resolvers.activities.log import write_activity_entries
from resolvers.goals import pro_rating
from resolvers.goals.affected_goals import goal_list_topics, make_goal_entry, publish_goal_changes
from resolvers.goals.goal_slices import shape_from_history
from resolvers.request.context import RequestContext

_BATCH_SIZE: Final = 100
_RECURRENCE_ENDED: Final = date.max  # another goal continues the recurrence


async def renew_goals(context: RequestContext) -> bool:
    """Renew the next batch of ended goals; return whether there may be more.

    The first check runs without a unit of work, so that an idle run takes no write lock; the rows are read again
    within it, since another server may have renewed them meanwhile.
    """
    today = await context.today()
    if not await goals.is_renewal_due(today):
        return False
    async with context.unit_of_work():
        rows = await goals.fetch_due_for_renewal(today, _BATCH_SIZE)
        is_full_batch = len(rows) == _BATCH_SIZE
        employee_ids = [row.owner_id for row in rows if row.scope.employee_id is not None]
        members = await memberships.load_member_teams(employee_ids)
        created: list[Goal] = []
        while rows and len(created) < _BATCH_SIZE:
            goal = rows.pop(0)
            goal.renewed_until = await _create_following(context, goal, members, today, created)
            await row_store.save(goal, "renewed_until")
        await _publish_created(context, created)
    return is_full_batch or bool(rows)


async def _create_following(
    context: RequestContext, goal: Goal, members: MemberTeams, today: date, created: list[Goal]
) -> date:
    """Create the goals of the periods since, and return the day until which the recurrence is handled."""
    calendar, handled_until, is_continued = await context.calendar(), goal.renewed_until or goal.last_day, False
    while handled_until < today:
        period = period_after(handled_until, goal.kind, calendar)
        if goal.scope.employee_id is not None and not _was_active(members, goal.owner_id, period, calendar):
            handled_until = period.end
            continue
        latest_start = period.end + timedelta(days=SHORTEST_WEEK_DAYS) if goal.kind is PeriodKind.WEEK else period.end
        existing = await goals.find_competing(goal.scope, goal.metric, period, until=latest_start)
        if existing is None or existing.first_day > period.start:
            if existing is not None:  # reach up to it, so that every day has exactly one goal
                period = Period(period.start, existing.first_day - timedelta(days=1), goal.kind)
            created.append(await _create_goal(context, goal, period, running=period.contains(today)))
            handled_until, is_continued = period.end, True
        elif existing.recurring:
            return _RECURRENCE_ENDED
        else:
            handled_until, is_continued = existing.last_day, False
    return _RECURRENCE_ENDED if is_continued else handled_until


def _was_active(members: MemberTeams, employee_id: int, period: Period, calendar: Calendar) -> bool:
    """Return whether the employee was active at any time of the period; goals are not set for former ones."""
    end = calendar.start_of(period.end + timedelta(days=1))
    return members.last_team_id(employee_id, calendar.start_of(period.start), end) is not None


async def _create_goal(context: RequestContext, previous: Goal, period: Period, *, running: bool) -> Goal:
    """Create the goal of one period. Only that of the running period recurs further and can be announced."""
    target = previous.target
    if previous.full_target is not None:
        target = await pro_rating.target_of(context, previous.owner_id, period, previous.full_target)
    tiers, slices = previous.tiers_beside(target), previous.slices
    months = list_months(period, await context.calendar())
    if previous.shape is GoalShape.HISTORY:
        set_target = target if previous.full_target is None else previous.full_target
        slices = await shape_from_history(context, previous.scope, previous.metric, months, set_target)
    return await row_store.insert(
        Goal(
            name=replace_period_in_name(previous.name, previous.period, period),
            owner_kind=previous.owner_kind,
            owner_id=previous.owner_id,
            metric=previous.metric,
            target=target,
            full_target=previous.full_target,
            threshold=previous.threshold,
            stretch=previous.stretch,
            tiers_target=previous.tiers_target,
            slices=slices,
            shape=previous.shape,
            kind=previous.kind,
            first_day=period.start,
            last_day=period.end,
            recurring=True,
            renewed_until=None if running else _RECURRENCE_ENDED,
            announced=[] if running else [tiers.mark_of(tier) for tier, _ in tiers.list_amounts()],
            created_by_id=previous.created_by_id,
            created_at=context.now(),
        )
    )


async def _publish_created(context: RequestContext, created: Sequence[Goal]) -> None:
    if not created:
        return
    metrics, currency = await context.metrics(), (await context.company()).currency
    entries = []
    for goal in created:
        unit = metrics[goal.metric].unit
        activity_data = {
            "target": format_decimal(from_smallest(goal.target, unit, currency)),
            "unit": unit,
            "currency": currency,
        }
        entries.append(make_goal_entry(context, goal, ActivityKind.GOAL_SET, metric=goal.metric, **activity_data))
    await write_activity_entries(context, entries)
    context.publish(*goal_list_topics(created))
    await publish_goal_changes(context, created)


def replace_period_in_name(name: str, old: Period, new: Period) -> str:
    """Return the goal's name with the label of the old period, if it contains it, replaced by that of the new one."""
    for language in LANGUAGES:
        name = name.replace(format_period(old, language), format_period(new, language))
    return name[:200]
