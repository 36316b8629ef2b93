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

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, paced

_TOLERANCE: Final = 20  # how often it goes into the target: 5 %


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
    """A goal's arithmetic; amounts are in the metric's smallest unit. What follows from the rest is worked out when asked.

    elapsed, whole  of the days that an even pace goes by: those that are over, and all
    left            those that are not, today among them; 0 once the period is over
    """

    value: int
    target: int
    pace: Pace
    elapsed: int
    whole: int
    left: int

    @property
    def percent(self) -> float:
        """100 × value / target, uncapped."""
        return percent(self.value, self.target)

    @property
    def remaining(self) -> int:
        """What is missing, never below zero."""
        return max(0, self.target - self.value)

    @property
    def expected_by_now(self) -> Fraction:
        """What an even pace would have brought by the end of yesterday."""
        return Fraction(self.target * self.elapsed, self.whole)

    @property
    def projected(self) -> Fraction:
        """Where the value will stand at the end if it goes on as it has."""
        running = self.elapsed and self.left
        return Fraction(self.value * self.whole, self.elapsed) if running else Fraction(self.value)

    @property
    def projected_percent(self) -> float:
        """100 × projected / target, uncapped."""
        return percent(self.projected, self.target)

    @property
    def needed_per_workday(self) -> Fraction | None:
        """What each working day left, today among them, must bring; None when none is left."""
        return Fraction(self.remaining, self.left) if self.left else None


def progress(value: int, target: int, period: Period, *, today: date, calendar: Calendar) -> Progress:
    """Return how far a goal is.

    value, target  in the metric's smallest unit; the target is above zero, else ValueError
    period, today  the goal's days, and the company's day now: it counts as elapsed when it is over
    """
    if target <= 0:
        raise ValueError("A target is above zero.")
    elapsed, whole = paced(period, today, calendar)
    left = 0 if today > period.end else whole - elapsed
    return Progress(value, target, _pace(value, target, elapsed, whole, period, today), elapsed, whole, left)


def percent(value: int | Fraction, target: int) -> float:
    """Return 100 × value / target as the nearest float, but 100 only for what has reached the target."""
    shown = (100 * value.numerator) / (value.denominator * target)  # of whole numbers, this is rounded but once
    return math.nextafter(100.0, 0.0) if shown >= 100 and value < target else shown


def _pace(value: int, target: int, elapsed: int, whole: int, period: Period, today: date) -> Pace:
    if value >= target:
        return Pace.ACHIEVED
    if today > period.end:
        return Pace.MISSED
    if today < period.start and value == 0:
        return Pace.NOT_STARTED
    ahead = value * whole - target * elapsed  # of an even pace, times `whole`: of whole numbers, so exact
    if abs(ahead) * _TOLERANCE <= target * whole:
        return Pace.ON_TRACK
    return Pace.AHEAD if ahead > 0 else Pace.BEHIND
