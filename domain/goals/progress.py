"""Progress of a goal: attainment, and pace against an even distribution over its working days.

All comparisons are exact; only the two percentages are floats, since they are displayed
and never used in calculations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, elapsed_and_total_days

_TOLERANCE_DIVISOR: Final = 20  # target / 20, i.e. 5 %


class Pace(StrEnum):
    """The status of a goal compared with an even pace.

    NOT_STARTED  the period lies ahead and the value is zero
    ON_TRACK     at most 5 % of the target away from the value at an even pace; BEHIND and AHEAD lie outside
    ACHIEVED     the target is reached, at any time
    MISSED       the target is not reached and the period is over
    """

    NOT_STARTED = "NOT_STARTED"
    BEHIND = "BEHIND"
    ON_TRACK = "ON_TRACK"
    AHEAD = "AHEAD"
    ACHIEVED = "ACHIEVED"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a goal; amounts are in the metric's smallest unit. Derived figures are properties.

    elapsed_days, total_days  days that are over, and all days, by which an even pace is counted
    remaining_days            days that are not over, including today; 0 once the period is over
    """

    value: int
    target: int
    pace: Pace
    elapsed_days: int
    total_days: int
    remaining_days: int

    @property
    def percent(self) -> float:
        """100 × value / target, uncapped."""
        return calculate_percent(self.value, self.target)

    @property
    def remaining(self) -> int:
        """target − value, never below zero."""
        return max(0, self.target - self.value)

    @property
    def expected_by_now(self) -> Fraction:
        """The value at the end of yesterday at an even pace."""
        return Fraction(self.target * self.elapsed_days, self.total_days)

    @property
    def projected(self) -> Fraction:
        """The value at the end of the period if the pace so far continues."""
        is_running = self.elapsed_days and self.remaining_days
        return Fraction(self.value * self.total_days, self.elapsed_days) if is_running else Fraction(self.value)

    @property
    def projected_percent(self) -> float:
        """100 × projected / target, uncapped."""
        return calculate_percent(self.projected, self.target)

    @property
    def needed_per_workday(self) -> Fraction | None:
        """The amount needed on each remaining working day, including today; None if none remains."""
        return Fraction(self.remaining, self.remaining_days) if self.remaining_days else None


def calculate_progress(value: int, target: int, period: Period, *, today: date, calendar: Calendar) -> Progress:
    """Calculate the progress of a goal.

    value, target  in the metric's smallest unit; ValueError unless the target is above zero
    period, today  the goal's period and the company's current day, which counts as elapsed once it is over
    """
    if target <= 0:
        raise ValueError("A target is above zero.")
    elapsed_days, total_days = elapsed_and_total_days(period, today, calendar)
    remaining_days = 0 if today > period.end else total_days - elapsed_days
    return Progress(
        value,
        target,
        _determine_pace(value, target, elapsed_days, total_days, period, today),
        elapsed_days,
        total_days,
        remaining_days,
    )


def calculate_percent(value: int | Fraction, target: int) -> float:
    """Return 100 × value / target as the nearest float, but below 100 unless the target is reached."""
    result = (100 * value.numerator) / (value.denominator * target)  # integers, so that it is rounded only once
    return math.nextafter(100.0, 0.0) if result >= 100 and value < target else result


def _determine_pace(value: int, target: int, elapsed_days: int, total_days: int, period: Period, today: date) -> Pace:
    if value >= target:
        return Pace.ACHIEVED
    if today > period.end:
        return Pace.MISSED
    if today < period.start and value == 0:
        return Pace.NOT_STARTED
    lead = value * total_days - target * elapsed_days  # over an even pace, times `total_days`: integers, so exact
    if abs(lead) * _TOLERANCE_DIVISOR <= target * total_days:
        return Pace.ON_TRACK
    return Pace.AHEAD if lead > 0 else Pace.BEHIND
