"""The mutation that creates a metric."""

from __future__ import annotations

import strawberry
from strawberry import UNSET

from domain.primitives.units import Unit
from graph.base.lazy_types import MetricRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.crm import custom_metrics


@strawberry.input
class CreateMetricInput:
    key: str
    name: str
    description: str | None = UNSET
    unit: Unit = Unit.COUNT
    idempotency_key: str | None = UNSET


@payload("The metric.")
class MetricPayload:
    metric: MetricRef | None


@strawberry.type
class MetricMutation:
    @mutation("Create a custom metric, which counts the results recorded for it.")
    async def create_metric(self, info: Info, input: CreateMetricInput) -> MetricPayload:
        row = await custom_metrics.create_metric(
            info.context, key=input.key, name=input.name, description=input.description or None, unit=input.unit
        )
        return MetricPayload(metric=row)
