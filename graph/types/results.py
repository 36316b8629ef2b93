"""GraphQL type of a measured result."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.primitives.units import from_smallest
from graph.base.field_declarations import NOTHING, declare
from graph.base.lazy_types import EmployeeRef, MetricRef
from graph.base.row_types import Info, Node, row_type, to_one
from models.crm import custom_metrics
from models.organization import people


@row_type(custom_metrics.Result, description="A measured value of one of the company's own metrics.")
class Result(Node):
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    at: datetime
    note: str | None

    @strawberry.field(metadata=declare(NOTHING))
    @staticmethod
    async def metric(root: strawberry.Parent[custom_metrics.Result], info: Info) -> MetricRef:
        return (await info.context.metrics())[root.metric]

    @strawberry.field(description="In the metric's unit.", metadata=declare(NOTHING))
    @staticmethod
    async def value(root: strawberry.Parent[custom_metrics.Result], info: Info) -> Decimal:
        context = info.context
        return from_smallest(
            root.amount, (await context.metrics())[root.metric].unit, (await context.company()).currency
        )
