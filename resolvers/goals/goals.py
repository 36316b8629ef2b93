"""Goals: set, update, archive and list them, as far as the viewer may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange
from domain.i18n.metric_names import metric_name
from domain.i18n.period_labels import format_period
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.units import Unit
from models.crm.activities import ActivityKind
from models.db import row_store
from models.db.conditions import Condition
from models.goals import goals
from models.goals.goals import Goal
from models.ledger import scores
from models.organization import memberships, people
from models.organization.scopes import ScopeKey, key_of_row, owned_within
from resolvers.activities.log import write_activity_entries
from resolvers.alerts.evaluation import resolve_all
from resolvers.goals import pro_rating
from resolvers.goals.affected_goals import make_goal_entry
from resolvers.goals.goal_edits import apply_changes, check_reason_given, format_value, mark_moved
from resolvers.goals.goal_owners import load_goal_owners
from resolvers.goals.goal_slices import change_slices, choose_slices
from resolvers.goals.goal_tiers import change_tiers, clean_tiers
from resolvers.goals.inputs import GoalInput, GoalUpdateInput
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.goal_visibility import filter_visible
from resolvers.request.metric_lookup import find_metric
from resolvers.request.periods import PeriodKey, resolve_period
from resolvers.request.scopes import Scope

_MAX_GOALS: Final = 1000  # of a list


async def set_goal(context: RequestContext, input: GoalInput, *, allows_departed: bool = False) -> Goal:
    """Create a goal of an employee, a team or the company for a period; return an existing one that is equal.

    Raises Conflict for another goal of the same metric, owner and period.

    allows_departed  the employee may have left: an import sets goals of the past
    """
    scope = await scopes.find_scope(context, input.owner)
    if scope is None or not scopes.can_see(context, scope):
        raise NotFound("There is no such employee, team or company.", "input", "owner")
    if not scopes.can_act_on(context, Action.SET_GOALS, scope):
        raise Forbidden("You can set goals only for those below you.", "input", "owner")
    if scope.employee is not None and not scope.employee.active and not allows_departed:
        raise Conflict(
            "{name} has left the company: name someone who works there.", "input", "owner", name=scope.employee.name
        )
    metric = await find_metric(context, input.metric, "input", "metric")
    goal_period = await resolve_period(context, input.period, "input", "period")
    _check_recurring(input.recurring, goal_period.kind)
    company = await context.company()
    target, full_target = await _target_columns(
        context,
        scope.key,
        goal_period,
        _parse_target(input.target, metric.unit, company.currency),
        input.pro_rated,
    )
    set_target = target if full_target is None else full_target
    tiers = clean_tiers(input.threshold, input.stretch, set_target, metric.unit, company.currency)
    slices = await choose_slices(context, scope.key, metric, goal_period, set_target, input.shape, input.slices)
    chosen_name = validation.clean_optional_line(input.name, "input", "name")
    default_name = f"{metric_name(metric, context.language)}, {format_period(goal_period, context.language)}"
    goal = Goal(
        name=(chosen_name or default_name)[:200],
        owner_kind=scope.kind,
        owner_id=scope.id,
        metric=metric.key,
        target=target,
        full_target=full_target,
        kind=goal_period.kind,
        first_day=goal_period.start,
        last_day=goal_period.end,
        recurring=input.recurring,
        created_by_id=context.viewer.id,
        created_at=context.now(),
        **tiers,
        **slices,
    )
    existing = await goals.find_competing(scope.key, metric.key, goal_period, until=goal_period.end)
    if existing is not None:
        if _is_repetition(goal, existing) and chosen_name in (None, existing.name):
            return existing
        raise Conflict("There is a goal for this metric, owner and period already: change that one.", "input", "period")
    await row_store.insert(goal)
    [value] = await scores.goal_values([goal])
    goal.announced = goal.tiers.list_marks(value)  # reached when it is set: no crossing, so no announcement
    if goal.announced:
        await row_store.save(goal, "announced")
    await write_activity_entries(
        context,
        [make_goal_entry(context, goal, ActivityKind.GOAL_SET, **_activity_data(goal, metric.unit, company.currency))],
    )
    mark_moved(context, goal)
    return goal


def _is_repetition(goal: Goal, existing: Goal) -> bool:
    """Return whether a new goal of the same metric, owner and period asks for what there is already."""
    wanted, present = (
        (
            one.period,
            one.target,
            one.full_target,
            one.recurring,
            one.tiers_beside(one.set_target),
            one.shape,
            one.slices,
        )
        for one in (goal, existing)
    )
    return wanted == present


async def update_goal(context: RequestContext, input: GoalUpdateInput, *, needs_reason: bool = True) -> Goal:
    """Change name, target, tiers, slices, pro-rating or recurrence; each change is kept with its author, time, old and new value.

    `ifVersion` makes the update conditional: Conflict if the goal has another version by now.

    needs_reason  whether a target of a period that has begun changes only with a reason, where the company asks for it
    """
    goal = await _find_editable(context, input.id, "input", "id")
    if input.if_version is not None and input.if_version != goal.version:
        raise Conflict(
            "The goal has changed in the meantime: its version is {version} now.",
            "input",
            "ifVersion",
            version=goal.version,
        )
    if goal.archived_at is not None:
        raise Conflict("This goal is archived.", "input", "id")
    metric = await find_metric(context, goal.metric)
    company = await context.company()
    requested: dict[str, object] = {}
    if input.name is not None:
        requested["name"] = validation.clean_name(input.name, "input", "name")
    set_target = goal.set_target if input.target is None else _parse_target(input.target, metric.unit, company.currency)
    if input.target is not None or input.pro_rated is not None:
        is_pro_rated = goal.full_target is not None if input.pro_rated is None else input.pro_rated
        requested["target"], requested["full_target"] = await _target_columns(
            context, goal.scope, goal.period, set_target, is_pro_rated
        )
    requested |= change_tiers(goal, input.threshold, input.stretch, set_target, metric.unit, company.currency)
    requested |= await change_slices(context, goal, metric, set_target, input.shape, input.slices)
    if input.recurring is not None:
        _check_recurring(input.recurring, goal.kind)
        requested["recurring"] = input.recurring
    reason = validation.clean_optional_line(input.reason, "input", "reason")
    if needs_reason and any(requested.get(column, value) != value for column, value in _target_values(goal).items()):
        await check_reason_given(context, goal.period, reason, "input", "reason")
    await apply_changes(context, goal, requested, metric.unit, reason)
    return goal


def _target_values(goal: Goal) -> dict[str, object]:
    return {"target": goal.target, "full_target": goal.full_target}


async def archive_goal(context: RequestContext, global_id: str) -> Goal:
    """Archive a goal, which hides it, and resolve its alerts; nothing is deleted."""
    goal = await _find_editable(context, global_id, "id")
    if goal.archived_at is None:
        goal.archived_at = context.now()
        await row_store.save(goal, "archived_at")
        await write_activity_entries(context, [make_goal_entry(context, goal, ActivityKind.GOAL_ARCHIVED)])
        mark_moved(context, goal)
        await resolve_all([("Goal", goal.id)], context.now())
    return goal


def _check_recurring(recurring: bool, kind: PeriodKind) -> None:
    if recurring and kind is PeriodKind.CUSTOM:
        raise Invalid("A custom period cannot recur: choose a day, week, month, quarter or year.", "input", "recurring")


def _parse_target(value: Decimal, unit: Unit, currency: str) -> int:
    target = validation.clean_metric_value(value, unit, currency, "input", "target")
    if target <= 0:
        raise OutOfRange("A target is above zero.", "input", "target")
    return target


async def _target_columns(
    context: RequestContext, scope: ScopeKey, period: Period, full_target: int, is_pro_rated: bool
) -> tuple[int, int | None]:
    """Return the values of `target` and `full_target`. Raises Invalid for a pro-rated goal of a team or the company."""
    if not is_pro_rated:
        return full_target, None
    if scope.employee_id is None:
        raise Invalid(
            "Only the goal of an employee can be pro-rated: leave `proRated` out, or set it for each member.",
            "input",
            "proRated",
        )
    return await pro_rating.target_of(context, scope.employee_id, period, full_target), full_target


def _activity_data(goal: Goal, unit: Unit, currency: str) -> dict[str, object]:
    return {
        "target": format_value("target", goal.target, unit, currency),
        "metric": goal.metric,
        "unit": unit,
        "currency": currency,
    }


async def _find_editable(context: RequestContext, global_id: str, *path: str) -> Goal:
    goal = await find(context, global_id)
    if goal is None:
        raise NotFound("There is no such goal.", *path)
    scope = Scope(goal.scope, (await scopes.load_scope_rows(context, [goal.scope]))[goal.scope])
    if not scopes.can_act_on(context, Action.SET_GOALS, scope):
        raise Forbidden("You can see this goal, but not change it.", *path)
    return goal


async def find(context: RequestContext, global_id: str) -> Goal | None:
    """Return a goal that the viewer may see, or None."""
    return (await find_all(context, [global_id]))[0]


async def find_all(context: RequestContext, global_ids: Sequence[str]) -> list[Goal | None]:
    """Return the goals that the viewer may see, in the order of the ids, None for the others."""
    return await find_visible(context, decode_goal_ids(global_ids))


def decode_goal_ids(global_ids: Sequence[str]) -> list[int]:
    """Return the database ids of goals; 0, which no goal has, for a string that is not the id of a goal."""
    pairs = [decode_global_id(global_id) for global_id in global_ids]
    return [pair[1] if pair and pair[0] == "Goal" else 0 for pair in pairs]


async def visible_goals_with_values(
    context: RequestContext, goal_ids: Sequence[int], *, after_news: bool = False
) -> dict[Goal, int]:
    """Return the goals that the viewer may see, in their order, with their values in the smallest unit.

    In a live stream the shared cache reads the goals of all streams that wake at the same moment together.

    after_news  whether the values need be as of the news of a live stream only: this process may have computed them
    """
    cache = context.reference_cache
    known_goals = (
        context.services.state.goal_values.find(goal_ids, cache.news_position) if after_news and cache else None
    )
    values_by_id = known_goals or await (cache.goals if cache else scores.goals_with_values)(goal_ids)
    rows = await filter_visible(
        context, [values_by_id[goal_id][0] for goal_id in dict.fromkeys(goal_ids) if goal_id in values_by_id]
    )
    return {row: values_by_id[row.id][1] for row in rows}


async def find_visible(context: RequestContext, goal_ids: Sequence[int]) -> list[Goal | None]:
    """Return the goals of these ids in their order, None for those that the viewer may not see."""
    rows = await goals.by_ids(goal_ids)
    visible_ids = {row.id for row in await filter_visible(context, [row for row in rows if row])}
    return [row if row and row.id in visible_ids else None for row in rows]


async def goals_of_scope(
    context: RequestContext, scope: Scope, period_key: PeriodKey | None, *, include_archived: bool
) -> list[Goal]:
    """Return the scope's own goals of periods that overlap the input period (None: that contain today)."""
    if not context.viewer.can_see_goals_of(scope.key, scope.employee):
        return []
    if scope.employee is not None:
        context.loaded_employees[scope.id] = scope.employee  # other fields of these goals check its rights, too
    rows = await _list_matching(context, scope.key.is_owner, period_key, None, include_archived)
    return [row for row in rows if context.viewer.can_see_goal(row, scope.employee)]


