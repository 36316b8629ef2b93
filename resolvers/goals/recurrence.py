"""Recurring goals: creates the same goal for the next period when a period ends.

Periods follow each other by index, so January is followed by the whole of February whatever
its length. Periods missed while no server was running are created one by one. A goal that was
set by hand for a period takes precedence there: the recurrence continues after it, or ends if
that goal recurs itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, shifted
from domain.primitives.units import canonical, shown
from models.crm.activities import ActivityKind
from models.goals import goals
from models.goals.goals import Goal, OwnerKind
from models.organization import people
from resolvers.activities.log import write_lines
from resolvers.goals.affected_goals import goal_line, touch
from resolvers.request.context import Context

_AT_ONCE: Final = 100
_FOR_GOOD: Final = date.max  # another goal continues the recurrence, or the owner has left
_LANGUAGES: Final = ("en", "ru")


async def renew(context: Context) -> bool:
    """Renew the next batch of goals whose period is over; return whether there may be more.

    The first check runs without a unit of work, so that an idle run takes no write lock; the rows are read again
    within it, since another server may have renewed them meanwhile.
    """
    today = await context.today()
    if not await goals.to_renew(today).exists():
        return False
    async with context.unit():
        rows = await goals.to_renew(today).order_by("last_day", "id").limit(_AT_ONCE)
        full = len(rows) == _AT_ONCE
        active = {row.id for row in await people.by_ids(_owners(rows)) if row and row.active}
        made: list[Goal] = []
        while rows and len(made) < _AT_ONCE:
            goal = rows.pop(0)
            left = goal.owner_kind is OwnerKind.EMPLOYEE and goal.owner_id not in active
            goal.renewed_until = _FOR_GOOD if left else await _renew(context, goal, today, made)
            await goal.save(update_fields=["renewed_until"])
        await _tell(context, made)
    return full or bool(rows)


def _owners(rows: Sequence[Goal]) -> list[int]:
    return [row.owner_id for row in rows if row.owner_kind is OwnerKind.EMPLOYEE]


async def _renew(context: Context, goal: Goal, today: date, made: list[Goal]) -> date:
    """Create the goals of the periods since, and return the day until which the recurrence is handled."""
    calendar, until, carried = await context.calendar(), goal.renewed_until or goal.last_day, False
    for period in following(goal.period, today, calendar):
        if period.start <= until:
            continue
        there = await goals.same(goal, period)
        if there is None:
            made.append(await _make(context, goal, period, running=period.contains(today)))
        elif there.recurring:
            return _FOR_GOOD
        until, carried = period.end, there is None
    return _FOR_GOOD if carried else until


def following(period: Period, today: date, calendar: Calendar) -> list[Period]:
    """Return the periods after this one, up to the one that contains today."""
    found, ahead = [], shifted(period, 1, calendar)
    while ahead.start <= today:
        found.append(ahead)
        ahead = shifted(period, len(found) + 1, calendar)
    return found


async def _make(context: Context, old: Goal, period: Period, *, running: bool) -> Goal:
    """Create the goal of one period. Only that of the running period recurs further and can be announced."""
    return await Goal.create(
        name=renamed(old.name, old.period, period),
        owner_kind=old.owner_kind,
        owner_id=old.owner_id,
        metric=old.metric,
        target=old.target,
        kind=old.kind,
        first_day=period.start,
        last_day=period.end,
        recurring=True,
        renewed_until=None if running else _FOR_GOOD,
        announced=[] if running else [old.target],
        created_by_id=old.created_by_id,
        created_at=context.now(),
    )


async def _tell(context: Context, made: Sequence[Goal]) -> None:
    if not made:
        return
    metrics, currency = await context.metrics(), (await context.company()).currency
    lines = []
    for goal in made:
        unit = metrics[goal.metric].unit
        said = {"target": canonical(shown(goal.target, unit, currency)), "unit": unit, "currency": currency}
        lines.append(goal_line(context, goal, ActivityKind.GOAL_SET, metric=goal.metric, **said))
    await write_lines(context, lines)
    context.announce("goals")
    await touch(context, made)


def renamed(name: str, old: Period, new: Period) -> str:
    """Return the goal's name with the label of the old period, if it contains it, replaced by that of the new one."""
    for language in _LANGUAGES:
        name = name.replace(old.label(language), new.label(language))
    return name[:200]
