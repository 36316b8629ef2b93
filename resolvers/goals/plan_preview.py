"""Preview of a plan: the targets of a scope, its teams and its employees, computed without writing anything.

All questions are asked for all owners together, so the number of statements does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Final, NoReturn

from domain.errors.operation_errors import BadInput, ForbiddenOperation, ResourceNotFound
from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.goals import planning
from domain.goals.allocation import AllocationError, AllocationProblem, Limits, Seller, allocate_in_groups
from domain.goals.planning import PlanBase, PlanWeights
from domain.ledger.metrics import Metric
from domain.messages import gettext_noop
from domain.primitives.money import InvalidAmount, to_fraction
from domain.primitives.periods import Period, shift_period
from domain.primitives.units import format_decimal, from_smallest
from models.goals import goals
from models.goals.goals import Goal
from models.ledger import scores
from models.live import change_log
from models.organization.scopes import ScopeKey
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.goals.plan_digests import PlanDigest
from resolvers.goals.plan_inputs import PlanInput, PlanMetricInput
from resolvers.goals.plan_owners import OwnerNames, PlanOwners, arrange_owners, find_plan_scope, load_employees
from resolvers.goals.scope_forecasts import ScopeForecasts, load_scope_forecasts
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.metric_lookup import find_metric
from resolvers.request.periods import resolve_period
from resolvers.request.scopes import Scope, ScopeRow

_MAX_METRICS: Final = 20
MAX_LISTED: Final = 1000  # rows of one answer
_MAX_MEAN_PERIODS: Final = 36
_DEFAULT_MEAN_PERIODS: Final = 3
_MAX_RAMP_MONTHS: Final = 36
_MAX_UPLIFT_PERCENT: Final = 1000
_NO_HISTORY: Final = gettext_noop("There is too little history to forecast this metric: choose another `{name}`.")


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """One row of a plan: an owner and a metric; amounts in the metric's smallest unit.

    value         what is counted in the period so far
    last_result   of the last period of the kind that is over
    base          what the target starts from; None for the parts of a given total
    target        0 for an employee without a share, who gets no goal
    share         the employee's working time in the period divided by the company's; None for teams and the company
    probability   that the target is reached; None without a target, and while there is too little history
    existing      the goal that the plan changes
    is_by_hand    whether the target was set by hand
    """

    owner: ScopeKey
    owner_row: ScopeRow
    metric: Metric
    value: int
    last_result: int
    base: int | None
    target: int
    share: Fraction | None
    probability: float | None
    existing: Goal | None
    is_by_hand: bool

    @property
    def difference(self) -> int | None:
        return None if self.base is None else self.target - self.base


@dataclass(frozen=True)
class PlanTotal:
    """A metric of a plan as a whole: the row of its scope, what the employees have of it, and how many are by hand."""

    scope_target: PlannedTarget
    allocated: int
    by_hand: int


@dataclass(frozen=True, eq=False)
class PlanPreview:
    """A computed plan.

    position  the change-log position before anything of it was read
    rows      by metric in the order of the input, in the order of the owners
    """

    scope: Scope
    period: Period
    owners: PlanOwners
    rows: Sequence[PlannedTarget]
    totals: Sequence[PlanTotal]
    digest: PlanDigest
    position: int
    ranges: Sequence[tuple[str, Period]]
    uses_forecast: bool

    @property
    def hash(self) -> str:
        return self.digest.to_text()


@dataclass(frozen=True)
class _MetricPlan:
    """The validated input of one metric; amounts in the smallest unit."""

    path: tuple[str, ...]
    input: PlanMetricInput
    metric: Metric
    days: Period | None  # of the results that are the base
    total: int | None
    uplift: Fraction
    limits: Limits


@dataclass
class _Facts:
    """What was read for a plan, by metric key."""

    values: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    last_results: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    base_results: dict[str, Mapping[ScopeKey, int]] = field(default_factory=dict)
    last_targets: dict[tuple[ScopeKey, str], int] = field(default_factory=dict)
    existing: dict[tuple[ScopeKey, str], Goal] = field(default_factory=dict)
    forecasts: Mapping[str, ScopeForecasts | None] = field(
        default_factory=dict
    )  # that bases and weights are taken from


async def preview_plan(context: RequestContext, input: PlanInput) -> PlanPreview:
    """Return the preview as the answer of a query, which has no user errors, but an operation error for each."""
    with validation.raise_bad_input():
        try:
            return await compute_plan(context, input)
        except Forbidden as error:
            raise ForbiddenOperation(error.message, field=".".join(error.path)) from error
        except NotFound as error:
            raise ResourceNotFound(error.message, field=".".join(error.path)) from error


async def compute_plan(context: RequestContext, input: PlanInput) -> PlanPreview:
    """Compute a plan. Raises user errors with paths in the input. Must not be called within a unit of work."""
    position = await change_log.last_position()
    scope = await find_plan_scope(context, input.scope, "input", "scope")
    period = await resolve_period(context, input.period, "input", "period")
    today, calendar = await context.today(), await context.calendar()
    if period.end < today:
        raise Conflict("This period is over: plan one that runs or lies ahead.", "input", "period")
    metric_plans = await _clean_metrics(context, input, period)
    employees, quota_ids = await load_employees(context, scope)
    names = OwnerNames(scope, employees, scope.team_ids(context) or context.tree.teams.keys())
    by_hand = await _clean_targets(context, input, names, metric_plans)
    given_weights = _clean_given_weights(metric_plans, names)
    left_out = {
        names.find_employee(global_id, "input", "leftOut", str(index))
        for index, global_id in enumerate(input.left_out or ())
    }
    named_ids = {key.employee_id for key, _ in by_hand if key.employee_id is not None}
    carrier_ids = quota_ids - left_out
    sellers = [employee for employee in employees if employee.id in named_ids | carrier_ids]
    if not sellers:
        raise Conflict("There is nobody in this scope who carries a quota.", "input", "scope")
    owners = arrange_owners(context.tree, scope, sellers)
    owner_rows = _find_owner_rows(context, owners)
    for (key, _), (_, path) in by_hand.items():
        if key not in owner_rows:
            raise Conflict("There is nobody in this team to share the target.", *path, "owner")
    last_days = planning.last_period_over(period, today, calendar)
    facts = await _read_facts(context, scope, owners, metric_plans, period, last_days)
    _check_overlaps(facts, period)
    ramp = _clean_ramp(input)
    schedule = await context.work_schedule()
    own_shares = {key: schedule.own_share(key.id, period) for key in owners.seller_keys}
    rows: list[PlannedTarget] = []
    facts_by_owner: dict[ScopeKey, list[object]] = {key: [owners.groups.get(key)] for key in owners.keys}
    currency = (await context.company()).currency
    now = context.now()
    probability_forecasts = await load_scope_forecasts(
        context, [metric_plan.metric for metric_plan in metric_plans], scope.key, owners.keys, period, now
    )
    for metric_plan in metric_plans:
        metric = metric_plan.metric.key
        bases = await _find_bases(context, metric_plan, owners, facts)
        hand_targets = {key: target for (key, other), (target, _) in by_hand.items() if other == metric}
        weights = await _find_weights(context, metric_plan, owners, facts, own_shares, given_weights)
        ramped = [
            weight * planning.ramp_share(ramp, owners.sellers[key.id].joined_on, period.start)
            for key, weight in zip(owners.seller_keys, weights, strict=True)
        ]
        targets = _allocate(metric_plan, owners, bases, hand_targets, carrier_ids, ramped, currency)
        probabilities = await _find_probabilities(context, probability_forecasts[metric], targets, facts.values[metric])
        for key in owners.keys:
            existing = facts.existing.get((key, metric))
            rows.append(
                PlannedTarget(
                    key,
                    owner_rows[key],
                    metric_plan.metric,
                    facts.values[metric].get(key, 0),
                    facts.last_results[metric].get(key, 0),
                    bases.get(key),
                    targets[key],
                    own_shares.get(key),
                    probabilities.get(key),
                    existing,
                    key in hand_targets,
                )
            )
            facts_by_owner[key] += [bases.get(key), existing and (existing.id, existing.target, existing.full_target)]
        for key, weight in zip(owners.seller_keys, ramped, strict=True):
            facts_by_owner[key].append(weight)
    return PlanPreview(
        scope,
        period,
        owners,
        rows,
        _sum_up(rows, owners),
        PlanDigest.build((input, period), facts_by_owner),
        position,
        _list_ranges(metric_plans, period, last_days),
        any(_uses_forecast(metric_plan) for metric_plan in metric_plans),
    )


# Input


async def _clean_metrics(context: RequestContext, input: PlanInput, period: Period) -> list[_MetricPlan]:
    if not input.metrics:
        raise Required("Give at least one metric.", "input", "metrics")
    if len(input.metrics) > _MAX_METRICS:
        raise OutOfRange("A plan has at most {most} metrics.", "input", "metrics", most=_MAX_METRICS)
    metric_plans: list[_MetricPlan] = []
    for index, metric_input in enumerate(input.metrics):
        path = ("input", "metrics", str(index))
        metric_plan = await _clean_metric(context, metric_input, period, path)
        if any(metric_plan.metric.key == other.metric.key for other in metric_plans):
            raise Conflict("This metric stands in the plan twice.", *path, "metric")
        metric_plans.append(metric_plan)
    return metric_plans


async def _clean_metric(
    context: RequestContext, input: PlanMetricInput, period: Period, path: tuple[str, ...]
) -> _MetricPlan:
    metric = await find_metric(context, input.metric, *path, "metric")
    currency = (await context.company()).currency
    for name, value, is_used, condition in (
        ("periods", input.periods, input.base is PlanBase.MEAN, "`base` MEAN"),
        ("total", input.total, input.base is PlanBase.TOTAL, "`base` TOTAL"),
        ("givenWeights", input.given_weights, input.weights is PlanWeights.GIVEN, "`weights` GIVEN"),
    ):
        if value is not None and not is_used:
            raise Invalid("This is for {condition} only: leave it out.", *path, name, condition=condition)

    def clean_amount(value: Decimal | None, name: str, least: int) -> int | None:
        if value is None:
            return None
        amount = validation.clean_metric_value(value, metric.unit, currency, *path, name)
        if amount < 0:
            raise OutOfRange("Give a number that is not negative.", *path, name)
        if amount < least:
            raise OutOfRange("Give a number above zero.", *path, name)
        return amount

    total = clean_amount(input.total, "total", 1)
    if input.base is PlanBase.TOTAL and total is None:
        raise Required("Give the total to be split.", *path, "total")
    if input.weights is PlanWeights.GIVEN and not input.given_weights:
        raise Required("Give the weights.", *path, "givenWeights")
    periods = _DEFAULT_MEAN_PERIODS if input.periods is None else input.periods
    if not 1 <= periods <= _MAX_MEAN_PERIODS:
        raise OutOfRange("Give a number from {least} to {most}.", *path, "periods", least=1, most=_MAX_MEAN_PERIODS)
    uplift = Fraction(0)
    if input.uplift_percent is not None:
        uplift = _clean_fraction(input.uplift_percent, *path, "upliftPercent")
        if not -100 < uplift <= _MAX_UPLIFT_PERCENT:
            raise OutOfRange(
                "Give a percentage above -100 and up to {most}.", *path, "upliftPercent", most=_MAX_UPLIFT_PERCENT
            )
    floor = clean_amount(input.floor, "floor", 0) or 0
    ceiling = clean_amount(input.ceiling, "ceiling", 1)
    if ceiling is not None and ceiling < floor:
        raise Conflict("The ceiling lies below the floor.", *path, "ceiling")
    limits = Limits(floor, ceiling, clean_amount(input.rounding, "rounding", 1) or 1)
    days = planning.base_range(input.base, periods, period, await context.today(), await context.calendar())
    return _MetricPlan(path, input, metric, days, total, uplift, limits)


def _clean_fraction(value: Decimal, *path: str) -> Fraction:
    try:
        return to_fraction(value)
    except InvalidAmount as error:
        raise OutOfRange(error.message, *path) from error


def _clean_ramp(input: PlanInput) -> list[Fraction]:
    """Return the ramp as shares."""
    percents = input.ramp_percent or ()
    if len(percents) > _MAX_RAMP_MONTHS:
        raise OutOfRange("A ramp has at most {most} months.", "input", "rampPercent", most=_MAX_RAMP_MONTHS)
    shares = []
    for index, percent in enumerate(percents):
        path = ("input", "rampPercent", str(index))
        share = _clean_fraction(percent, *path) / 100
        if not 0 <= share <= 1:
            raise OutOfRange("Give a percentage from 0 to 100.", *path)
        shares.append(share)
    return shares


async def _clean_targets(
    context: RequestContext, input: PlanInput, names: OwnerNames, metric_plans: Sequence[_MetricPlan]
) -> dict[tuple[ScopeKey, str], tuple[int, tuple[str, ...]]]:
    """Return the targets set by hand in the smallest unit, each with its path, by owner and metric."""
    currency = (await context.company()).currency
    metrics = {metric_plan.metric.key: metric_plan.metric for metric_plan in metric_plans}
    targets: dict[tuple[ScopeKey, str], tuple[int, tuple[str, ...]]] = {}
    for index, target_input in enumerate(input.targets or ()):
        path = ("input", "targets", str(index))
        key = names.find(target_input.owner, *path, "owner")
        metric = metrics.get(target_input.metric)
        if metric is None:
            raise NotFound("This metric is not one of the plan's.", *path, "metric")
        target = validation.clean_metric_value(target_input.target, metric.unit, currency, *path, "target")
        if target <= 0:
            raise OutOfRange("A target is above zero.", *path, "target")
        if (key, metric.key) in targets:
            raise Conflict("This target is set by hand twice.", *path)
        targets[key, metric.key] = target, path
    return targets


def _clean_given_weights(
    metric_plans: Sequence[_MetricPlan], names: OwnerNames
) -> dict[tuple[ScopeKey, str], Fraction]:
    weights: dict[tuple[ScopeKey, str], Fraction] = {}
    for metric_plan in metric_plans:
        for index, weight_input in enumerate(metric_plan.input.given_weights or ()):
            path = (*metric_plan.path, "givenWeights", str(index))
            key = names.find(weight_input.employee, *path, "employee")
            names.find_employee(weight_input.employee, *path, "employee")
            weight = _clean_fraction(weight_input.weight, *path, "weight")
            if weight < 0:
                raise OutOfRange("Give a number that is not negative.", *path, "weight")
            if (key, metric_plan.metric.key) in weights:
                raise Conflict("This employee has two weights.", *path, "employee")
            weights[key, metric_plan.metric.key] = weight
    return weights


# What the targets follow from


def _uses_forecast(metric_plan: _MetricPlan) -> bool:
    return metric_plan.input.base is PlanBase.FORECAST or metric_plan.input.weights is PlanWeights.FORECAST


def _list_ranges(metric_plans: Sequence[_MetricPlan], period: Period, last_days: Period) -> list[tuple[str, Period]]:
    """Return the metrics and days of which results are read: for each metric those of the period, the last and the base."""
    return [
        (metric_plan.metric.key, days)
        for metric_plan in metric_plans
        for days in (period, last_days, metric_plan.days or last_days)
    ]


async def _read_facts(
    context: RequestContext,
    scope: Scope,
    owners: PlanOwners,
    metric_plans: Sequence[_MetricPlan],
    period: Period,
    last_days: Period,
) -> _Facts:
    facts = _Facts()
    ranges = _list_ranges(metric_plans, period, last_days)
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
    if forecast_metrics := [metric_plan.metric for metric_plan in metric_plans if _uses_forecast(metric_plan)]:
        facts.forecasts = await load_scope_forecasts(
            context, forecast_metrics, scope.key, owners.keys, period, await _forecast_time(context, period)
        )
    return facts


async def _forecast_time(context: RequestContext, period: Period) -> datetime:
    """Return the time of the forecast that targets follow from.

    Of a period ahead it is the beginning of today: a plan does not go out of date because an hour of the day passes.
    """
    today = await context.today()
    return (await context.calendar()).start_of(today) if period.start > today else context.now()


def _check_overlaps(facts: _Facts, period: Period) -> None:
    """Raise Conflict for a goal of other days that overlap: periods of one kind do where the week's first day moved."""
    for goal in facts.existing.values():
        if (goal.first_day, goal.last_day) != (period.start, period.end):
            raise Conflict(
                "The goal “{name}” is for other days that overlap: archive it first.",
                "input",
                "period",
                name=goal.name,
            )


