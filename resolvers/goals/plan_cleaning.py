"""The input of a plan, checked: amounts in the smallest unit, owners by their keys. Errors have paths in the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange, Required
from domain.goals import planning
from domain.goals.allocation import Limits
from domain.goals.planning import PlanBase, PlanWeights
from domain.goals.tiers import Tiers, percent_of_target
from domain.ledger.metrics import Metric
from domain.primitives.money import InvalidAmount, to_fraction
from domain.primitives.periods import Period
from models.goals.goals import Goal
from models.organization.scopes import ScopeKey
from resolvers.goals.plan_inputs import PlanInput, PlanMetricInput
from resolvers.goals.plan_owners import OwnerNames
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.metric_lookup import find_metric

_MAX_METRICS: Final = 20
_MAX_MEAN_PERIODS: Final = 36
DEFAULT_MEAN_PERIODS: Final = 3
_MAX_RAMP_MONTHS: Final = 36
_MAX_UPLIFT_PERCENT: Final = 1000
_TARGET_PERCENT: Final = 100
_MAX_STRETCH_PERCENT: Final = 1000


@dataclass(frozen=True)
class MetricPlan:
    """The validated input of one metric; amounts in the smallest unit."""

    path: tuple[str, ...]
    input: PlanMetricInput
    metric: Metric
    days: Period | None  # of the results that are the base
    total: int | None
    uplift: Fraction
    limits: Limits
    threshold_percent: Fraction | None
    stretch_percent: Fraction | None

    def find_tiers(self, target: int, existing: Goal | None) -> tuple[int | None, int | None]:
        """Return threshold and stretch beside a target: those of the plan, else those that the goal has."""
        tiers = existing.tiers_beside(target) if existing else Tiers(None, target, None)
        threshold, stretch = tiers.threshold, tiers.stretch
        if self.threshold_percent is not None:
            threshold = percent_of_target(target, self.threshold_percent)
        if self.stretch_percent is not None:
            stretch = percent_of_target(target, self.stretch_percent)
        return threshold, stretch

    @property
    def sets_tiers(self) -> bool:
        return self.threshold_percent is not None or self.stretch_percent is not None


async def clean_metrics(context: RequestContext, input: PlanInput, period: Period) -> list[MetricPlan]:
    if not input.metrics:
        raise Required("Give at least one metric.", "input", "metrics")
    if len(input.metrics) > _MAX_METRICS:
        raise OutOfRange("A plan has at most {most} metrics.", "input", "metrics", most=_MAX_METRICS)
    metric_plans: list[MetricPlan] = []
    for index, metric_input in enumerate(input.metrics):
        path = ("input", "metrics", str(index))
        metric_plan = await _clean_metric(context, metric_input, period, path)
        if any(metric_plan.metric.key == other.metric.key for other in metric_plans):
            raise Conflict("This metric stands in the plan twice.", *path, "metric")
        metric_plans.append(metric_plan)
    return metric_plans


async def _clean_metric(
    context: RequestContext, input: PlanMetricInput, period: Period, path: tuple[str, ...]
) -> MetricPlan:
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
    periods = DEFAULT_MEAN_PERIODS if input.periods is None else input.periods
    if not 1 <= periods <= _MAX_MEAN_PERIODS:
        raise OutOfRange("Give a number from {least} to {most}.", *path, "periods", least=1, most=_MAX_MEAN_PERIODS)
    uplift = Fraction(0)
    if input.uplift_percent is not None:
        uplift = _clean_fraction(input.uplift_percent, *path, "upliftPercent")
        if not -100 < uplift <= _MAX_UPLIFT_PERCENT:
            raise OutOfRange(
                "Give a percentage above -100 and up to {most}.", *path, "upliftPercent", most=_MAX_UPLIFT_PERCENT
            )
    threshold_percent, stretch_percent = (
        None if percent is None else _clean_fraction(percent, *path, name)
        for percent, name in ((input.threshold_percent, "thresholdPercent"), (input.stretch_percent, "stretchPercent"))
    )
    if threshold_percent is not None and not 0 < threshold_percent < _TARGET_PERCENT:
        raise OutOfRange("A threshold lies above 0 and below 100 percent.", *path, "thresholdPercent")
    if stretch_percent is not None and not _TARGET_PERCENT < stretch_percent <= _MAX_STRETCH_PERCENT:
        raise OutOfRange(
            "A stretch lies above 100 and up to {most} percent.", *path, "stretchPercent", most=_MAX_STRETCH_PERCENT
        )
    floor = clean_amount(input.floor, "floor", 0) or 0
    ceiling = clean_amount(input.ceiling, "ceiling", 1)
    if ceiling is not None and ceiling < floor:
        raise Conflict("The ceiling lies below the floor.", *path, "ceiling")
    limits = Limits(floor, ceiling, clean_amount(input.rounding, "rounding", 1) or 1)
    days = planning.base_range(input.base, periods, period, await context.today(), await context.calendar())
    return MetricPlan(path, input, metric, days, total, uplift, limits, threshold_percent, stretch_percent)


def _clean_fraction(value: Decimal, *path: str) -> Fraction:
    try:
        return to_fraction(value)
    except InvalidAmount as error:
        raise OutOfRange(error.message, *path) from error


def clean_ramp(input: PlanInput) -> list[Fraction]:
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


async def clean_targets(
    context: RequestContext, input: PlanInput, names: OwnerNames, metric_plans: Sequence[MetricPlan]
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


def clean_given_weights(metric_plans: Sequence[MetricPlan], names: OwnerNames) -> dict[tuple[ScopeKey, str], Fraction]:
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
