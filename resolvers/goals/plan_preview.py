"""Preview of a plan: the targets of a scope, its teams and its employees, computed without writing anything.

All questions are asked for all owners together, so the number of statements does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Final

from domain.errors.operation_errors import BadInput, ForbiddenOperation, ResourceNotFound
from domain.errors.user_errors import Forbidden, Invalid, NotFound
from domain.goals import planning
from domain.goals.planning import PlanBase, PlanWeights
from domain.goals.tiers import Tiers
from domain.ledger.metrics import Metric
from domain.messages import gettext_noop
from domain.primitives.periods import Period
from models.goals.goals import Goal
from models.live import change_log
from models.organization.scopes import ScopeKey, ScopeRow
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.goals.plan_cleaning import (
    DEFAULT_MEAN_PERIODS,
    MetricPlan,
)
from resolvers.goals.plan_digests import PlanDigest
from resolvers.goals.plan_facts import (
    PlanFacts,
    PlanRequest,
    check_overlaps,
    list_ranges,
    read_facts,
    read_request,
    uses_forecast,
)
from resolvers.goals.plan_inputs import PlanInput
from resolvers.goals.plan_owners import PlanOwners
from resolvers.goals.plan_targets import allocate_targets
from resolvers.goals.scope_forecasts import ScopeForecasts
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.scopes import Scope

MAX_LISTED: Final = 1000  # rows of one answer
_NO_HISTORY: Final = gettext_noop("There is too little history to forecast this metric: choose another `{name}`.")


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """One row of a plan: an owner and a metric; amounts in the metric's smallest unit.

    value         what is counted in the period so far
    last_result   of the last period of the kind that is over
    base          what the target starts from; None for the parts of a given total
    target        0 for an employee without a share, who gets no goal
    threshold, stretch  the tiers beside the target; None for none
    share         the employee's working time in the period divided by the company's; None for teams and the company
    probability   that the target is reached; None without a target, and while there is too little history
    existing      the goal that the plan changes
    is_by_hand    whether the target was set by hand
    sets_tiers    whether the plan gives the tiers; else they are those of the goal that it changes
    """

    owner: ScopeKey
    owner_row: ScopeRow
    metric: Metric
    value: int
    last_result: int
    base: int | None
    target: int
    threshold: int | None
    stretch: int | None
    share: Fraction | None
    probability: float | None
    existing: Goal | None
    is_by_hand: bool
    sets_tiers: bool

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.threshold, self.target, self.stretch)

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
class _MetricTargets:
    """The targets of one metric: its rows in the order of the owners, and the weights of the sellers."""

    rows: Sequence[PlannedTarget]
    weights: Mapping[ScopeKey, Fraction]


async def preview_plan(context: RequestContext, input: PlanInput, *, with_probabilities: bool) -> PlanPreview:
    """Return the preview as the answer of a query, which has no user errors, but an operation error for each."""
    with validation.raise_bad_input():
        try:
            return await compute_plan(context, input, with_probabilities=with_probabilities)
        except Forbidden as error:
            raise ForbiddenOperation(error.message, field=".".join(error.path)) from error
        except NotFound as error:
            raise ResourceNotFound(error.message, field=".".join(error.path)) from error


async def compute_plan(context: RequestContext, input: PlanInput, *, with_probabilities: bool = False) -> PlanPreview:
    """Compute a plan. Raises user errors with paths in the input. Must not be called within a unit of work.

    with_probabilities  tell how probable the targets are, for which the forecast of all owners is made
    """
    position = await change_log.last_position()
    request = await read_request(context, input)
    facts = await read_facts(context, request, with_probabilities=with_probabilities)
    check_overlaps(facts, request.period)
    metrics = [await _compute_metric(context, metric_plan, request, facts) for metric_plan in request.metric_plans]
    rows = [row for metric in metrics for row in metric.rows]
    return PlanPreview(
        request.scope,
        request.period,
        request.owners,
        rows,
        _sum_up(rows, request.owners),
        PlanDigest.build((input, request.period), _list_facts(request.owners, metrics)),
        position,
        list_ranges(request.metric_plans, request.period, request.last_days),
        any(uses_forecast(metric_plan) for metric_plan in request.metric_plans),
    )


async def _compute_metric(
    context: RequestContext, metric_plan: MetricPlan, request: PlanRequest, facts: PlanFacts
) -> _MetricTargets:
    """Compute the targets of one metric from what was read."""
    metric, owners = metric_plan.metric.key, request.owners
    bases = await _find_bases(context, metric_plan, owners, facts)
    hand_targets = request.hand_targets(metric)
    weights = await _find_weights(context, metric_plan, owners, facts, request.given_weights)
    ramped = [
        weight * planning.ramp_share(request.ramp, owners.sellers[key.id].joined_on, request.period.start)
        for key, weight in zip(owners.seller_keys, weights, strict=True)
    ]
    currency = (await context.company()).currency
    targets = allocate_targets(metric_plan, owners, bases, hand_targets, request.carrier_ids, ramped, currency)
    probabilities = await _find_probabilities(context, facts.probabilities.get(metric), targets, facts.values[metric])
    rows = []
    for key in owners.keys:
        existing = facts.existing.get((key, metric))
        rows.append(
            PlannedTarget(
                key,
                request.owner_rows[key],
                metric_plan.metric,
                facts.values[metric].get(key, 0),
                facts.last_results[metric].get(key, 0),
                bases.get(key),
                targets[key],
                *metric_plan.find_tiers(targets[key], existing) if targets[key] else (None, None),
                facts.own_shares.get(key),
                probabilities.get(key),
                existing,
                key in hand_targets,
                metric_plan.sets_tiers,
            )
        )
    return _MetricTargets(rows, dict(zip(owners.seller_keys, ramped, strict=True)))


def _list_facts(owners: PlanOwners, metrics: Sequence[_MetricTargets]) -> dict[ScopeKey, list[object]]:
    """Return what the targets of each owner follow from."""
    facts: dict[ScopeKey, list[object]] = {key: [owners.groups.get(key)] for key in owners.keys}
    for metric in metrics:
        for row in metric.rows:
            facts[row.owner] += [row.base, row.existing and _describe(row.existing)]
        for key, weight in metric.weights.items():
            facts[key].append(weight)
    return facts


def _describe(goal: Goal) -> tuple[object, ...]:
    """Return what a plan depends on in a goal that it changes."""
    return goal.id, goal.target, goal.full_target, goal.threshold, goal.stretch, goal.tiers_target


async def _find_bases(
    context: RequestContext, metric_plan: MetricPlan, owners: PlanOwners, facts: PlanFacts
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
            periods = metric_plan.input.periods or DEFAULT_MEAN_PERIODS
            results = facts.base_results[metric]
            return {key: round(Fraction(results.get(key, 0), periods)) for key in owners.keys}
    return {key: facts.base_results[metric].get(key, 0) for key in owners.keys}


def _require_forecasts(metric_plan: MetricPlan, facts: PlanFacts, name: str) -> ScopeForecasts:
    forecasts = facts.forecasts[metric_plan.metric.key]
    if forecasts is None:
        raise Invalid(_NO_HISTORY, *metric_plan.path, name, name=name)
    return forecasts


async def _find_weights(
    context: RequestContext,
    metric_plan: MetricPlan,
    owners: PlanOwners,
    facts: PlanFacts,
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
            return [facts.own_shares[key] for key in keys]
        case PlanWeights.GIVEN:
            return [given_weights.get((key, metric), Fraction(0)) for key in keys]
    return [Fraction(1)] * len(keys)


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


def list_targets(preview: PlanPreview, metric: str | None, first: int, skip: int) -> Sequence[PlannedTarget]:
    """Return the rows of one metric, or of all, from the `skip`-th on. Raises BadInput."""
    validation.check_page_size(first, MAX_LISTED)
    if skip < 0:
        raise BadInput("Give a number that is not negative.", field="skip")
    rows = preview.rows if metric is None else [row for row in preview.rows if row.metric.key == metric]
    return rows[skip : skip + first]
