"""How far a goal is, against an even pace over its working days.

All comparisons are exact; only the two percentages are floats, for they are shown and
never counted with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.calendar import Calendar
from domain.periods import Period, paced

_TOLERANCE: Final = Fraction(5, 100)  # of the target


class Pace(StrEnum):
    """Where a goal stands.

    NOT_STARTED  the period lies ahead and nothing has come in
    ON_TRACK     at most 5 % of the target away from what an even pace would have brought; BEHIND and AHEAD lie outside
    ACHIEVED     the target is reached, whenever
    MISSED       it is not, and the period is over
    """

    NOT_STARTED = "NOT_STARTED"
    BEHIND = "BEHIND"
    ON_TRACK = "ON_TRACK"
    AHEAD = "AHEAD"
    ACHIEVED = "ACHIEVED"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Progress:
    """A goal's arithmetic; amounts are in the metric's smallest unit.

    percent             100 × value / target, uncapped; `projected_percent` the same of `projected`
    remaining           what is missing, never below zero
    expected_by_now     what an even pace would have brought by the end of yesterday
    projected           where the value will stand at the end if it goes on as it has
    needed_per_workday  what each working day left, today among them, must bring; None when none is left
    """

    value: int
    target: int
    percent: float
    remaining: int
    expected_by_now: Fraction
    pace: Pace
    projected: Fraction
    projected_percent: float
    needed_per_workday: Fraction | None


def progress(value: int, target: int, period: Period, *, today: date, calendar: Calendar) -> Progress:
    """Return how far a goal is.

    value, target  in the metric's smallest unit; the target is above zero, else ValueError
    period, today  the goal's days, and the company's day now: it counts as elapsed when it is over
    """
    if target <= 0:
        raise ValueError("A target is above zero.")
    elapsed, whole = paced(period, today, calendar)
    left = 0 if today > period.end else whole - elapsed
    expected = Fraction(target * elapsed, whole)
    remaining = max(0, target - value)
    running = bool(elapsed and left)
    projected = Fraction(value * whole, elapsed) if running else Fraction(value)
    return Progress(
        value,
        target,
        percent(value, target),
        remaining,
        expected,
        _pace(value, target, expected, period, today),
        projected,
        percent(projected, target),
        Fraction(remaining, left) if left else None,
    )


def percent(value: int | Fraction, target: int) -> float:
    """Return 100 × value / target as the nearest float, but 100 only for what has reached the target."""
    shown = (100 * value.numerator) / (value.denominator * target)  # of whole numbers, this is rounded but once
    return math.nextafter(100.0, 0.0) if shown >= 100 and value < target else shown


def _pace(value: int, target: int, expected: Fraction, period: Period, today: date) -> Pace:
    if value >= target:
        return Pace.ACHIEVED
    if today > period.end:
        return Pace.MISSED
    if today < period.start and value == 0:
        return Pace.NOT_STARTED
    if abs(value - expected) <= _TOLERANCE * target:
        return Pace.ON_TRACK
    return Pace.AHEAD if value > expected else Pace.BEHIND
