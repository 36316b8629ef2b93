"""GraphQL types of plans: their input, which the preview and the mutation share, and what they compute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import strawberry
from strawberry import ID, UNSET

from domain.ledger.metrics import Metric
from domain.primitives.units import from_smallest
from graph.base.enums import PlanBase, PlanWeights
from graph.base.field_declarations import NOTHING, declare
from graph.base.input_mapping import PeriodInput, to_input
from graph.base.lazy_types import EmployeeRef, GoalRef, MetricRef
from graph.base.row_types import Info, Node, employee_ref, reference_field, row_type, selects_any
from graph.base.scopes import CalendarPeriod, Period, Scope, to_calendar_period
from models.goals import plans as rows
from resolvers.goals import plan_preview
from resolvers.goals.plan_inputs import PlanInput as PlanInputData
from resolvers.goals.plan_owners import load_plan_scopes
from resolvers.goals.plan_preview import PlannedTarget as PlannedTargetRow
from resolvers.goals.plan_preview import PlanPreview as PlanPreviewRow
from resolvers.goals.plan_preview import PlanTotal as PlanTotalRow
from resolvers.request.context import Reference

_TYPICAL_TARGETS: Final = 100  # of a preview, for the cost of a query
PROBABILITY: Final = frozenset({"probability"})  # of a preview: needs the forecast of all owners


@strawberry.input(description="The weight of an employee; only its proportion to those of the others counts.")
class PlanWeightInput:
    employee: ID
    weight: Decimal


@strawberry.input(description="How the targets of a metric follow from the past. All amounts are in the metric's unit.")
class PlanMetricInput:
    metric: str
    base: PlanBase = PlanBase.LAST_RESULTS
    periods: int | None = strawberry.field(default=UNSET, description="Of the base MEAN: 1 to 36, 3 unless given.")
    total: Decimal | None = strawberry.field(default=UNSET, description="Of the base TOTAL, and required there.")
    uplift_percent: Decimal | None = strawberry.field(
        default=UNSET, description="Added to the base: 10 makes 110 of 100, -10 makes 90."
    )
    weights: PlanWeights = PlanWeights.HISTORY
    given_weights: list[PlanWeightInput] | None = strawberry.field(
        default=UNSET, description="Of the weights GIVEN, and required there."
    )
    rounding: Decimal | None = strawberry.field(
        default=UNSET,
        description="Targets of employees are multiples of it; what no multiple holds is added to the largest.",
    )
    floor: Decimal | None = strawberry.field(default=UNSET, description="The least that an employee gets.")
    ceiling: Decimal | None = strawberry.field(default=UNSET, description="The most that an employee gets.")
    threshold_percent: Decimal | None = strawberry.field(
        default=UNSET, description="The threshold of each goal, in percent of its target: below 100."
    )
    stretch_percent: Decimal | None = strawberry.field(
        default=UNSET, description="The stretch of each goal, in percent of its target: above 100, at most 1000."
    )


@strawberry.input(description="A target set by hand; the others share what remains.")
class PlanTargetInput:
    owner: ID = strawberry.field(description="The scope of the plan, or a team or an employee within it.")
    metric: str
    target: Decimal


@strawberry.input(
    description="""Targets of a scope, its teams and its employees for a period. Each target is split among the
employees; that of a team is the sum of its members' and its teams', so everything adds up. Employees who carry no quota
get no target, unless it is set by hand."""
)
class PlanInput:
    scope: ID
    period: PeriodInput
    metrics: list[PlanMetricInput]
    left_out: list[ID] | None = strawberry.field(default=UNSET, description="Employees who get no target.")
    ramp_percent: list[Decimal] | None = strawberry.field(
        default=UNSET,
        description="""What a newcomer carries of a full weight, in percent: in the first, second, … month since
joining, counted in full months at the beginning of the period.""",
    )
    targets: list[PlanTargetInput] | None = strawberry.field(default=UNSET, description="Those set by hand.")


def _amount(read: Callable[[PlannedTargetRow], int], description: str) -> Decimal:
    return reference_field(
        lambda reference: lambda row: from_smallest(read(row), row.metric.unit, reference.currency),
        Decimal,
        description,
    )


def _optional_amount(read: Callable[[PlannedTargetRow], int | None], description: str) -> Decimal | None:
    def prepare(reference: Reference) -> Callable[[PlannedTargetRow], Decimal | None]:
        def convert(row: PlannedTargetRow) -> Decimal | None:
            amount = read(row)
            return None if amount is None else from_smallest(amount, row.metric.unit, reference.currency)

        return convert

    return reference_field(prepare, Decimal | None, description)


@row_type(PlannedTargetRow, description="The target of an owner in a plan. Amounts are in the metric's unit.")
class PlannedTarget:
    owner: Scope = strawberry.field(resolver=lambda root: root.owner_row, graphql_type=Scope)
    metric: MetricRef
    last_result: Decimal = _amount(lambda row: row.last_result, "Of the last period of the kind that is over.")
    base: Decimal | None = _optional_amount(
        lambda row: row.base, "What the target starts from; null for the parts of a given total."
    )
    target: Decimal = _amount(
        lambda row: row.target, "0: there is no share, so no goal is set, and one that exists is archived."
    )
    threshold: Decimal | None = _optional_amount(
        lambda row: row.threshold, "By `thresholdPercent`, else that of the goal for the target; null if it has none."
    )
    stretch: Decimal | None = _optional_amount(
        lambda row: row.stretch, "By `stretchPercent`, else that of the goal for the target; null if it has none."
    )
    difference: Decimal | None = _optional_amount(lambda row: row.difference, "target − base.")
    existing: GoalRef | None = strawberry.field(description="The goal for the period that the plan changes.")
    by_hand: bool = strawberry.field(resolver=lambda root: root.is_by_hand)

    @strawberry.field(
        description="""Of an employee: their own working time in the period divided by the company's. The target is not
