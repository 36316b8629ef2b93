"""Inputs of plans. A field left out is None, as is a null: both mean the default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.goals.planning import PlanBase, PlanWeights
from resolvers.request.periods import PeriodKey


@dataclass(frozen=True, kw_only=True)
class PlanWeightInput:
    """The weight of an employee in a split by given weights."""

    employee: str
    weight: Decimal


@dataclass(frozen=True, kw_only=True)
class PlanMetricInput:
    """How the targets of one metric follow from its past, and how they are split.

    periods            the number of periods of a MEAN
    total              of the base TOTAL; amounts are in the metric's unit
    rounding           targets of employees are multiples of it
    floor, ceiling     the least and the most that is set for an employee
    threshold_percent, stretch_percent  the tiers beside each target
    """

    metric: str
    base: PlanBase = PlanBase.LAST_RESULTS
    periods: int | None = None
    total: Decimal | None = None
    uplift_percent: Decimal | None = None
    weights: PlanWeights = PlanWeights.HISTORY
    given_weights: Sequence[PlanWeightInput] | None = None
    rounding: Decimal | None = None
    floor: Decimal | None = None
    ceiling: Decimal | None = None
    threshold_percent: Decimal | None = None
    stretch_percent: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class PlanTargetInput:
    """A target set by hand: of the scope, a team or an employee within it."""

    owner: str
    metric: str
    target: Decimal


@dataclass(frozen=True, kw_only=True)
class PlanInput:
    """Input of a plan.

    left_out      ids of employees who get no target
    ramp_percent  what newcomers carry of a full weight in the first, second, … month since joining
    targets       those set by hand
    """

    scope: str
    period: PeriodKey
    metrics: Sequence[PlanMetricInput]
    left_out: Sequence[str] | None = None
    ramp_percent: Sequence[Decimal] | None = None
    targets: Sequence[PlanTargetInput] | None = None


@dataclass(frozen=True, kw_only=True)
class PreviewedPlanInput:
    """A plan with the hash of its preview, and the reason for the targets that it changes."""

    plan: PlanInput
    hash: str
    reason: str | None = None
