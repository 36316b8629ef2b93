"""Progress of a goal: attainment, and pace against an even distribution over the owner's working time.

Where a goal has slices, pace follows their targets, and within each it is even.

All comparisons are exact; only the two percentages are floats, since they are displayed
and never used in calculations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.goals.slices import Slice
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


class ProjectionBasis(StrEnum):
    """What a projection continues.

    VALUE     nothing: it is the value so far, before the first half day of working time and once the period is over
    PACE      the pace so far
    HISTORY   the history of the metric
    FORECAST  the forecast of won deals
    """

    VALUE = "VALUE"
    PACE = "PACE"
    HISTORY = "HISTORY"
    FORECAST = "FORECAST"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a goal; amounts are in the metric's smallest unit. Derived figures are properties.

    time     the owner's working time in the period
    is_over  whether the period is over
    slices   the months with their own targets, in their order; none: the target is distributed evenly
    """

    value: int
    target: int
    pace: Pace
    time: WorkingTime
    is_over: bool
    slices: tuple[Slice, ...] = ()

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
        """The value by now at an even pace, or along the slices."""
        segment = _find_segment(self.target, self.time, self.slices)
        return Fraction(segment.expected_times_total, segment.time.total)

    @property
    def shortfall_parts(self) -> tuple[int, int]:
        """By how much the value is below that of an even pace, as numerator and denominator."""
        segment = _find_segment(self.target, self.time, self.slices)
        return segment.expected_times_total - self.value * segment.time.total, segment.time.total

    @property
    def projected(self) -> Fraction:
        """The value at the end of the period if the pace so far continues; the value itself in the first half day."""
        if self.pace_projection_basis is ProjectionBasis.VALUE:
            return Fraction(self.value)
        return self.value * self.target / self.expected_by_now

    @property
    def pace_projection_basis(self) -> ProjectionBasis:
        """Whether `projected` continues the pace already."""
        has_pace = self.time.has_half_day_elapsed and not self.is_over and self.expected_by_now > 0
        return ProjectionBasis.PACE if has_pace else ProjectionBasis.VALUE

    @property
    def projected_percent(self) -> float:
        """100 × projected / target, uncapped."""
        return calculate_percent(self.projected, self.target)

    @property
    def needed_per_workday(self) -> Fraction | None:
        """The amount needed on each remaining working day, including today; None if none remains.

        Of a goal with slices it is that of the present month, or of the next one with working days, where what remains
        of the goal is distributed as the slices are.
        """
        if not self.time.workdays_left:
            return None
        slices = [part for part in self.slices if part.time.workdays_left]
        target_ahead = sum(Fraction(part.target * part.time.workdays_left, part.time.workdays) for part in slices)
        if not target_ahead:
            return Fraction(self.remaining, self.time.workdays_left)
        return self.remaining * Fraction(slices[0].target, slices[0].time.workdays) / target_ahead

    @property
    def time_to_next_pace(self) -> int | None:
        """The working time after which the pace is another one if the value stays; None if there is none.

        It may lie beyond the present slice, and so beyond today.
        """
        segment = _find_segment(self.target, self.time, self.slices)
        time, divisor = segment.time, _TOLERANCE_DIVISOR * segment.target
        lead = _TOLERANCE_DIVISOR * (self.value - segment.before)
        if not divisor:
            return None
        if self.pace is Pace.AHEAD:  # until: (value − before) × total − segment × elapsed) × 20 ≤ target × total
            return -(-time.total * (lead - self.target) // divisor) - time.elapsed
        if self.pace is Pace.ON_TRACK:  # until: (segment × elapsed − (value − before) × total) × 20 > target × total
            return time.total * (lead + self.target) // divisor + 1 - time.elapsed
        return None


@dataclass(frozen=True, slots=True)
class _Segment:
    """The part of a goal in which the value expected by now grows evenly: the slice that runs, or the whole.

    before  what the slices before it add up to
    target  its own
    """

    before: int
    target: int
    time: WorkingTime

    @property
    def expected_times_total(self) -> int:
        """The value expected by now, times `time.total`: an integer, so exact."""
        return self.before * self.time.total + self.target * self.time.elapsed


def _find_segment(target: int, time: WorkingTime, slices: Sequence[Slice]) -> _Segment:
    if not slices:
        return _Segment(0, target, time)
    before = 0
    for part in slices[:-1]:
        if part.time.elapsed < part.time.total:
            return _Segment(before, part.target, part.time)
        before += part.target
    return _Segment(before, slices[-1].target, slices[-1].time)


def calculate_progress(
    value: int, target: int, period: Period, time: WorkingTime, *, today: date, slices: Sequence[Slice] = ()
) -> Progress:
    """Calculate the progress of a goal.

    value, target  in the metric's smallest unit; ValueError unless the target is above zero
    time           the working time of the goal's owner in the period
    today          the company's current day
    slices         the months with their own targets, which add up to the target; none: it is distributed evenly
    """
    if target <= 0:
        raise ValueError("A target is above zero.")
    segment = _find_segment(target, time, slices)
    pace = _determine_pace(value, target, segment, period, today)
    return Progress(value, target, pace, time, today > period.end, tuple(slices))


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
    missing_time = progress.time_to_next_pace
    if missing_time is None or not progress.time.staff:
        return None
    missing_quarters = -(-missing_time // progress.time.staff)
    return quarter_after(instant, missing_quarters, calendar)


def next_elapsed_change(progress: Progress, instant: datetime, calendar: Calendar) -> datetime | None:
    """Return when the elapsed working time grows next on the day of the instant, or None if it does not any more."""
    return quarter_after(instant, 1, calendar) if progress.time.staff else None


def calculate_percent(value: int | Fraction, target: int) -> float:
    """Return 100 × value / target as the nearest float, but below 100 unless the target is reached."""
    result = (100 * value.numerator) / (value.denominator * target)  # integers, so that it is rounded only once
    return math.nextafter(100.0, 0.0) if result >= 100 and value < target else result


def _determine_pace(value: int, target: int, segment: _Segment, period: Period, today: date) -> Pace:
    if value >= target:
        return Pace.ACHIEVED
    if today > period.end:
        return Pace.MISSED
    if today < period.start and value == 0:
        return Pace.NOT_STARTED
    lead = value * segment.time.total - segment.expected_times_total  # over the pace, times `total`: integers, so exact
    if abs(lead) * _TOLERANCE_DIVISOR <= target * segment.time.total:
        return Pace.ON_TRACK
    return Pace.AHEAD if lead > 0 else Pace.BEHIND
