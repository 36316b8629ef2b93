"""GraphQL types of the statistics of a card: time series of metrics, and figures of the closed deals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import strawberry

from graph.base.field_declarations import NOTHING, declare
from graph.base.row_types import Info
from graph.base.scopes import CalendarPeriod, Period, to_calendar_period
from graph.types.metrics import Metric
from resolvers.analytics import statistics as rows


@strawberry.type(description="The value from the day `start` until the next point, in the metric's unit.")
class SeriesPoint:
    start: date
    value: Decimal


@strawberry.type(description="One metric over the period, in its unit.")
class MetricSeries:
    metric: Metric

    @strawberry.field
    @staticmethod
    def total(root: strawberry.Parent[rows.MetricSeries]) -> Decimal:
        return root.in_metric_unit(root.total)

    @strawberry.field(
        description="""The total of the previous period of the same kind (for CUSTOM: of as many days before it). While the
period runs, only of its first part: of the same number of finished working days, and of the day after them until the
present local time; of a DAY, of the last working day until that time. An employee's working days are their own."""
    )
    @staticmethod
    def previous_total(root: strawberry.Parent[rows.MetricSeries]) -> Decimal:
        return root.in_metric_unit(root.previous)

    @strawberry.field(
        description="""Every day, week or month of the period in order, including empty and future ones. The first and
the last week or month cover only the days within the period, so that the points add up to the total.""",
        metadata=declare(length=31),
    )
    @staticmethod
    def points(root: strawberry.Parent[rows.MetricSeries]) -> list[SeriesPoint]:
        return [SeriesPoint(start=point.start, value=root.in_metric_unit(point.value)) for point in root.points]


@strawberry.type(description="The charts of a card: one series per metric, and figures of the closed deals.")
class Statistics:
    series: list[MetricSeries] = strawberry.field(
        description="In the order of the argument `metrics`; without it all metrics, as the query `metrics` lists them.",
        metadata=declare(length=5),
    )

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING))
    @staticmethod
    async def period(root: strawberry.Parent[rows.Statistics], info: Info) -> CalendarPeriod:
        return await to_calendar_period(info.context, root.period)

    @strawberry.field(description="Won / (won + lost) of the deals closed in the period, percent; null without any.")
    @staticmethod
    def win_rate_percent(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.deals.closed.win_rate

    @strawberry.field(
        description="""The total of `deals_won_amount` by that of `deals_won`, in the company's currency, late corrections
included in both; null without wins."""
    )
    @staticmethod
    def average_deal_amount(root: strawberry.Parent[rows.Statistics]) -> Decimal | None:
        return root.deals.average_amount

    @strawberry.field(
        description="Median calendar days from creation to win, of the deals won in the period; null without wins."
    )
    @staticmethod
    def median_sales_cycle_days(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.deals.closed.median_cycle_days

    @strawberry.field(description="`winRatePercent` of what `previousTotal` covers.")
    @staticmethod
    def previous_win_rate_percent(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.previous_deals.closed.win_rate

    @strawberry.field(description="`averageDealAmount` of what `previousTotal` covers.")
    @staticmethod
    def previous_average_deal_amount(root: strawberry.Parent[rows.Statistics]) -> Decimal | None:
        return root.previous_deals.average_amount

    @strawberry.field(description="`medianSalesCycleDays` of what `previousTotal` covers.")
    @staticmethod
    def previous_median_sales_cycle_days(root: strawberry.Parent[rows.Statistics]) -> float | None:
        return root.previous_deals.closed.median_cycle_days
