"""GraphQL type of metrics."""

from __future__ import annotations

import strawberry

from domain.i18n.metric_names import metric_description, metric_name
from domain.ledger import metrics
from domain.primitives.units import Unit
from graph.base.field_declarations import KEY_ALONE, NOTHING, declare
from graph.base.row_types import Info, row_type


@row_type(
    metrics.Metric,
    description=f"A number counted from records. Built-in keys: {', '.join(metrics.METRICS)}. `createMetric` adds the company's own.",
)
class Metric:
    key: str
    unit: Unit

    @strawberry.field(
        description="Display name, in the viewer's language.", metadata=declare(NOTHING, follows=KEY_ALONE)
    )
    @staticmethod
    def name(root: strawberry.Parent[metrics.Metric], info: Info) -> str:
        return metric_name(root, info.context.language)

    @strawberry.field(
        description="A sentence that defines it, in the viewer's language.",
        metadata=declare(NOTHING, follows=KEY_ALONE),
    )
    @staticmethod
    def description(root: strawberry.Parent[metrics.Metric], info: Info) -> str:
        return metric_description(root, info.context.language)

    @strawberry.field(description="False for a metric of the company's own.")
    @staticmethod
    def built_in(root: strawberry.Parent[metrics.Metric]) -> bool:
        return root.key in metrics.METRICS