async def _find_bases(
    context: RequestContext, metric_plan: _MetricPlan, owners: PlanOwners, facts: _Facts
) -> dict[ScopeKey, int]:
    """Return what the targets of owners start from; of a given total only the scope's."""
    metric = metric_plan.metric.key
    match metric_plan.input.base:
        case PlanBase.TOTAL:
            assert metric_plan.total is not None
            return {owners.scope.key: metric_plan.total}
        case PlanBase.LAST_TARGETS:
            own_targets = {key: target for (key, other), target in facts.last_targets.items() if other == metric}
            return owners.sum_by_group(own_targets) | own_targets
        case PlanBase.FORECAST:
            forecasts = _require_forecasts(metric_plan, facts, "base")
            medians = await get_forecast_engine(context).run_in_worker(forecasts.medians)
            return {key: facts.values[metric].get(key, 0) + round(medians.get(key, 0)) for key in owners.keys}
        case PlanBase.MEAN:
            periods = metric_plan.input.periods or _DEFAULT_MEAN_PERIODS
            results = facts.base_results[metric]
            return {key: round(Fraction(results.get(key, 0), periods)) for key in owners.keys}
    return {key: facts.base_results[metric].get(key, 0) for key in owners.keys}


def _require_forecasts(metric_plan: _MetricPlan, facts: _Facts, name: str) -> ScopeForecasts:
    forecasts = facts.forecasts[metric_plan.metric.key]
    if forecasts is None:
        raise Invalid(_NO_HISTORY, *metric_plan.path, name, name=name)
    return forecasts


