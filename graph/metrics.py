"""What can be counted."""

from __future__ import annotations

import strawberry

from domain import scoring
from domain.units import Unit
from graph.lens import lens


@lens(
    scoring.Metric,
    description=f"What can be counted. Built-in keys: {', '.join(scoring.METRICS)}. `createMetric` adds the company's own.",
)
class Metric:
    key: str
    name: str
    description: str
    unit: Unit

    @strawberry.field(description="False for a metric of the company's own.")
    @staticmethod
    def built_in(root: strawberry.Parent[scoring.Metric]) -> bool:
        return root.key in scoring.METRICS
