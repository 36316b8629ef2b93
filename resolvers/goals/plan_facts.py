"""What a plan is computed from: its input, checked, and the results, targets and forecasts of its owners."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from domain.errors.user_errors import Conflict
from domain.goals import planning
from domain.goals.planning import PlanBase, PlanWeights
from domain.primitives.periods import Period, shift_period
from models.goals import goals
from models.goals.goals import Goal
from models.ledger import scores
from models.organization.scopes import ScopeKey, ScopeRow
from resolvers.goals.plan_cleaning import (
    MetricPlan,
    clean_given_weights,
    clean_metrics,
    clean_ramp,
    clean_targets,
)
from resolvers.goals.plan_inputs import PlanInput
from resolvers.goals.plan_owners import OwnerNames, PlanOwners, arrange_owners, find_plan_scope, load_employees
from resolvers.goals.scope_forecasts import ScopeForecasts, load_scope_forecasts
from resolvers.request.context import RequestContext
from resolvers.request.periods import resolve_period
from resolvers.request.scopes import Scope


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """The input of a plan, checked, with the owners that it is for.

    last_days     the last period of the kind that is over
    by_hand       targets set by hand, each with its path in the input, by owner and metric
    carrier_ids   employees who get a share; others only have what is set by hand
    """

    scope: Scope
    period: Period
    last_days: Period
    metric_plans: Sequence[MetricPlan]
    owners: PlanOwners
    owner_rows: Mapping[ScopeKey, ScopeRow]
    by_hand: Mapping[tuple[ScopeKey, str], tuple[int, tuple[str, ...]]]
    given_weights: Mapping[tuple[ScopeKey, str], Fraction]
    carrier_ids: Collection[int]
    ramp: Sequence[Fraction]

    def hand_targets(self, metric: str) -> dict[ScopeKey, int]:
        return {key: target for (key, other), (target, _) in self.by_hand.items() if other == metric}


@dataclass
class PlanFacts:
    """What was read for a plan, by metric key.

    own_shares     of the sellers: their working time divided by the company's
    forecasts      that bases and weights are taken from
    probabilities  the forecasts that tell how probable the targets are; empty if nobody asks for it
    """

    own_shares: Mapping[ScopeKey, Fraction] = field(default_factory=dict)
    values: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    last_results: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    base_results: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    last_targets: dict[tuple[ScopeKey, str], int] = field(default_factory=dict)
    existing: dict[tuple[ScopeKey, str], Goal] = field(default_factory=dict)
    forecasts: Mapping[str, ScopeForecasts | None] = field(default_factory=dict)
    probabilities: Mapping[str, ScopeForecasts | None] = field(default_factory=dict)


async def read_request(context: RequestContext, input: PlanInput) -> PlanRequest:
    """Check the input, and find the owners that it is for. Raises user errors."""
    scope = await find_plan_scope(context, input.scope, "input", "scope")
    period = await resolve_period(context, input.period, "input", "period")
    today, calendar = await context.today(), await context.calendar()
    if period.end < today:
        raise Conflict("This period is over: plan one that runs or lies ahead.", "input", "period")
    metric_plans = await clean_metrics(context, input, period)
    employees, quota_ids = await load_employees(context, scope)
    team_ids = scope.team_ids(context) or context.tree.teams.keys()
    names = OwnerNames(scope, employees, [context.tree.teams[team_id] for team_id in team_ids])
    by_hand = await clean_targets(context, input, names, metric_plans)
    given_weights = clean_given_weights(metric_plans, names)
    left_out = {
        names.find_employee(global_id, "input", "leftOut", str(index))
        for index, global_id in enumerate(input.left_out or ())
    }
    named_ids = {key.employee_id for key, _ in by_hand if key.employee_id is not None}
    carrier_ids = quota_ids - left_out
    seller_ids = named_ids | carrier_ids
    sellers = [employee for employee in employees if employee.id in seller_ids]
    if not sellers:
        raise Conflict("There is nobody in this scope who carries a quota.", "input", "scope")
    owners = arrange_owners(context.tree, scope, sellers)
    owner_rows = _find_owner_rows(context, owners)
    for (key, _), (_, path) in by_hand.items():
        if key not in owner_rows:
            raise Conflict("There is nobody in this team to share the target.", *path, "owner")
    last_days = planning.last_period_over(period, today, calendar)
    return PlanRequest(
        scope,
        period,
        last_days,
        metric_plans,
        owners,
        owner_rows,
        by_hand,
        given_weights,
        carrier_ids,
        clean_ramp(input),
    )


def uses_forecast(metric_plan: MetricPlan) -> bool:
    return metric_plan.input.base is PlanBase.FORECAST or metric_plan.input.weights is PlanWeights.FORECAST


def list_ranges(metric_plans: Sequence[MetricPlan], period: Period, last_days: Period) -> list[tuple[str, Period]]:
    """Return the metrics and days of which results are read: for each metric those of the period, the last and the base."""
    return [
        (metric_plan.metric.key, days)
        for metric_plan in metric_plans
        for days in (period, last_days, metric_plan.days or last_days)
    ]


async def read_facts(context: RequestContext, request: PlanRequest, *, with_probabilities: bool) -> PlanFacts:
    scope, owners, period, metric_plans = request.scope, request.owners, request.period, request.metric_plans
    schedule = await context.work_schedule()
    facts = PlanFacts({key: schedule.own_share(key.id, period) for key in owners.seller_keys})
    ranges = list_ranges(metric_plans, period, request.last_days)
    totals = await scores.totals_of_scopes([(metric, days.start, days.end) for metric, days in ranges], owners.keys)
    for index, metric_plan in enumerate(metric_plans):
        metric = metric_plan.metric.key
        facts.values[metric], facts.last_results[metric], facts.base_results[metric] = totals[3 * index : 3 * index + 3]
    metrics = {metric_plan.metric.key for metric_plan in metric_plans}
    for goal in await goals.fetch_competing(owners.keys, metrics, period):
        facts.existing[goal.scope, goal.metric] = goal
    by_targets = {
        metric_plan.metric.key for metric_plan in metric_plans if metric_plan.input.base is PlanBase.LAST_TARGETS
    }
    if by_targets:
        before = shift_period(period, -1, await context.calendar())
        facts.last_targets = {
            (goal.scope, goal.metric): goal.target
            for goal in await goals.fetch_of_period(owners.keys, by_targets, before)
        }
    if forecast_metrics := [metric_plan.metric for metric_plan in metric_plans if uses_forecast(metric_plan)]:
        facts.forecasts = await load_scope_forecasts(
            context, forecast_metrics, scope.key, owners.keys, period, await _forecast_time(context, period)
        )
    if with_probabilities:
        facts.probabilities = await load_scope_forecasts(
            context, [metric_plan.metric for metric_plan in metric_plans], scope.key, owners.keys, period, context.now()
        )
    return facts


async def _forecast_time(context: RequestContext, period: Period) -> datetime:
    """Return the time of the forecast that targets follow from.

    Of a period ahead it is the beginning of today: a plan does not go out of date because an hour of the day passes.
    """
    today = await context.today()
    return (await context.calendar()).start_of(today) if period.start > today else context.now()


def check_overlaps(facts: PlanFacts, period: Period) -> None:
    """Raise Conflict for a goal of other days that overlap: periods of one kind do where the week's first day moved."""
    for goal in facts.existing.values():
        if (goal.first_day, goal.last_day) != (period.start, period.end):
            raise Conflict(
                "The goal “{name}” is for other days that overlap: archive it first.",
                "input",
                "period",
                name=goal.name,
            )


def _find_owner_rows(context: RequestContext, owners: PlanOwners) -> dict[ScopeKey, ScopeRow]:
    """Return the employee, team or company of each owner."""
    rows: dict[ScopeKey, ScopeRow] = {}
    for key in owners.keys:
        if key == owners.scope.key:
            rows[key] = owners.scope.row
        else:
            rows[key] = context.tree.teams[key.id] if key.employee_id is None else owners.sellers[key.id]
    return rows
