"""Which parts of an answer the selected fields need, so that nothing else is read and computed.

Each set below holds the names of the fields that need a part. A test checks that every field of these types is in one of
them or needs nothing, and that an answer with a few fields equals the full one.
"""

from __future__ import annotations

from typing import Final

import strawberry

from domain.analytics.funnel import FunnelParts
from domain.analytics.time_series import StatisticsParts
from graph.base.row_types import AnyContext, Info, selects_any
from resolvers.leaderboards.leaderboards import LeaderboardParts

OPEN_DEALS: Final = frozenset({"openDeals"})
OPEN_CLIENTS: Final = frozenset({"clients"})
OPEN_AMOUNTS: Final = frozenset({"openAmount"})
OWN_OUTCOMES: Final = frozenset(
    {
        "entered",
        "advanced",
        "lost",
        "conversionPercent",
        "conversionLowPercent",
        "conversionHighPercent",
        "immature",
    }
)
OWN_DAYS: Final = frozenset({"medianDaysInStage"})
OTHER_OUTCOMES: Final = frozenset({"benchmarkPercent", "weak", "weakest"})
OTHER_DAYS: Final = frozenset({"stalled", "slow"})

TOTALS: Final = frozenset({"total", "points"})
POINTS: Final = frozenset({"points"})
AVERAGE: Final = frozenset({"averageDealAmount"})
CLOSED: Final = frozenset({"winRatePercent", "medianSalesCycleDays"})
PREVIOUS_TOTALS: Final = frozenset({"previousTotal"})
PREVIOUS_AVERAGE: Final = frozenset({"previousAverageDealAmount"})
PREVIOUS_CLOSED: Final = frozenset({"previousWinRatePercent", "previousMedianSalesCycleDays"})

TARGET: Final = frozenset({"target", "attainmentProbability"})  # of a forecast
JUDGEMENT: Final = frozenset({"categories", "submissions", "submitted", "adjustment", "calls"})

PREVIOUS_RANKS: Final = frozenset({"previousRank"})
ROW_TARGETS: Final = frozenset({"target", "attainmentPercent"})  # of a leaderboard


def funnel_parts(info: Info) -> FunnelParts:
    """Return the parts of a funnel that the selected fields need."""
    others = selects_any(info, OTHER_OUTCOMES | OTHER_DAYS)
    days = selects_any(info, OWN_DAYS | OTHER_DAYS)
    return FunnelParts(
        open_deals=selects_any(info, OPEN_DEALS),
        open_clients=selects_any(info, OPEN_CLIENTS),
        open_amounts=selects_any(info, OPEN_AMOUNTS),
        outcomes=others or days or selects_any(info, OWN_OUTCOMES),
        days=days,
        others=others,
    )


def statistics_parts(info: Info) -> StatisticsParts:
    """Return the parts of statistics that the selected fields need."""
    return StatisticsParts(
        totals=selects_any(info, TOTALS),
        points=selects_any(info, POINTS),
        average=selects_any(info, AVERAGE),
        closed=selects_any(info, CLOSED),
        previous_totals=selects_any(info, PREVIOUS_TOTALS),
        previous_average=selects_any(info, PREVIOUS_AVERAGE),
        previous_closed=selects_any(info, PREVIOUS_CLOSED),
    )


def needs_target(info: strawberry.Info[AnyContext, None]) -> bool:
    """Return whether the selected fields of a forecast need its target."""
    return selects_any(info, TARGET)


def leaderboard_parts(info: strawberry.Info[AnyContext, None]) -> LeaderboardParts:
    """Return the parts of the rows of a leaderboard that the selected fields need."""
    return LeaderboardParts(previous_ranks=selects_any(info, PREVIOUS_RANKS), targets=selects_any(info, ROW_TARGETS))
