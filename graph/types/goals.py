"""GraphQL types of goals, their progress, ledger entries and changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import strawberry

from domain.primitives.global_ids import encoded
from domain.primitives.units import shown
from graph.base.connections import Connection, paged
from graph.base.enums import Pace
from graph.base.row_types import Info, Node, lens, one, somebody
from graph.base.scopes import Period, Scope, days
from graph.types.activities import ActivitySubject
from graph.types.metrics import Metric
from models.db.keyset_pagination import Span
from models.goals import goals as rows
from models.ledger import scores
from models.organization import people
from resolvers import node
from resolvers.goals import progress
from resolvers.goals.progress import Altered, Reached
from resolvers.goals.projection import Projection, projections
from resolvers.request.context import Context

TheEmployee = Annotated["Employee", strawberry.lazy("graph.types.people")]  # type: ignore[name-defined]  # noqa: F821


FORESEEN: Final = frozenset({"projected", "projectedPercent", "attainmentProbability"})  # need the projection


@strawberry.type(description="Progress, pace and projection of a goal; all amounts in the metric's unit.")
class GoalProgress:
    @strawberry.field
    @staticmethod
    def value(root: strawberry.Parent[Reached]) -> Decimal:
        return root.shown(root.sums.value)

    @strawberry.field
    @staticmethod
    def target(root: strawberry.Parent[Reached]) -> Decimal:
        return root.shown(root.sums.target)

    @strawberry.field(description="100 × value / target, not capped.")
    @staticmethod
    def attainment_percent(root: strawberry.Parent[Reached]) -> float:
        return float(root.sums.percent)

    @strawberry.field(description="target − value, never below zero.")
    @staticmethod
    def remaining(root: strawberry.Parent[Reached]) -> Decimal:
        return root.shown(root.sums.remaining)

    @strawberry.field(description="The value by now at an even pace over the period's working days.")
    @staticmethod
    def expected_by_now(root: strawberry.Parent[Reached]) -> Decimal:
        return root.shown(root.sums.expected_by_now)

    @strawberry.field
    @staticmethod
    def pace(root: strawberry.Parent[Reached]) -> Pace:
        return root.sums.pace

    @strawberry.field(
        graphql_type=Decimal,
        description="""Expected value at the end of the period: for won deals from the deal forecast, for other
metrics from a model of their history; at the pace so far while there is too little history.""",
    )
    @staticmethod
    def projected(root: strawberry.Parent[Reached], info: Info) -> Any:
        return _foreseen(root, info, lambda found: root.shown(found.value))

    @strawberry.field(graphql_type=float)
    @staticmethod
    def projected_percent(root: strawberry.Parent[Reached], info: Info) -> Any:
        return _foreseen(root, info, lambda found: found.percent)

    @strawberry.field(
        graphql_type=float | None,
        description="Probability, 0 to 1, that the target is reached; null while there is too little history.",
    )
    @staticmethod
    def attainment_probability(root: strawberry.Parent[Reached], info: Info) -> Any:
        return _foreseen(root, info, lambda found: found.probability)

    @strawberry.field(description="Amount needed on each remaining working day; null if none remains.")
    @staticmethod
    def needed_per_workday(root: strawberry.Parent[Reached]) -> Decimal | None:
        needed = root.sums.needed_per_workday
        return None if needed is None else root.shown(needed)

    @strawberry.field(description="Grows with every change; a client that sees a lower one drops it.")
    @staticmethod
    def version(root: strawberry.Parent[Reached]) -> int:
        return root.goal.version

    @strawberry.field
    @staticmethod
    def as_of(root: strawberry.Parent[Reached]) -> datetime:
        return root.as_of


def _foreseen(root: Reached, info: Info, shown: Callable[[Projection], Any]) -> Any:
    """Return a value of the goal's projection: immediately in a live stream, which has it loaded, else awaitable."""
    found = info.context.ask(projections, root)
    return shown(found) if isinstance(found, Projection) else _once(found, shown)


