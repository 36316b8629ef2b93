"""GraphQL types of the funnel: deals and clients per pipeline stage, conversion and weak stages."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from graph.base.field_declarations import KEY_ALONE, NEVER, NOTHING, declare
from graph.base.row_types import Info
from graph.base.scopes import CalendarPeriod, Period, Scope, to_calendar_period
from graph.types.deals import Stage
from resolvers.analytics import funnels as rows


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


@strawberry.type(
    description="""One stage: the deals open in it now, and outcomes so far of the deals that first entered it within
the period. docs/funnel.md explains how `weak` and `slow` are decided."""
)
class FunnelStage:
    stage: Stage

    @strawberry.field(description="Deals that are open in this stage now.")
    @staticmethod
    def open_deals(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.open_deals.deals

    @strawberry.field(description="Their known amounts, in the company's currency at the latest rates.")
    @staticmethod
    def open_amount(root: strawberry.Parent[rows.FunnelStage]) -> Decimal:
        return root.open_amount

    @strawberry.field(description="Distinct clients with an open deal in this stage.")
    @staticmethod
    def clients(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.open_deals.clients

    @strawberry.field(
        description="Deals that first entered this stage within the period; a deal that skipped it has not entered it.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def entered(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.analysis.tally.entered

    @strawberry.field(
        description="Entered deals that reached a later stage or were won, even if moved back later.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def advanced(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.analysis.tally.advanced

    @strawberry.field(
        description="Entered deals that were lost before a later stage. The rest are still open.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def lost(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.analysis.tally.lost

    @strawberry.field(
        description="advanced / (advanced + lost), percent; null if none is decided.", metadata=declare(follows=NEVER)
    )
    @staticmethod
    def conversion_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.analysis.tally.conversion)

    @strawberry.field(
        description="Lower end of the 95 % Wilson interval of the conversion, percent.", metadata=declare(follows=NEVER)
    )
    @staticmethod
    def conversion_low_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.analysis.range[0] if root.analysis.range else None)

    @strawberry.field(
        description="Upper end of the 95 % Wilson interval of the conversion, percent.", metadata=declare(follows=NEVER)
    )
    @staticmethod
    def conversion_high_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.analysis.range[1] if root.analysis.range else None)

    @strawberry.field(
        description="Over 30 % of the entered deals are undecided: the conversion will still change.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def immature(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.analysis.immature

    @strawberry.field(
        description="""Conversion of all other sellers of the company whose cards the viewer may see (for a team, all
outside it); null for the company, and where the viewer may see no others.""",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def benchmark_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.analysis.benchmark)

    @strawberry.field(
        description="""Median days in the stage (Kaplan–Meier, with deals still there as censored); null while more than
half are there.""",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def median_days_in_stage(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return root.analysis.median_days

    @strawberry.field(
        description="Entered deals that have been here for longer than 95 % of the finished stays the viewer may see.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def stalled(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.analysis.stalled

    @strawberry.field(
        description="The conversion is credibly below the benchmark; never on few deals.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def weak(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.analysis.weak

    @strawberry.field(
        description="Deals credibly stay here longer than other sellers' deals; never on few deals.",
        metadata=declare(follows=NEVER),
    )
    @staticmethod
    def slow(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.analysis.slow


@strawberry.type(description="Deals and clients per stage of a pipeline, with conversion and the weakest stage.")
class Funnel:
    stages: list[FunnelStage] = strawberry.field(description="In the pipeline's order.", metadata=declare(length=7))
    weakest: FunnelStage | None = strawberry.field(
        description="The weak stage that costs the scope most wins; null if none is weak or there are too few deals.",
        metadata=declare(follows=NEVER),
    )

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[rows.Funnel]) -> object:
        return root.scope.row

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING, follows=KEY_ALONE))
    @staticmethod
    async def period(root: strawberry.Parent[rows.Funnel], info: Info) -> CalendarPeriod:
        return await to_calendar_period(info.context, root.period)
