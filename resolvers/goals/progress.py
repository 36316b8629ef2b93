"""Progress of goals, with their owners, ledger entries, sums of child targets and change history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.goals import progress as arithmetic
from domain.goals.progress import Progress
from domain.permissions import Action
from domain.primitives.units import Unit, canonical, shown
from models.goals import goals
from models.goals.goals import Goal, GoalChange, OwnerKind
from models.ledger import scores
from models.organization.people import Employee
from resolvers.request import scopes
from resolvers.request.context import Context


@dataclass(frozen=True, eq=False)
class Reached:
    """A goal with its progress, and the unit and currency to display it.

    Compared by identity (`eq=False`), since it is the key under which loaded values are kept within a request.
    """

    goal: Goal
    sums: Progress
    unit: Unit
    currency: str
    as_of: datetime

    def shown(self, amount: int | Fraction) -> Decimal:
        """Convert an amount of the smallest unit to the metric's unit."""
        return shown(amount, self.unit, self.currency)


async def reached(context: Context, rows: Sequence[Goal]) -> list[Reached]:
    """Load the state of each goal, in one query for all."""
    known = context.reached  # of a mutation: must match the goal's version, which later changes by others do not
    told = known.keys() >= {goal.id for goal in rows}
    return await with_values(
        context, rows, [known[goal.id] for goal in rows] if told else await scores.goal_values(rows)
    )


async def with_values(context: Context, rows: Sequence[Goal], values: Sequence[int]) -> list[Reached]:
    """Return the state of each goal, given their values in the smallest unit."""
    company, metrics, today = await context.company(), await context.metrics(), await context.today()
    return [
        Reached(
            goal,
            arithmetic.progress(value, goal.target, goal.period, today=today, calendar=company.calendar),
            metrics[goal.metric].unit,
            company.currency,
            context.now(),
        )
        for goal, value in zip(rows, values, strict=True)
    ]


async def allocated(context: Context, rows: Sequence[Goal]) -> list[int | None]:
    """Return the sum of the targets one level below for each goal of a team or the company; None for employees' goals.

    Counted are unarchived goals of the same metric and period, of active employees and of child teams.
    """
    wanted = [goal for goal in rows if goal.owner_kind is not OwnerKind.EMPLOYEE]
    if not wanted:
        return [None] * len(rows)
    below = await goals.current().filter(
        metric__in={goal.metric for goal in wanted},
        first_day__in={goal.first_day for goal in wanted},
        last_day__in={goal.last_day for goal in wanted},
    )
    homes = dict(await Employee.filter(active=True).values_list("id", "team_id"))
    teams = context.tree.teams

    def parent(goal: Goal) -> tuple[OwnerKind, int] | None:
        if goal.owner_kind is OwnerKind.EMPLOYEE:
            if goal.owner_id not in homes:
                return None
            home = homes[goal.owner_id]
        elif goal.owner_kind is OwnerKind.TEAM:
            home = teams[goal.owner_id].parent_id
        else:
            return None
        return (OwnerKind.TEAM, home) if home else (OwnerKind.COMPANY, 0)

    sums: dict[tuple[Any, ...], int] = {}
    for goal in below:
        key = (parent(goal), goal.metric, goal.first_day, goal.last_day)
        sums[key] = sums.get(key, 0) + goal.target
    return [
        None
        if goal.owner_kind is OwnerKind.EMPLOYEE
        else sums.get(((goal.owner_kind, goal.owner_id), goal.metric, goal.first_day, goal.last_day), 0)
        for goal in rows
    ]


@dataclass(frozen=True)
class Altered:
    """One changed field of a goal, with targets formatted in the metric's unit."""

    at: datetime
    by_id: int | None
    field: str
    before: str | None
    after: str | None


async def altered(context: Context, rows: Sequence[Goal]) -> list[list[Altered]]:
    """Return the changes of each goal, newest first."""
    metrics, currency = await context.metrics(), (await context.company()).currency

    def said(goal: Goal, change: GoalChange, value: str | None) -> str | None:
        if value is None or change.field != "target":
            return value
        return canonical(shown(int(value), metrics[goal.metric].unit, currency))

    found = await goals.changes_of([goal.id for goal in rows])
    return [
        [
            Altered(one.at, one.by_id, one.field, said(goal, one, one.before), said(goal, one, one.after))
            for one in changes
        ]
        for goal, changes in zip(rows, found, strict=True)
    ]


async def owners(context: Context, rows: Sequence[Goal]) -> list[Any]:
    """Return the employee, team or company that owns each goal."""
    employees = await context.people([goal.owner_id for goal in rows if goal.owner_kind is OwnerKind.EMPLOYEE])
    known = {row.id: row for row in employees if row}
    company = await context.company()
    return [scopes.owner(context, goal.owner_kind, goal.owner_id, known.get(goal.owner_id), company) for goal in rows]


async def entries(context: Context, goal: Goal) -> Any:
    """Return a query of the goal's ledger entries that the viewer may see."""
    query = scores.ScoreEntry.filter(
        metric=goal.metric, effective_on__gte=goal.first_day, effective_on__lte=goal.last_day
    )
    viewer = context.viewer
    if goal.owner_kind is OwnerKind.EMPLOYEE:
        return query.filter(viewer.within(Action.VIEW_ENTRIES, "employee"), employee_id=goal.owner_id)
    whole = viewer.may_company(Action.VIEW_ENTRIES) or (
        goal.owner_kind is OwnerKind.TEAM and viewer.may_team(Action.VIEW_ENTRIES, goal.owner_id)
    )
    if not whole:
        return query.filter(id=0)
    if goal.owner_kind is OwnerKind.TEAM:
        return query.filter(team_id__in=list(context.tree.below(goal.owner_id)))
    return query
