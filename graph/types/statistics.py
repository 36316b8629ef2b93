"""The charts of the card: what came in over a period, and what the closed deals were like."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import strawberry

from graph.base.row_types import Info
from graph.base.scopes import Period, days
from graph.types.metrics import Metric
from resolvers.analytics import statistics as rows


@strawberry.type(description="What came in from the day `start` until the next point, in the metric's unit.")
class SeriesPoint:
    start: date
    value: Decimal


@strawberry.type(description="One metric over the period, in its unit.")
class MetricSeries:
    metric: Metric

    @strawberry.field
    @staticmethod
    def total(root: strawberry.Parent[rows.Series]) -> Decimal:
        return root.shown(root.total)

    @strawberry.field(
        description="""The total of the period of the same kind before it (before a CUSTOM one: as many days), up to as many
elapsed working days while the period is running."""
    )
    @staticmethod
    def previous_total(root: strawberry.Parent[rows.Series]) -> Decimal:
        return root.shown(root.previous)

    @strawberry.field(
        description="""Every day, week or month of the period in order, also those without anything and those to come. The
first and the last week or month have only the days that lie within the period: the points add up to the total."""
    )
    @staticmethod
    def points(root: strawberry.Parent[rows.Series]) -> list[SeriesPoint]:
        return [SeriesPoint(start=point.start, value=root.shown(point.value)) for point in root.points]


@strawberry.type(description="The charts of the card: one series a metric, and the deals that were closed.")
class Statistics:
    series: list[MetricSeries] = strawberry.field(
        description="In the order asked for; without `metrics` all there are, as `metrics` lists them."
    )

    @strawberry.field(graphql_type=Period)
    @staticmethod
    async def period(root: strawberry.Parent[rows.Statistics], info: Info) -> Any:
        return await days(info.context, root.period)

    @strawberry.field(description="Won / (won + lost) in the period, percent; null when none was closed.")
    @staticmethod
    def win_rate_percent(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.closed.win_rate

    @strawberry.field(description="Of the deals won in the period, in the company's currency; null without any.")
    @staticmethod
    def average_deal_amount(root: strawberry.Parent[rows.Statistics]) -> Decimal | None:
        return root.average

    @strawberry.field(
        description="Median days of the calendar from created to won, of the deals won in the period; null without any."
    )
    @staticmethod
    def median_sales_cycle_days(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.closed.median_cycle