async def _find_weights(
    context: RequestContext,
    metric_plan: _MetricPlan,
    owners: PlanOwners,
    facts: _Facts,
    own_shares: Mapping[ScopeKey, Fraction],
    given_weights: Mapping[tuple[ScopeKey, str], Fraction],
) -> list[Fraction]:
    """Return the weights of the sellers, before the ramp."""
    metric, keys = metric_plan.metric.key, owners.seller_keys
    match metric_plan.input.weights:
        case PlanWeights.HISTORY:
            return [Fraction(max(0, facts.base_results[metric].get(key, 0))) for key in keys]
        case PlanWeights.FORECAST:
            forecasts = _require_forecasts(metric_plan, facts, "weights")
            means = await get_forecast_engine(context).run_in_worker(forecasts.means)
            values = facts.values[metric]
            return [Fraction(max(0, values.get(key, 0) + round(means.get(key, 0)))) for key in keys]
        case PlanWeights.WORKING_TIME:
            return [own_shares[key] for key in keys]
        case PlanWeights.GIVEN:
            return [given_weights.get((key, metric), Fraction(0)) for key in keys]
    return [Fraction(1)] * len(keys)


# Targets


def _allocate(
    metric_plan: _MetricPlan,
    owners: PlanOwners,
    bases: Mapping[ScopeKey, int],
    hand_targets: Mapping[ScopeKey, int],
    carrier_ids: Collection[int],
    weights: Sequence[Fraction],
    currency: str,
) -> dict[ScopeKey, int]:
    """Return the targets of all owners: those of the sellers, and their sums.

    carrier_ids  employees who get a share; others only have what is set by hand
    """
    scope_key, keys = owners.scope.key, owners.seller_keys
    step = 1 if metric_plan.input.base is PlanBase.TOTAL else metric_plan.limits.rounding
    total = hand_targets.get(scope_key, planning.raise_and_round(Fraction(bases[scope_key]), metric_plan.uplift, step))
    if total <= 0:
        raise OutOfRange("This base is zero: choose another one, or give a total.", *metric_plan.path, "base")
    team_totals = {key: target for key, target in hand_targets.items() if key.team_id is not None and key != scope_key}
    shares_of_others = {key: 0 for key in keys if key.id not in carrier_ids}
    sellers = [
        Seller(
            weight, owners.groups[key], None if key == scope_key else hand_targets.get(key, shares_of_others.get(key))
        )
        for key, weight in zip(keys, planning.to_integer_weights(weights), strict=True)
    ]
    try:
        shares = allocate_in_groups(total, sellers, team_totals, owners.groups, metric_plan.limits)
    except AllocationError as error:
        _raise_allocation_error(error, metric_plan, currency)
    return owners.sum_by_group(dict(zip(keys, shares, strict=True)))


