"""The funnel: how clients and deals are spread over the stages, and where they get lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry

from graph.base.row_types import Info
from graph.base.scopes import Period, Scope, days
from graph.types.deals import Stage
from resolvers.analytics import funnels as rows


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


@strawberry.type(
    description="""One stage: what is open in it now, and how the deals fared that first entered it within the period, as
they are known now. docs/funnel.md tells how `weak` and `slow` are decided."""
)
class FunnelStage:
    stage: Stage

    @strawberry.field(description="Open now in this stage.")
    @staticmethod
    def open_deals(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.open.deals

    @strawberry.field(description="Of these, where the amount is known, in the company's currency at the latest rates.")
    @staticmethod
    def open_amount(root: strawberry.Parent[rows.FunnelStage]) -> Decimal:
        return root.open_amount

    @strawberry.field(description="Distinct clients with an open deal in this stage.")
    @staticmethod
    def clients(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.open.clients

    @strawberry.field(
        description="Entered this stage within the period, for the first time; who skipped it has not entered it."
    )
    @staticmethod
    def entered(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.fared.tally.entered

    @strawberry.field(description="Of those entered: went on to a later stage or were won; going back undoes nothing.")
    @staticmethod
    def advanced(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.fared.tally.advanced

    @strawberry.field(description="Of those entered: lost, having come no further. The rest are still open.")
    @staticmethod
    def lost(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.fared.tally.lost

    @strawberry.field(description="advanced / (advanced + lost), percent; null when none is decided.")
    @staticmethod
    def conversion_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.fared.tally.conversion)

    @strawberry.field(description="The lower end of the 95 % interval of the conversion (Wilson), percent.")
    @staticmethod
    def conversion_low_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.fared.range[0] if root.fared.range else None)

    @strawberry.field(description="Its upper end.")
    @staticmethod
    def conversion_high_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.fared.range[1] if root.fared.range else None)

    @strawberry.field(description="Over 30 % of those entered are undecided: the conversion will still move.")
    @staticmethod
    def immature(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.fared.immature

    @strawberry.field(
        description="The conversion of all other sellers of the company (for a team, all outside it); null for the company."
    )
    @staticmethod
    def benchmark_percent(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return _percent(root.fared.benchmark)

    @strawberry.field(
        description="""Days after which half have left the stage (Kaplan–Meier: deals still there counted as such); null
while more than half are there."""
    )
    @staticmethod
    def median_days_in_stage(root: strawberry.Parent[rows.FunnelStage]) -> float | None:
        return root.fared.median_days

    @strawberry.field(
        description="Of those entered: still here after longer than 95 in 100 finished stays of the company took."
    )
    @staticmethod
    def stalled(root: strawberry.Parent[rows.FunnelStage]) -> int:
        return root.fared.stalled

    @strawberry.field(description="Conversion is credibly below the benchmark; never on few deals.")
    @staticmethod
    def weak(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.fared.weak

    @strawberry.field(description="Deals credibly stay here longer than the colleagues' do; never on few deals.")
    @staticmethod
    def slow(root: strawberry.Parent[rows.FunnelStage]) -> bool:
        return root.fared.slow


@strawberry.type(description="How clients and deals are spread over the stages of a pipeline, and where they get lost.")
class Funnel:
    stages: list[FunnelStage] = strawberry.field(description="In the pipeline's order.")
    weakest: FunnelStage | None = strawberry.field(
        description="The weak stage that costs the scope most wins, where the numbers suffice to call any weak."
    )

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[rows.Funnel]) -> Any:
        return root.scope.row

    @strawberry.field(graphql_type=Period)
    @staticmethod
    async def period(root: strawberry.Parent[rows.Funnel], info: Info) -> Any:
        return await days(info.context, root.period)
