"""Goals: set, update, archive and list them, as far as the viewer may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tortoise.expressions import Q

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange
from domain.permissions import Action
from domain.primitives.global_ids import decoded
from domain.primitives.periods import PeriodKind
from domain.primitives.units import Unit, canonical, shown
from models.crm.activities import ActivityKind
from models.goals import goals
from models.goals.goals import Goal, GoalChange, OwnerKind
from models.ledger import scores
from models.organization.people import Employee
from resolvers.activities.log import write_lines
from resolvers.alerts.evaluation import no_more
from resolvers.goals.affected_goals import goal_line, touch
from resolvers.request import scopes, validation
from resolvers.request.context import Context
from resolvers.request.goal_visibility import within_sight
from resolvers.request.metric_lookup import metric as metric_of
from resolvers.request.periods import period
from resolvers.request.scopes import Scope

Given = Mapping[str, Any]


async def set_goal(context: Context, given: Given) -> Goal:
    """Create a goal of an employee, a team or the company for a period."""
    scope = await scopes.find(context, given["owner"])
    if scope is None or not scopes.sees(context, scope):
        raise NotFound("There is no such employee, team or company.", "input", "owner")
    if not scopes.reaches(context, Action.SET_GOALS, scope):
        raise Forbidden("You can set goals only for those below you.", "input", "owner")
    metric = await metric_of(context, given["metric"], "input", "metric")
    days = await period(context, given["period"], "input", "period")
    recurring = bool(given.get("recurring"))
    _check_recurring(recurring, days.kind)
    company = await context.company()
    target = _target(given["target"], metric.unit, company.currency)
    same = goals.current().filter(
        owner_kind=scope.kind, owner_id=scope.number, metric=metric.key, first_day=days.start, last_day=days.end
    )
    if await same.exists():
        raise Conflict("There is a goal for this metric, owner and period already: change that one.", "input", "period")
    name = (
        validation.line(given.get("name"), "input", "name")
        or f"{metric.called(context.language)}, {days.label(context.language)}"
    )
    goal = await Goal.create(
        name=name[:200],
        owner_kind=scope.kind,
        owner_id=scope.number,
        metric=metric.key,
        target=target,
        kind=days.kind,
        first_day=days.start,
        last_day=days.end,
        recurring=recurring,
        created_by_id=context.viewer.id,
        created_at=context.now(),
    )
    [value] = await scores.goal_values([goal])
    if value >= target:  # already reached when it is set: no crossing, so no announcement
        goal.announced = [target]
        await goal.save(update_fields=["announced"])
    await write_lines(
        context, [goal_line(context, goal, ActivityKind.GOAL_SET, **_said(goal, metric.unit, company.currency))]
    )
    _moved(context, goal)
    return goal


async def update_goal(context: Context, given: Given) -> Goal:
    """Change name, target or recurrence; each change is kept with its author, time, old and new value.

    `ifVersion` makes the update conditional: Conflict if the goal has another version by now.
    """
    goal = await _to_change(context, given["id"], "input", "id")
    seen = given.get("ifVersion")
    if seen is not None and seen != goal.version:
        raise Conflict(
            f"The goal has changed in the meantime: its version is {goal.version} now.", "input", "ifVersion"
        )
    if goal.archived_at is not None:
        raise Conflict("This goal is archived.", "input", "id")
    metric = await metric_of(context, goal.metric)
    company = await context.company()
    wanted: dict[str, Any] = {}
    if given.get("name") is not None:
        wanted["name"] = validation.name(given["name"], "input", "name")
    if given.get("target") is not None:
        wanted["target"] = _target(given["target"], metric.unit, company.currency)
    if given.get("recurring") is not None:
        _check_recurring(given["recurring"], goal.kind)
        wanted["recurring"] = given["recurring"]
    differing = {field: value for field, value in wanted.items() if getattr(goal, field) != value}
    if not differing:
        return goal
    await GoalChange.bulk_create(
        [
            GoalChange(
                goal_id=goal.id,
                at=context.now(),
                by_id=context.viewer.id,
                field=field,
                before=str(getattr(goal, field)),
                after=str(value),
            )
            for field, value in differing.items()
        ]
    )
    said = {
        field: [
            _text(field, getattr(goal, field), metric.unit, company.currency),
            _text(field, value, metric.unit, company.currency),
        ]
        for field, value in differing.items()
    }
    goal.update_from_dict(differing)
    await goal.save(update_fields=list(differing))
    await write_lines(context, [goal_line(context, goal, ActivityKind.GOAL_CHANGED, changed=said)])
    _moved(context, goal)
    await touch(context, [goal])
    return goal


async def archive_goal(context: Context, id_: str) -> Goal:
    """Archive a goal, which hides it, and resolve its alerts; nothing is deleted."""
    goal = await _to_change(context, id_, "id")
    if goal.archived_at is None:
        goal.archived_at = context.now()
        await goal.save(update_fields=["archived_at"])
        await write_lines(context, [goal_line(context, goal, ActivityKind.GOAL_ARCHIVED)])
        _moved(context, goal)
        await no_more([("Goal", goal.id)], context.now())
    return goal


def _check_recurring(recurring: bool, kind: PeriodKind) -> None:
    if recurring and kind is PeriodKind.CUSTOM:
        raise Invalid("A custom period cannot recur: choose a day, week, month, quarter or year.", "input", "recurring")


def _target(value: Decimal, unit: Unit, currency: str) -> int:
    target = validation.measured(value, unit, currency, "input", "target")
    if target <= 0:
        raise OutOfRange("A target is above zero.", "input", "target")
    return target


def _text(field: str, value: Any, unit: Unit, currency: str) -> str:
    return canonical(shown(value, unit, currency)) if field == "target" else str(value)


def _said(goal: Goal, unit: Unit, currency: str) -> dict[str, Any]:
    return {
        "target": _text("target", goal.target, unit, currency),
        "metric": goal.metric,
        "unit": unit,
        "currency": currency,
    }


def _moved(context: Context, goal: Goal) -> None:
    assert context.work is not None
    context.work.goals[goal.id] = goal
    context.announce("goals", f"goal:{goal.id}")


async def _to_change(context: Context, id_: str, *path: str) -> Goal:
    goal = await find(context, id_)
    if goal is None:
        raise NotFound("There is no such goal.", *path)
    scope = Scope(goal.owner_kind, goal.owner_id, await _owner(context, goal))
    if not scopes.reaches(context, Action.SET_GOALS, scope):
        raise Forbidden("You can see this goal, but not change it.", *path)
    return goal


async def _owner(context: Context, goal: Goal) -> Any:
    employee = await Employee.get(id=goal.owner_id) if goal.owner_kind is OwnerKind.EMPLOYEE else None
    return scopes.owner(context, goal.owner_kind, goal.owner_id, employee, await context.company())


async def find(context: Context, id_: str) -> Goal | None:
    """Return a goal that the viewer may see, or None."""
    return (await find_all(context, [id_]))[0]


async def find_all(context: Context, ids: Sequence[str]) -> list[Goal | None]:
    """Return the goals that the viewer may see, in the order of the ids, None for the others."""
    return await seen(context, numbers_of(ids))


def numbers_of(ids: Sequence[str]) -> list[int]:
    """Return the database ids of goals; 0, which no goal has, for a string that is not the id of a goal."""
    pairs = [decoded(id_) for id_ in ids]
    return [pair[1] if pair and pair[0] == "Goal" else 0 for pair in pairs]


async def with_values(context: Context, numbers: Sequence[int]) -> dict[Goal, int]:
    """Return the goals that the viewer may see, in their order, with their values in the smallest unit.

    In a live stream the shared cache reads the goals of all streams that wake at the same moment together.
    """
    ask = context.known.goals if context.known else scores.goals_with_values
    found = await ask(numbers)
    rows = await within_sight(context, [found[number][0] for number in dict.fromkeys(numbers) if number in found])
    return {row: found[row.id][1] for row in rows}


async def seen(context: Context, numbers: Sequence[int]) -> list[Goal | None]:
    """Return the goals of these ids in their order, None for those that the viewer may not see."""
    rows = await goals.by_ids(numbers)
    visible = {row.id for row in await within_sight(context, [row for row in rows if row])}
    return [row if row and row.id in visible else None for row in rows]


async def of_scope(context: Context, scope: Scope, given: Given | None, *, archived: bool) -> list[Goal]:
    """Return the goals owned by the scope itself whose period overlaps the input period (None: contains today)."""
    if not reaches_goals(context, scope):
        return []
    return await _listed(context, Q(owner_kind=scope.kind, owner_id=scope.number), given, None, archived)


def reaches_goals(context: Context, scope: Scope) -> bool:
    viewer = context.viewer
    if isinstance(scope.row, Employee):
        return viewer.may(Action.VIEW_GOALS, scope.row)
    return (
        scope.number in viewer.goal_teams()
        if scope.kind is OwnerKind.TEAM
        else viewer.may_company(Action.VIEW_GOALS_ABOVE)
    )


async def listed(
    context: Context, scope_id: str | None, given: Given | None, metric: str | None, *, archived: bool
) -> list[Goal]:
    """Return the goals of a scope and of the teams and employees within it that the viewer may see.

    scope_global_id  None for the company
    period_input     goals whose period overlaps it; None for those that contain today
    metric           None for all metrics
    """
    scope = await scopes.find(context, scope_id) if scope_id is not None else await scopes.whole(context)
    if scope is None:
        return []
    condition = await _within(context, scope)
    return await _listed(context, condition, given, metric, archived)


async def own(context: Context) -> list[Goal]:
    """Return the viewer's own goals whose period contains today; for a device, those within its scope."""
    if context.viewer.employee is None:
        return await listed(context, None, None, None, archived=False)
    mine = Q(owner_kind=OwnerKind.EMPLOYEE, owner_id=context.viewer.id)
    return await _listed(context, mine, None, None, archived=False)