async def _once(waiting: Awaitable[Projection], shown: Callable[[Projection], Any]) -> Any:
    return shown(await waiting)


@lens(Altered, description="One changed field of a goal.")
class GoalChange:
    at: datetime
    by: TheEmployee | None = somebody("by_id")
    field: str
    before: str | None
    after: str | None


@strawberry.type(
    description="One signed posting to an employee's score. Corrections never overwrite: they post the difference."
)
class ScoreEntry:
    id: strawberry.ID = strawberry.field(resolver=lambda root: strawberry.ID(encoded("ScoreEntry", root.id)))
    employee: TheEmployee = one(people.by_ids, "employee_id")
    effective_on: date = strawberry.field(description="The company-zone day it counts for.")
    late: bool = strawberry.field(description="It belongs to a period that was already closed.")
    recorded_at: datetime

    @strawberry.field(graphql_type=Metric)
    @staticmethod
    async def metric(root: strawberry.Parent[scores.ScoreEntry], info: Info) -> Any:
        return (await info.context.metrics())[root.metric]

    @strawberry.field(description="Negative when a win is reopened, lowered, moved to a colleague or deleted.")
    @staticmethod
    async def amount(root: strawberry.Parent[scores.ScoreEntry], info: Info) -> Decimal:
        context = info.context
        return shown(root.amount, (await context.metrics())[root.metric].unit, (await context.company()).currency)

    @strawberry.field(
        graphql_type=ActivitySubject | None, description="The record that caused it; null if it no longer exists."
    )
    @staticmethod
    async def source(root: strawberry.Parent[scores.ScoreEntry], info: Info) -> Any:
        return await info.context.ask(node.subjects, (root.source_kind, root.source_id))


@lens(rows.Goal, description="A target of an employee, team or the company for a metric and period, with its progress.")
class Goal(Node):
    name: str
    recurring: bool = strawberry.field(
        description="A recurring goal renews itself with the same target when its period ends."
    )
    created_by: TheEmployee | None = somebody("created_by_id", "Null if it was not set by an employee.")
    created_at: datetime
    archived_at: datetime | None

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def owner(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        return info.context.ask(progress.owners, root)

    @strawberry.field(graphql_type=Metric)
    @staticmethod
    async def metric(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        return (await info.context.metrics())[root.metric]

    @strawberry.field(graphql_type=Decimal, description="In the metric's unit; above zero.")
    @staticmethod
    def target(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        ready = info.context.ready.get(progress.reached, {}).get(root)
        return ready.shown(root.target) if ready else _target(root, info.context)

    @strawberry.field(graphql_type=Period)
    @staticmethod
    async def period(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        return await days(info.context, root.period)

    @strawberry.field(graphql_type=GoalProgress)
    @staticmethod
    def progress(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        return info.context.ask(progress.reached, root)

    @strawberry.field(
        description="""Sum of the same metric's goals for the same period one level below (a team's members and
subteams); null for an employee's goal. It may be more or less than the target."""
    )
    @staticmethod
    async def allocated(root: strawberry.Parent[rows.Goal], info: Info) -> Decimal | None:
        context = info.context
        total = await context.ask(progress.allocated, root)
        if total is None:
            return None
        return shown(total, (await context.metrics())[root.metric].unit, (await context.company()).currency)

    @strawberry.field(
        graphql_type=Connection[ScoreEntry],
        description="Every posting that adds up to the progress, newest first.",
    )
    @staticmethod
    async def entries(
        root: strawberry.Parent[rows.Goal],
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        return await paged(info, await progress.entries(info.context, root), ("-id",), Span(first, after, last, before))

    @strawberry.field(
        graphql_type=list[GoalChange], description="Changes with author, time, old and new value, newest first."
    )
    @staticmethod
    def changes(root: strawberry.Parent[rows.Goal], info: Info) -> Any:
        return info.context.ask(progress.altered, root)


async def _target(root: rows.Goal, context: Context) -> Decimal:
    return shown(root.target, (await context.metrics())[root.metric].unit, (await context.company()).currency)
