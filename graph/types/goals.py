"""GraphQL types of goals, their progress, ledger entries and changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Protocol, TypeVar

import strawberry

from domain.goals.tiers import Tiers
from domain.ledger.metrics import Metric
from domain.primitives.global_ids import encode_global_id
from domain.primitives.units import from_smallest
from graph.base.connections import paged_field
from graph.base.enums import GoalShape, GoalTier, Pace, ProjectionBasis
from graph.base.field_declarations import (
    CARD,
    GOAL,
    GOAL_LIST,
    GOALS,
    KEY_ALONE,
    LEADERBOARD,
    NEVER,
    NOTHING,
    PROJECTIONS,
    declare,
)
from graph.base.lazy_types import EmployeeRef, MetricRef
from graph.base.row_types import Info, Node, employee_ref, reference_field, row_type, to_one
from graph.base.scopes import CalendarPeriod, Period, Scope
from graph.types.activities import ActivitySubject
from graph.types.goal_targets import (
    GoalAttainment,
    GoalChange,
    GoalSlice,
    GoalTargetVersion,
    TierProgress,
    in_metric_unit,
)
from models.db.row_query import RowQuery
from models.goals import goals as rows
from models.ledger import scores
from models.organization import people
from resolvers import node
from resolvers.goals import progress
from resolvers.goals.goal_slices import SliceProgress, load_slices
from resolvers.goals.goal_tiers import TierState, list_tier_states
from resolvers.goals.progress import GoalFieldChange, GoalState
from resolvers.goals.projection import GoalProjection, project_goals
from resolvers.goals.target_versions import (
    Attainment,
    TargetReference,
    TargetVersion,
    check_reference,
    load_target_versions,
    measure,
)
from resolvers.request.context import Reference

Value = TypeVar("Value")


class HasMetric(Protocol):
    """A row with the key of a metric."""

    metric: str


# fields that need the projection
PROJECTION_FIELDS: Final = frozenset({"projected", "projectedPercent", "projectionBasis", "attainmentProbability"})

TIER_FIELDS: Final = frozenset({"tiers"})  # have a pace of their own

EXPECTATION_FIELDS: Final = frozenset({"expectedByNow"})  # change with each quarter of an hour of the working day


@strawberry.type(description="Progress, pace and projection of a goal; all amounts in the metric's unit.")
class GoalProgress:
    @strawberry.field
    @staticmethod
    def value(root: strawberry.Parent[GoalState]) -> Decimal:
        return root.in_metric_unit(root.progress.value)

    @strawberry.field
    @staticmethod
    def target(root: strawberry.Parent[GoalState]) -> Decimal:
        return root.in_metric_unit(root.progress.target)

    @strawberry.field(description="100 × value / target, not capped.")
    @staticmethod
    def attainment_percent(root: strawberry.Parent[GoalState]) -> float:
        return float(root.progress.percent)

    @strawberry.field(description="target − value, never below zero.")
    @staticmethod
    def remaining(root: strawberry.Parent[GoalState]) -> Decimal:
        return root.in_metric_unit(root.progress.remaining)

    @strawberry.field(
        description="""The value by now at an even pace over the owner's working time in the period, in quarters of an hour, or
in each of the slices that the goal has. An
employee's is less their absences, and only between joining and leaving; a team's is the sum of its members'."""
    )
    @staticmethod
    def expected_by_now(root: strawberry.Parent[GoalState]) -> Decimal:
        return root.in_metric_unit(root.progress.expected_by_now)

    @strawberry.field
    @staticmethod
    def pace(root: strawberry.Parent[GoalState]) -> Pace:
        return root.progress.pace

    @strawberry.field(
        graphql_type=Decimal,
        description="""Expected value at the end of the period: for won deals from the deal forecast, for other
metrics from a model of their history; at the pace so far, from a first half day on, while there is too little history,
and for a viewer who may not see the owner's forecast.""",
        metadata=declare(PROJECTIONS),
    )
    @staticmethod
    def projected(root: strawberry.Parent[GoalState], info: Info) -> Decimal | Awaitable[Decimal]:
        return _select_from_projection(root, info, lambda projection: root.in_metric_unit(projection.value))

    @strawberry.field(graphql_type=float, metadata=declare(PROJECTIONS))
    @staticmethod
    def projected_percent(root: strawberry.Parent[GoalState], info: Info) -> float | Awaitable[float]:
        return _select_from_projection(root, info, lambda projection: projection.percent)

    @strawberry.field(
        graphql_type=ProjectionBasis,
        description="VALUE: there is no projection yet, or none any more.",
        metadata=declare(PROJECTIONS),
    )
    @staticmethod
    def projection_basis(
        root: strawberry.Parent[GoalState], info: Info
    ) -> ProjectionBasis | Awaitable[ProjectionBasis]:
        return _select_from_projection(root, info, lambda projection: projection.basis)

    @strawberry.field(
        graphql_type=float | None,
        description="""Probability, 0 to 1, that the target is reached; null while there is too little history, and for a
viewer who may not see the owner's forecast.""",
        metadata=declare(PROJECTIONS),
    )
    @staticmethod
    def attainment_probability(
        root: strawberry.Parent[GoalState], info: Info
    ) -> float | Awaitable[float | None] | None:
        return _select_from_projection(root, info, lambda projection: projection.probability)

    @strawberry.field(
        description="""Amount needed on each remaining working day, of the present month if the goal has slices; null if
none remains."""
    )
    @staticmethod
    def needed_per_workday(root: strawberry.Parent[GoalState]) -> Decimal | None:
        needed = root.progress.needed_per_workday
        return None if needed is None else root.in_metric_unit(needed)

    @strawberry.field(description="Grows with every change; a client that sees a lower one drops it.")
    @staticmethod
    def version(root: strawberry.Parent[GoalState]) -> int:
        return root.goal.version

    @strawberry.field(metadata=declare(follows=NEVER))
    @staticmethod
    def as_of(root: strawberry.Parent[GoalState]) -> datetime:
        return root.as_of


