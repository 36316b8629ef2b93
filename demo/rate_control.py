"""Limits how much the demo's simulated sellers add to each metric, so that goals stay plausible however long it runs.

In an hour they record what real sellers record in a month. So they stop where a monthly goal would be too far ahead of
its expected value; a goal that has been reached sets no limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

_AHEAD: Final = Decimal("0.15")  # of the target above the expected value
_NEARLY: Final = Decimal("0.97")  # of the target

Room = Mapping[str, Decimal]


def room(goals: Iterable[Mapping[str, Any]]) -> Room:
    """Return how much may still be added to each metric; metrics without a monthly goal are not contained.

    goals  the goals visible to a seller as the public API returns them: their own, their teams' and the company's
    """
    found: dict[str, Decimal] = {}
    for goal in goals:
        progress, target = goal["progress"], Decimal(goal["target"])
        value = Decimal(progress["value"])
        if goal["period"]["kind"] == "MONTH" and value < target:
            most = min(Decimal(progress["expectedByNow"]) + _AHEAD * target, _NEARLY * target)
            left = max(most - value, Decimal(0))
            key = goal["metric"]["key"]
            found[key] = min(found.get(key, left), left)
    return found


def fits(left: Room, gains: Mapping[str, Decimal]) -> bool:
    """Return whether all gains, by metric, are within the headroom."""
    return all(gain <= left.get(metric, gain) for metric, gain in gains.items())