async def list_goals(
    context: RequestContext,
    scope_global_id: str | None,
    period_key: PeriodKey | None,
    metric: str | None,
    *,
    include_archived: bool,
) -> list[Goal]:
    """Return the goals of a scope and of the teams and employees within it that the viewer may see.

    scope_global_id  None for the company
    period_key     goals of periods that overlap it; None for those that contain today
    metric           None for all metrics
    """
    scope = (
        await scopes.find_scope(context, scope_global_id)
        if scope_global_id is not None
        else await scopes.company_scope(context)
    )
    if scope is None:
        return []
    return await _list_within(context, scope, period_key, metric, include_archived)


async def list_own_goals(context: RequestContext) -> list[Goal]:
    """Return the viewer's own goals of periods that contain today; for a device, those within its scope."""
    if context.viewer.employee is None:
        return await list_goals(context, None, None, None, include_archived=False)
    viewer_key = key_of_row(context.viewer.employee)
    return await _list_matching(context, viewer_key.is_owner, None, None, include_archived=False)


async def _list_within(
    context: RequestContext, scope: Scope, period_key: PeriodKey | None, metric: str | None, include_archived: bool
) -> list[Goal]:
    """Return the visible goals of the scope and of the teams and employees that stood within it in the goals' periods."""
    viewer = context.viewer
    spans = scope.team_spans(context, *await _day_range(context, period_key))
    if spans is None:
        employee_id = scope.key.employee_id
        condition = viewer.goal_filter(
            await _visible_employee_ids(context, None if employee_id is None else [employee_id])
        )
        if employee_id is not None:
            condition &= scope.key.is_owner
        return await _list_matching(context, condition, period_key, metric, include_archived)
    team_ids = frozenset[int]().union(*(span.team_ids for span in spans), scope.team_ids(context) or ())
    employee_ids = await _visible_employee_ids(context, await memberships.list_members_ever(team_ids))
    condition = viewer.goal_filter(employee_ids) & (scope.key.is_owner | owned_within(team_ids))
    rows = await _list_matching(context, condition, period_key, metric, include_archived, limit=None)
    owners = await load_goal_owners(context, employee_ids)
    return [goal for goal in rows if owners.is_within(goal, scope.key)][:_MAX_GOALS]


async def _visible_employee_ids(context: RequestContext, employee_ids: Sequence[int] | None) -> list[int]:
    """Return the ids of those of the employees (None: of all) with goals that the viewer may see."""
    rows = await people.load_positions(employee_ids)
    return [row.id for row in rows if context.viewer.can(Action.VIEW_GOALS, row)]


async def _list_matching(
    context: RequestContext,
    condition: Condition,
    period_key: PeriodKey | None,
    metric: str | None,
    include_archived: bool,
    *,
    limit: int | None = _MAX_GOALS,
) -> list[Goal]:
    first_day, last_day = await _day_range(context, period_key)
    metrics = None if metric is None else {metric} & (await context.metrics()).keys()
    return await context.fetch(
        goals.select_overlapping(
            first_day, last_day, condition, metrics=metrics, with_archived=include_archived, limit=limit
        )
    )


async def _day_range(context: RequestContext, period_key: PeriodKey | None) -> tuple[date, date]:
    if period_key is None:
        today = await context.today()
        return today, today
    requested_period = await resolve_period(context, period_key, "period")
    return requested_period.start, requested_period.end