def _select_from_projection(
    root: GoalState, info: Info, select: Callable[[GoalProjection], Value]
) -> Value | Awaitable[Value]:
    """Return a value of the goal's projection: immediately in a live stream, which has it loaded, else awaitable."""
    projection = info.context.load_or_preloaded(project_goals, root)
    return select(projection) if isinstance(projection, GoalProjection) else _select_when_loaded(projection, select)


async def _select_when_loaded(pending: Awaitable[GoalProjection], select: Callable[[GoalProjection], Value]) -> Value:
    return select(await pending)


def _tier_amount(read: Callable[[Tiers], int | None], description: str) -> Decimal | None:
    def prepare(reference: Reference) -> Callable[[rows.Goal], Decimal | None]:
        def convert(row: rows.Goal) -> Decimal | None:
            amount = read(row.tiers)
            return None if amount is None else in_metric_unit(reference, row.metric, amount)

        return convert

    return reference_field(prepare, Decimal | None, description)


def _metric_of(reference: Reference) -> Callable[[HasMetric], Metric]:
    return lambda row: reference.metrics[row.metric]


@strawberry.type(
    description="One signed posting to an employee's score. Corrections never overwrite: they post the difference."
)
class ScoreEntry:
    id: strawberry.ID = strawberry.field(resolver=lambda root: strawberry.ID(encode_global_id("ScoreEntry", root.id)))
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    effective_on: date = strawberry.field(description="The company-zone day it counts for.")
    effective_at: datetime = strawberry.field(
        description="The instant it counts for; of a late entry, that of its recording.",
        resolver=lambda root: root.effective_at or root.recorded_at,
    )
    late: bool = strawberry.field(description="It belongs to a period that was already closed.")
    recorded_at: datetime

    metric: MetricRef = reference_field(_metric_of, MetricRef)
    amount: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.amount),
        Decimal,
        "Negative when a win is reopened, lowered, moved to a colleague or deleted.",
    )

    @strawberry.field(
        graphql_type=ActivitySubject | None,
        description="The record that caused it; null if it no longer exists.",
        metadata=declare(CARD | GOALS),
    )
    @staticmethod
    def source(root: strawberry.Parent[scores.ScoreEntry], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(node.load_subjects, (root.source_kind, root.source_id))


@row_type(
    rows.Goal, description="A target of an employee, team or the company for a metric and period, with its progress."
)
class Goal(Node):
    name: str
    recurring: bool = strawberry.field(
        description="A recurring goal renews itself with the same target when its period ends."
    )
    created_by: EmployeeRef | None = employee_ref("created_by_id", "Null if it was not set by an employee.")
    created_at: datetime
    archived_at: datetime | None

    @strawberry.field(graphql_type=Scope, metadata=declare(NOTHING, follows=KEY_ALONE))
    @staticmethod
    def owner(root: strawberry.Parent[rows.Goal], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(progress.goal_owners, root)

    metric: MetricRef = reference_field(_metric_of, MetricRef)
    target: Decimal = reference_field(
        lambda reference: lambda row: in_metric_unit(reference, row.metric, row.target),
        Decimal,
        "In the metric's unit; above zero.",
    )
    full_target: Decimal | None = reference_field(
        lambda reference: (
            lambda row: None if row.full_target is None else in_metric_unit(reference, row.metric, row.full_target)
        ),
        Decimal | None,
        """Of a pro-rated goal: the target that was set. `target` is the part of it that the employee's working
time is of the period's whole working time. Null for other goals.""",
    )

    threshold: Decimal | None = _tier_amount(
        lambda tiers: tiers.threshold, "The tier below the target; null for none. It follows the target in proportion."
    )
    stretch: Decimal | None = _tier_amount(
        lambda tiers: tiers.stretch, "The tier above the target; null for none. It follows the target in proportion."
    )

    @strawberry.field(description="How the target is distributed over the months of the period.")
    @staticmethod
    def shape(root: strawberry.Parent[rows.Goal]) -> GoalShape:
        return root.shape or GoalShape.EVEN

    @strawberry.field(
        graphql_type=list[GoalSlice],
        description="The months with their own targets, which add up to the target; none of a goal of the shape EVEN.",
        metadata=declare(NOTHING, length=4, follows=GOAL),
    )
    @staticmethod
    def slices(root: strawberry.Parent[rows.Goal], info: Info) -> Awaitable[list[SliceProgress]]:
        return info.context.load_for_viewer(load_slices, root)

    @strawberry.field(
        graphql_type=GoalTier, description="The highest tier that is reached.", metadata=declare(NOTHING, follows=GOAL)
    )
    @staticmethod
    async def tier(root: strawberry.Parent[rows.Goal], info: Info) -> GoalTier:
        state = info.context.load_or_preloaded(progress.load_goal_states, root)
        value = (state if isinstance(state, GoalState) else await state).progress.value
        return root.tiers.find_reached(value)

    @strawberry.field(
        graphql_type=list[TierProgress],
        description="The tiers that the goal has, the lowest first; one of them is the target.",
        metadata=declare(NOTHING, length=3, follows=GOAL),
    )
    @staticmethod
    async def tiers(root: strawberry.Parent[rows.Goal], info: Info) -> list[TierState]:
        state = info.context.load_or_preloaded(progress.load_goal_states, root)
        return list_tier_states(state if isinstance(state, GoalState) else await state)

    @strawberry.field(
        description="Whether the target follows the employee's own working time: less absences, from joining to leaving."
    )
    @staticmethod
    def pro_rated(root: strawberry.Parent[rows.Goal]) -> bool:
        return root.full_target is not None

    period: CalendarPeriod = reference_field(
        lambda reference: (
            lambda row: CalendarPeriod(row.period, reference.calendar, reference.today, reference.language)
        ),
        Period,
    )

    @strawberry.field(graphql_type=GoalProgress, metadata=declare(NOTHING, follows=GOAL))
    @staticmethod
    def progress(root: strawberry.Parent[rows.Goal], info: Info) -> GoalState | Awaitable[GoalState]:
        return info.context.load_or_preloaded(progress.load_goal_states, root)

    @strawberry.field(
        description="""Sum of the same metric's goals for the same period one level below (a team's members and
subteams); null for an employee's goal, and where the viewer may not see the goals of each subteam. It may be more or
less than the target.""",
        metadata=declare(GOALS | LEADERBOARD, follows=GOAL_LIST),
    )
    @staticmethod
    async def allocated(root: strawberry.Parent[rows.Goal], info: Info) -> Decimal | None:
        context = info.context
        total = await context.load_for_viewer(progress.child_target_sums, root)
        if total is None:
            return None
        return from_smallest(total, (await context.metrics())[root.metric].unit, (await context.company()).currency)

    @paged_field(
        ScoreEntry,
        "-id",
        description="Every posting that adds up to the progress, newest first.",
    )
    @staticmethod
    async def entries(
        root: strawberry.Parent[rows.Goal],
        info: Info,
    ) -> RowQuery[scores.ScoreEntry]:
        entries: RowQuery[scores.ScoreEntry] = await progress.ledger_entries(info.context, root)
        return entries

    @strawberry.field(
        graphql_type=list[GoalChange],
        description="Changes with author, time, old and new value, newest first.",
        metadata=declare(NOTHING, length=5, follows=GOAL_LIST),
    )
    @staticmethod
    def changes(root: strawberry.Parent[rows.Goal], info: Info) -> Awaitable[list[GoalFieldChange]]:
        return info.context.load_for_viewer(progress.change_histories, root)

    @strawberry.field(
        graphql_type=list[GoalTargetVersion],
        description="The targets that the goal has had, oldest first; the last one holds.",
        metadata=declare(NOTHING, length=3, follows=GOAL_LIST),
    )
    @staticmethod
    def target_versions(root: strawberry.Parent[rows.Goal], info: Info) -> Awaitable[list[TargetVersion]]:
        return info.context.load_for_viewer(load_target_versions, root)

    @strawberry.field(
        graphql_type=GoalAttainment,
        description="""The present value against the first or the present target, or against the one that held at the end of
a day (`asOf`); the present one unless given.""",
        metadata=declare(NOTHING, follows=(*GOAL, *GOAL_LIST)),
    )
    @staticmethod
    async def attainment(
        root: strawberry.Parent[rows.Goal],
        info: Info,
        against: TargetReference | None = None,
        as_of: date | None = None,
    ) -> Attainment:
        check_reference(against, as_of)
        state = info.context.load_or_preloaded(progress.load_goal_states, root)
        return await measure(info.context, state if isinstance(state, GoalState) else await state, against, as_of)
