"""What can be counted."""

from __future__ import annotations

import strawberry

from domain import scoring
from domain.units import Unit
from graph.lens import Info, lens


@lens(
    scoring.Metric,
    description=f"What can be counted. Built-in keys: {', '.join(scoring.METRICS)}. `createMetric` adds the company's own.",
)
class Metric:
    key: str
    unit: Unit

    @strawberry.field(description="For people, in the viewer's language.")
    @staticmethod
    def name(root: strawberry.Parent[scoring.Metric], info: Info) -> str:
        return root.called(info.context.language)

    @strawberry.field(description="What it counts, in the viewer's language.")
    @staticmethod
    def description(root: strawberry.Parent[scoring.Metric], info: Info) -> str:
        return root.described(info.context.language)

    @strawberry.field(description="False for a metric of the company's own.")
    @staticmethod
    def built_in(root: strawberry.Parent[scoring.Metric]) -> bool:
        return root.key in scoring.METRICS
