"""Which parts of an answer the selected fields need, so that nothing else is read and computed.

Each set below holds the names of the fields that need a part. A test checks that every field of these types is in one of
them or needs nothing, and that an answer with a few fields equals the full one.
"""

from __future__ import annotations

from typing import Final

from domain.analytics.funnel import FunnelParts
from domain.analytics.time_series import StatisticsParts
from graph.base.row_types import Info, selects_any

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