def _raise_allocation_error(error: AllocationError, metric_plan: _MetricPlan, currency: str) -> NoReturn:
    unit = metric_plan.metric.unit
    limit, amount = (format_decimal(from_smallest(value, unit, currency)) for value in (error.limit, error.amount))
    match error.problem:
        case AllocationProblem.FLOORS_EXCEED:
            raise OutOfRange(
                "The floors add up to {limit}, more than the {amount} to be split.",
                *metric_plan.path, "floor", limit=limit, amount=amount,
            ) from error  # fmt: skip
        case AllocationProblem.CEILINGS_FALL_SHORT:
            raise OutOfRange(
                "The ceilings add up to {limit}, less than the {amount} to be split.",
                *metric_plan.path, "ceiling", limit=limit, amount=amount,
            ) from error  # fmt: skip
    raise Conflict(
        "The targets set by hand add up to {limit}, but the target that they are part of is {amount}.",
        "input", "targets", limit=limit, amount=amount,
    ) from error  # fmt: skip


async def _find_probabilities(
    context: RequestContext,
    forecasts: ScopeForecasts | None,
    targets: Mapping[ScopeKey, int],
    values: Mapping[ScopeKey, int],
) -> dict[ScopeKey, float]:
    """Return the probability that each target is reached, as the projection of its goal will have it."""
    missing = {key: target - values.get(key, 0) for key, target in targets.items() if target}
    probabilities = {key: 1.0 for key, amount in missing.items() if amount <= 0}
    if forecasts is not None:
        compute = partial(forecasts.probabilities_of_at_least, missing)
        probabilities |= await get_forecast_engine(context).run_in_worker(compute)
    return probabilities


