"""Which parts of an answer the selected fields need, so that nothing else is read and computed.

Each set below holds the names of the fields that need a part. A test checks that every field of these types is in one of
them or needs nothing, and that an answer with a few fields equals the full one.
"""

from __future__ import annotations

from typing import Final

from domain.analytics.funnel import FunnelParts
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
