"""Progress of goals, with their owners, ledger entries, sums of child targets and change history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from domain.goals.progress import Progress
from domain.permissions import Action
from domain.primitives.units import Unit, from_smallest
from models.db.row_query import RowQuery
from models.goals import goals
from models.goals.goals import Goal, GoalChange
from models.ledger import scores
from models.ledger.scores import ScoreEntry
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey, ScopeRow, team_or_company
from resolvers.goals.goal_edits import format_stored
from resolvers.goals.goal_owners import load_goal_owners, tree_at_end
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.goal_progress import calculate_goal_progress

_FIELD_NAMES: Final = {"full_target": "fullTarget"}  # of columns, where the API has another name


@dataclass(frozen=True, eq=False)
class GoalState:
    """A goal with its progress, and the unit and currency to display it.

    Compared by identity (`eq=False`), since it is the key under which loaded values are kept within a request.
    """

    goal: Goal
    progress: Progress
    unit: Unit
    currency: str
    as_of: datetime
    today: date

    def in_metric_unit(self, amount: int | Fraction) -> Decimal:
        """Convert an amount of the smallest unit to the metric's unit."""
        return from_smallest(amount, self.unit, self.currency)


async def load_goal_states(context: RequestContext, rows: Sequence[Goal]) -> list[GoalState]:
    """Load the state of each goal, in one query for all."""
    # Values of a mutation must match the goal's version, which later changes by others do not.
    cached_values = context.goal_values
    is_cached = cached_values.keys() >= {goal.id for goal in rows}
    return await goal_states(
        context, rows, [cached_values[goal.id] for goal in rows] if is_cached else await scores.goal_values(rows)
    )


async def goal_states(context: RequestContext, rows: Sequence[Goal], values: Sequence[int]) -> list[GoalState]:
    """Return the state of each goal, given their values in the smallest unit."""
    company, metrics, now = await context.company(), await context.metrics(), context.now()
    today = company.calendar.day_of(now)
    return [
        GoalState(goal, current, metrics[goal.metric].unit, company.currency, now, today)
        for goal, current in zip(rows, await calculate_goal_progress(context, rows, values, now), strict=True)
    ]


async def child_target_sums(context: RequestContext, rows: Sequence[Goal]) -> list[int | None]:
    """Return the sum of the targets one level below for each goal of a team or the company.

    Counted are unarchived goals of the same metric and period, of the members within the period, in the
    team of which they were last, and of child teams at its end. None for
    employees' goals, and where the viewer may not see the goals of each team below: a sum less the visible targets
    would tell the others. The targets of employees stand on leaderboards.
    """
    today = await context.today()
    parents = [
        goal for goal in rows if _can_see_child_targets(context, goal, tree_at_end(context.tree, goal.last_day, today))
    ]
    if not parents:
        return [None] * len(rows)
    children = await goals.fetch_with_periods_of(parents)
    owners = await load_goal_owners(context, [goal.owner_id for goal in children if goal.scope.employee_id is not None])

    def parent_owner(goal: Goal) -> ScopeKey | None:
        parent_team_id = owners.team_id(goal)
        return None if parent_team_id is None else team_or_company(parent_team_id)

    parent_ids = {goal.id for goal in parents}
    sums: dict[tuple[object, ...], int] = {}
    for goal in children:
        key = (parent_owner(goal), goal.metric, goal.first_day, goal.last_day)
        sums[key] = sums.get(key, 0) + goal.target
    return [
        sums.get((goal.scope, goal.metric, goal.first_day, goal.last_day), 0) if goal.id in parent_ids else None
        for goal in rows
    ]


def _can_see_child_targets(context: RequestContext, goal: Goal, tree: TeamTree) -> bool:
    """Return whether the viewer may see the targets of the employees and teams one level below a goal's owner.

    tree  of the goal's period
    """
    viewer, child_team_ids = context.viewer, goal.scope.child_team_ids(tree)
    return (
        child_team_ids is not None
        and viewer.can_in_scope(Action.VIEW_LEADERBOARD, goal.scope, None)
        and all(viewer.can_see_goals_of(team_or_company(team_id), None) for team_id in child_team_ids)
    )


@dataclass(frozen=True)
class GoalFieldChange:
    """One changed field of a goal, with targets formatted in the metric's unit."""

    at: datetime
    by_id: int | None
    field: str
    before: str | None
    after: str | None
    reason: str | None


async def change_histories(context: RequestContext, rows: Sequence[Goal]) -> list[list[GoalFieldChange]]:
    """Return the changes of each goal, newest first."""
    metrics, currency = await context.metrics(), (await context.company()).currency

    def format_value(goal: Goal, change: GoalChange, value: str | None) -> str | None:
        return format_stored(change.field, value, metrics[goal.metric].unit, currency)

    histories = await goals.change_histories([goal.id for goal in rows])
    return [
        [
            GoalFieldChange(
                change.at,
                change.by_id,
                _FIELD_NAMES.get(change.field, change.field),
                format_value(goal, change, change.before),
                format_value(goal, change, change.after),
                change.reason,
            )
            for change in changes
        ]
        for goal, changes in zip(rows, histories, strict=True)
    ]


async def goal_owners(context: RequestContext, rows: Sequence[Goal]) -> list[ScopeRow]:
    """Return the employee, team or company that owns each goal."""
    scope_rows = await scopes.load_scope_rows(context, {goal.scope for goal in rows})
    return [scope_rows[goal.scope] for goal in rows]


async def ledger_entries(context: RequestContext, goal: Goal) -> RowQuery[ScoreEntry]:
    """Return a query of the goal's ledger entries that the viewer may see."""
    viewer, scope, span = context.viewer, goal.scope, (goal.metric, goal.first_day, goal.last_day)
    if scope.employee_id is not None:
        query = scores.select_entries(*span, employee_id=scope.employee_id)
        return query.where(viewer.scope_filter(Action.VIEW_ENTRIES, "employee"))
    if not viewer.can_in_scope(Action.VIEW_ENTRIES, scope, None):
        return scores.select_entries(*span).none()
    return scores.select_entries(*span, team_spans=scope.team_spans(context.tree, goal.first_day, goal.last_day))