def _sum_up(rows: Sequence[PlannedTarget], owners: PlanOwners) -> list[PlanTotal]:
    """Return the totals, one for each metric."""
    totals = []
    for start in range(0, len(rows), len(owners.keys)):
        rows_of_metric = rows[start : start + len(owners.keys)]
        allocated = sum(row.target for row in rows_of_metric if row.owner.employee_id is not None)
        totals.append(PlanTotal(rows_of_metric[0], allocated, sum(row.is_by_hand for row in rows_of_metric)))
    return totals


def _find_owner_rows(context: RequestContext, owners: PlanOwners) -> dict[ScopeKey, ScopeRow]:
    """Return the employee, team or company of each owner."""
    rows: dict[ScopeKey, ScopeRow] = {}
    for key in owners.keys:
        if key == owners.scope.key:
            rows[key] = owners.scope.row
        else:
            rows[key] = context.tree.teams[key.id] if key.employee_id is None else owners.sellers[key.id]
    return rows


def list_targets(preview: PlanPreview, metric: str | None, first: int, skip: int) -> Sequence[PlannedTarget]:
    """Return the rows of one metric, or of all, from the `skip`-th on. Raises BadInput."""
    if not 1 <= first <= MAX_LISTED:
        raise BadInput("{argument} must be 1 to {most}.", field="first", argument="first", most=MAX_LISTED)
    if skip < 0:
        raise BadInput("Give a number that is not negative.", field="skip")
    rows = preview.rows if metric is None else [row for row in preview.rows if row.metric.key == metric]
    return rows[skip : skip + first]
