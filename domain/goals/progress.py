"""Progress of a goal: attainment, and pace against an even distribution over the owner's working time.

All comparisons are exact; only the two percentages are floats, since they are displayed
and never used in calculations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.working_time import WorkingTime, quarter_after

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

    time     the owner's working time in the period
    is_over  whether the period is over
    """

    value: int
    target: int
    pace: Pace
    time: WorkingTime
    is_over: bool

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
        """The value by now at an even pace."""
        return Fraction(self.target * self.time.elapsed, self.time.total)

    @property
    def projected(self) -> Fraction:
        """The value at the end of the period if the pace so far continues; the value itself in the first half day."""
        if self.is_over or not self.time.has_half_day_elapsed:
            return Fraction(self.value)
        return Fraction(self.value * self.time.total, self.time.elapsed)

    @property
    def projected_percent(self) -> float:
        """100 × projected / target, uncapped."""
        return calculate_percent(self.projected, self.target)

    @property
    def needed_per_workday(self) -> Fraction | None:
        """The amount needed on each remaining working day, including today; None if none remains."""
        return Fraction(self.remaining, self.time.workdays_left) if self.time.workdays_left else None

    @property
    def elapsed_of_next_pace(self) -> int | None:
        """The elapsed working time from which the pace is another one if the value stays; None if there is none."""
        time, divisor = self.time, _TOLERANCE_DIVISOR * self.target
        if self.pace is Pace.AHEAD:  # until: (value × total − target × elapsed) × 20 ≤ target × total
            return -(-time.total * (_TOLERANCE_DIVISOR * self.value - self.target) // divisor)
        if self.pace is Pace.ON_TRACK:  # until: (target × elapsed − value × total) × 20 > target × total
            return time.total * (_TOLERANCE_DIVISOR * self.value + self.target) // divisor + 1
        return None


def calculate_progress(value: int, target: int, period: Period, time: WorkingTime, *, today: date) -> Progress:
    """Calculate the progress of a goal.

    value, target  in the metric's smallest unit; ValueError unless the target is above zero
    time           the working time of the goal's owner in the period
    today          the company's current day
    """
    if target <= 0:
        raise ValueError("A target is above zero.")
    return Progress(value, target, _determine_pace(value, target, time, period, today), time, today > period.end)


def pro_rate(full_target: int, share: Fraction) -> int:
    """Return the part of a target for a share of its working time: rounded half up, and at least one unit."""
    return max(1, math.floor(full_target * share + Fraction(1, 2)))


def pace_check_time(period: Period, day: date, calendar: Calendar) -> datetime:
    """Return when the goal of a period is checked on a day for being behind.

    It is checked when the day begins; a goal of one day, of which nothing is expected then, when half of its working
    hours are over.
    """
    if period.kind is PeriodKind.DAY and calendar.is_workday(day):
        return calendar.instant_of_quarter(day, (calendar.count_quarters(day, day) + 1) // 2)
    return calendar.start_of(day)


def next_pace_change(progress: Progress, instant: datetime, calendar: Calendar) -> datetime | None:
    """Return when the pace changes on the day of the instant if the value stays, or None if it does not change then."""
    elapsed = progress.elapsed_of_next_pace
    if elapsed is None or not progress.time.staff:
        return None
    missing_quarters = -(-(elapsed - progress.time.elapsed) // progress.time.staff)
    return quarter_after(instant, missing_quarters, calendar)


def next_elapsed_change(progress: Progress, instant: datetime, calendar: Calendar) -> datetime | None:
    """Return when the elapsed working time grows next on the day of the instant, or None if it does not any more."""
    return quarter_after(instant, 1, calendar) if progress.time.staff else None


def calculate_percent(value: int | Fraction, target: int) -> float:
    """Return 100 × value / target as the nearest float, but below 100 unless the target is reached."""
    result = (100 * value.numerator) / (value.denominator * target)  # integers, so that it is rounded only once
    return math.nextafter(100.0, 0.0) if result >= 100 and value < target else result


def _determine_pace(value: int, target: int, time: WorkingTime, period: Period, today: date) -> Pace:
    if value >= target:
        return Pace.ACHIEVED
    if today > period.end:
        return Pace.MISSED
    if today < period.start and value == 0:
        return Pace.NOT_STARTED
    lead = value * time.total - target * time.elapsed  # over an even pace, times `total`: integers, so exact
    if abs(lead) * _TOLERANCE_DIVISOR <= target * time.total:
        return Pace.ON_TRACK
    return Pace.AHEAD if lead > 0 else Pace.BEHIND
