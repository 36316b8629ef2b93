"""Splits the target of a plan's scope between its teams and employees."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import NoReturn

from domain.errors.user_errors import Conflict, OutOfRange
from domain.goals import planning
from domain.goals.allocation import AllocationError, AllocationProblem, Seller, allocate_in_groups
from domain.goals.planning import PlanBase
from domain.primitives.units import format_decimal, from_smallest
from models.organization.scopes import ScopeKey
from resolvers.goals.plan_cleaning import MetricPlan
from resolvers.goals.plan_owners import PlanOwners


def allocate_targets(
    metric_plan: MetricPlan,
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
    team_totals = {key: target for key, target in hand_targets.items() if key.employee_id is None and key != scope_key}
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


def _raise_allocation_error(error: AllocationError, metric_plan: MetricPlan, currency: str) -> NoReturn:
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
