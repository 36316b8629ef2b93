"""Limits how much the demo's simulated sellers add to each metric, so that goals stay plausible however long it runs.

In an hour they record what real sellers record in a month. So they stop where a monthly goal would be too far ahead of
its expected value; a goal that has been reached sets no limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from demo.api_client import Record

_MAX_LEAD: Final = Decimal("0.15")  # of the target above the expected value
_MAX_ATTAINMENT: Final = Decimal("0.97")  # of the target

Headroom = Mapping[str, Decimal]


def compute_headroom(goals: Iterable[Record]) -> Headroom:
    """Return how much may still be added to each metric; metrics without a monthly goal are not contained.

    goals  the goals visible to a seller as the public API returns them: their own, their teams' and the company's
    """
    headroom: dict[str, Decimal] = {}
    for goal in goals:
        progress, target = goal["progress"], Decimal(goal["target"])
        value = Decimal(progress["value"])
        if goal["period"]["kind"] == "MONTH" and value < target:
            ceiling = min(Decimal(progress["expectedByNow"]) + _MAX_LEAD * target, _MAX_ATTAINMENT * target)
            remaining = max(ceiling - value, Decimal(0))
            key = goal["metric"]["key"]
            headroom[key] = min(headroom.get(key, remaining), remaining)
    return headroom


def fits_within(headroom: Headroom, gains: Mapping[str, Decimal]) -> bool:
    """Return whether all gains, by metric, are within the headroom."""
    return all(gain <= headroom.get(metric, gain) for metric, gain in gains.items())