pro-rated by it; with the weights WORKING_TIME it is in proportion to it."""
    )
    @staticmethod
    def working_time_share(root: strawberry.Parent[PlannedTargetRow]) -> float | None:
        return None if root.share is None else float(root.share)

    probability: float | None = strawberry.field(
        description="""Probability, 0 to 1, that the target is reached: the `attainmentProbability` of the goal once the
plan is applied. Null without a target, and while there is too little history."""
    )


@row_type(PlanTotalRow, description="A metric of a plan as a whole.")
class PlanTotal:
    @strawberry.field(graphql_type=MetricRef)
    @staticmethod
    def metric(root: strawberry.Parent[PlanTotalRow]) -> object:
        return root.scope_target.metric

    target: Decimal = reference_field(
        lambda reference: (
            lambda row: from_smallest(row.scope_target.target, row.scope_target.metric.unit, reference.currency)
        ),
        Decimal,
        "Of the scope.",
    )
    allocated: Decimal = reference_field(
        lambda reference: lambda row: from_smallest(row.allocated, row.scope_target.metric.unit, reference.currency),
        Decimal,
        "The sum of the employees' targets.",
    )

    @strawberry.field(description="Probability, 0 to 1, that the scope reaches its target.")
    @staticmethod
    def probability(root: strawberry.Parent[PlanTotalRow]) -> float | None:
        return root.scope_target.probability

    by_hand: int = strawberry.field(description="How many targets were set by hand.")


@row_type(PlanPreviewRow, description="What a plan would set. Nothing of it is stored.")
class PlanPreview:
    hash: str = strawberry.field(
        description="For `applyPlan`: it tells whether anything that the targets follow from has changed since."
    )

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[PlanPreviewRow]) -> object:
        return root.scope.row

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING))
    @staticmethod
    async def period(root: strawberry.Parent[PlanPreviewRow], info: Info) -> CalendarPeriod:
        return await to_calendar_period(info.context, root.period)

    totals: list[PlanTotal] = strawberry.field(
        description="One for each metric, in the order of the input.", metadata=declare(length=5)
    )

    @strawberry.field(description="How many targets there are.")
    @staticmethod
    def target_count(root: strawberry.Parent[PlanPreviewRow]) -> int:
        return len(root.rows)

    @strawberry.field(
        graphql_type=list[PlannedTarget],
        description="""By metric in the order of the input: the scope, then each team before its members and the teams
within it. `first`: up to 1000.""",
        metadata=declare(NOTHING, page_size=_TYPICAL_TARGETS),
    )
    @staticmethod
    def targets(
        root: strawberry.Parent[PlanPreviewRow], metric: str | None = None, first: int = 1000, skip: int = 0
    ) -> Sequence[PlannedTargetRow]:
        return plan_preview.list_targets(root, metric, first, skip)


@row_type(rows.GoalPlan, description="A plan that was applied.")
class GoalPlan(Node):
    @strawberry.field(graphql_type=Scope, metadata=declare(NOTHING))
    @staticmethod
    def scope(root: strawberry.Parent[rows.GoalPlan], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(load_plan_scopes, root)

    period: CalendarPeriod = reference_field(
        lambda reference: (
            lambda row: CalendarPeriod(row.period, reference.calendar, reference.today, reference.language)
        ),
        Period,
    )

    @strawberry.field(graphql_type=list[MetricRef], metadata=declare(NOTHING, length=5))
    @staticmethod
    async def metrics(root: strawberry.Parent[rows.GoalPlan], info: Info) -> list[Metric]:
        metrics = await info.context.metrics()
        return [metrics[metric] for metric in root.metrics]

    goal_count: int = strawberry.field(description="How many goals it set, changed or archived.")
    applied_by: EmployeeRef | None = employee_ref("applied_by_id")
    applied_at: datetime
    reason: str | None = strawberry.field(description="Why it changed the targets of goals.")
    undone_by: EmployeeRef | None = employee_ref("undone_by_id")
    undone_at: datetime | None = strawberry.field(description="When it was taken back; null while it stands.")


@strawberry.type
class PlanQuery:
    @strawberry.field(
        graphql_type=PlanPreview,
        description="""The targets that a plan would set, and how probable they are; for those who may set all goals within
the scope. Nothing is written: `applyPlan` takes the same input and the `hash`.""",
    )
    async def plan_preview(self, info: Info, input: PlanInput) -> PlanPreviewRow:
        context = info.context
        context.viewer  # noqa: B018 - raises for an anonymous client
        return await plan_preview.preview_plan(
            context, to_input(PlanInputData, input), with_probabilities=selects_any(info, PROBABILITY)
        )
