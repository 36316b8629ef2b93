"""GraphQL types of the tiers, slices and earlier targets of goals."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.primitives.units import from_smallest
from graph.base.enums import GoalTier, Pace
from graph.base.lazy_types import EmployeeRef
from graph.base.row_types import employee_ref, reference_field, row_type
from graph.base.scopes import CalendarPeriod, Period
from resolvers.goals.goal_slices import SliceProgress
from resolvers.goals.goal_tiers import TierState
from resolvers.goals.progress import GoalFieldChange
from resolvers.goals.target_versions import Attainment, TargetVersion
from resolvers.request.context import Reference


def in_metric_unit(reference: Reference, metric: str, amount: int) -> Decimal:
    """Return an amount of a metric in its unit."""
    return from_smallest(amount, reference.metrics[metric].unit, reference.currency)


@strawberry.type(description="How far a goal is to one of its tiers; all amounts in the metric's unit.")
class TierProgress:
    name: GoalTier = strawberry.field(resolver=lambda root: root.tier, graphql_type=GoalTier)

    @strawberry.field
    @staticmethod
    def target(root: strawberry.Parent[TierState]) -> Decimal:
        return root.state.in_metric_unit(root.progress.target)

    @strawberry.field(description="100 × value / target of the tier, not capped.")
    @staticmethod
    def percent(root: strawberry.Parent[TierState]) -> float:
        return root.progress.percent

    @strawberry.field
    @staticmethod
    def reached(root: strawberry.Parent[TierState]) -> bool:
        return root.progress.value >= root.progress.target

    @strawberry.field(description="What is missing, never below zero.")
    @staticmethod
    def remaining(root: strawberry.Parent[TierState]) -> Decimal:
        return root.state.in_metric_unit(root.progress.remaining)

    @strawberry.field(description="As if the tier were the target.")
    @staticmethod
    def pace(root: strawberry.Parent[TierState]) -> Pace:
        return root.progress.pace

    @strawberry.field(description="Amount needed on each remaining working day; null if none remains.")
    @staticmethod
    def needed_per_workday(root: strawberry.Parent[TierState]) -> Decimal | None:
        needed = root.progress.needed_per_workday
        return None if needed is None else root.state.in_metric_unit(needed)


@row_type(SliceProgress, description="One month of a goal with a target of its own.")
class GoalSlice:
    period: CalendarPeriod = reference_field(
        lambda reference: (
            lambda row: CalendarPeriod(row.period, reference.calendar, reference.today, reference.language)
        ),
        Period,
    )
    target: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.target), Decimal
    )
    actual: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.actual),
        Decimal,
        "What was counted in the month; of all months together the value of the goal.",
    )
    percent: float | None = strawberry.field(
        description="100 × actual / target, not capped; null for a month without a target."
    )


@row_type(GoalFieldChange, description="One changed field of a goal.")
class GoalChange:
    at: datetime
    by: EmployeeRef | None = employee_ref("by_id")
    field: str
    before: str | None
    after: str | None
    reason: str | None


@row_type(TargetVersion, description="A target that a goal had, or has.")
class GoalTargetVersion:
    target: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.target), Decimal
    )
    since: datetime = strawberry.field(description="It held until the next version.")
    by: EmployeeRef | None = employee_ref("by_id", "Null if it was not set by an employee.")
    reason: str | None = strawberry.field(
        description="Why the target was changed; null for the first one, and where no reason was given."
    )


@row_type(Attainment, description="The present value of a goal against one of its targets.")
class GoalAttainment:
    target: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.target), Decimal
    )
    percent: float = strawberry.field(description="100 × value / target, not capped.")
