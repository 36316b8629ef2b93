"""How much the demo's sellers may still bring in, so that their goals are believable however long it runs.

In an hour they do what real sellers do in a month. So they hold back where a month's goal would
look too good for its day; a goal that is reached already holds nobody back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

_AHEAD: Final = Decimal("0.15")  # of the target above the even pace: well ahead
_NEARLY: Final = Decimal("0.97")  # of the target: not reached

Room = Mapping[str, Decimal]


def room(goals: Iterable[Mapping[str, Any]]) -> Room:
    """Return by metric how much may still be added; what no month's goal is about is not in it.

    goals  those that somebody sees, as the public API says them: of the seller, his teams and the company
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
    """Return whether all of it may be added."""
    return all(gain <= left.get(metric, gain) for metric, gain in gains.items())
