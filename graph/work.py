"""What employees do: calls, tasks and results of the company's own metrics."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from domain.units import shown
from graph.deals import Client, Deal
from graph.enums import CallDirection, CallOutcome, TaskKind
from graph.lens import Info, Node, lens, one, somebody, within_sight
from graph.metrics import Metric
from models import calls, metrics, people, tasks

TheEmployee = Annotated["Employee", strawberry.lazy("graph.people")]  # type: ignore[name-defined]  # noqa: F821


@lens(calls.Call, description="A call, made or received.")
class Call(Node):
    external_id: str | None
    employee: TheEmployee = one(people.by_ids, "employee_id")
    direction: CallDirection
    outcome: CallOutcome
    started_at: datetime
    duration_seconds: int
    client: Client | None = within_sight("Client", "client_id")
    deal: Deal | None = within_sight("Deal", "deal_id")
    note: str | None


@lens(tasks.Task, description="Something to do, by somebody, until some time.")
class Task(Node):
    external_id: str | None
    title: str
    kind: TaskKind
    assignee: TheEmployee = one(people.by_ids, "assignee_id")
    created_by: TheEmployee | None = somebody("created_by_id", "Null when an integration made it.")
    due_at: datetime | None
    completed_at: datetime | None
    deal: Deal | None = within_sight("Deal", "deal_id")
    client: Client | None = within_sight("Client", "client_id")

    @strawberry.field(description="Not completed, and its due time is there or past.")
    @staticmethod
    def overdue(root: strawberry.Parent[tasks.Task], info: Info) -> bool:
        return root.overdue(info.context.now())


@strawberry.input(description="Which tasks; what is left out restricts nothing.")
class TaskFilter:
    kind: TaskKind | None = strawberry.UNSET
    completed: bool | None = strawberry.UNSET
    overdue: bool | None = strawberry.UNSET


@lens(metrics.Result, description="A measured value of one of the company's own metrics.")
class Result(Node):
    employee: TheEmployee = one(people.by_ids, "employee_id")
    at: datetime
    note: str | None

    @strawberry.field(graphql_type=Metric)
    @staticmethod
    async def metric(root: strawberry.Parent[metrics.Result], info: Info) -> Any:
        return (await info.context.metrics())[root.metric]

    @strawberry.field(description="In the metric's unit.")
    @staticmethod
    async def value(root: strawberry.Parent[metrics.Result], info: Info) -> Decimal:
        context = info.context
        return shown(root.amount, (await context.metrics())[root.metric].unit, (await context.company()).currency)