async def _within(context: Context, scope: Scope) -> Q:
    """Return the condition for the visible goals of the scope and of the teams and employees within it."""
    viewer = context.viewer
    sight = viewer.goals(await _visible_employees(context, scope))
    if scope.kind is OwnerKind.COMPANY:
        return sight
    if scope.kind is OwnerKind.EMPLOYEE:
        return sight & Q(owner_kind=OwnerKind.EMPLOYEE, owner_id=scope.number)
    teams = list(context.tree.below(scope.number))
    return sight & (Q(owner_kind=OwnerKind.TEAM, owner_id__in=teams) | Q(owner_kind=OwnerKind.EMPLOYEE))


async def _visible_employees(context: Context, scope: Scope) -> list[int]:
    """Return the ids of the employees of the scope whose goals the viewer may see."""
    query = Employee.all()
    if scope.kind is OwnerKind.EMPLOYEE:
        query = query.filter(id=scope.number)
    elif scope.kind is OwnerKind.TEAM:
        query = query.filter(team_id__in=list(context.tree.below(scope.number)))
    return [
        row.id for row in await query.only("id", "team_id", "manager_id") if context.viewer.may(Action.VIEW_GOALS, row)
    ]


async def _listed(
    context: Context, condition: Q, given: Given | None, metric: str | None, archived: bool
) -> list[Goal]:
    first, last = await _days(context, given)
    query = goals.overlapping(first, last).filter(condition)
    if metric is not None:
        query = query.filter(metric__in=[metric] if metric in await context.metrics() else [])
    if not archived:
        query = query.filter(archived_at=None)
    return await context.rows(query.order_by("last_day", "id").limit(1000))


async def _days(context: Context, given: Given | None) -> tuple[date, date]:
    if given is None:
        today = await context.today()
        return today, today
    days = await period(context, given, "period")
    return days.start, days.end
