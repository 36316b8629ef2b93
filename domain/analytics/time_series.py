"""Time series of the charts: points per day, week or month of a period, and figures of its closed deals.

A point covers a day, a week (from the company's first day of the week) or a month. The first
and the last point are cut at the ends of the period, so that the points add up to its total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind, period_containing, shift_period


class Interval(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


_PERIOD_KINDS: Final = {
    Interval.DAY: PeriodKind.DAY,
    Interval.WEEK: PeriodKind.WEEK,
    Interval.MONTH: PeriodKind.MONTH,
}


@dataclass(frozen=True, slots=True)
class StatisticsParts:
    """The parts of statistics that an answer needs; what is read from the database depends on them.

    totals    of the metrics in the period; `points` also by day
    average   of the amounts of wins
    closed    numbers of won and lost deals, and the sales cycles
    previous  the same of the period's counterpart
    """

    totals: bool = True
    points: bool = True
    average: bool = True
    closed: bool = True
    previous_totals: bool = True
    previous_average: bool = True
    previous_closed: bool = True

    @property
    def previous(self) -> bool:
        """Whether anything of the counterpart is needed."""
        return self.previous_totals or self.previous_average or self.previous_closed


ALL_PARTS: Final = StatisticsParts()


@dataclass(frozen=True, slots=True)
class Point:
    """The value from the day `start` until the next point, in the metric's smallest unit."""

    start: date
    value: int


def build_points(values: Mapping[date, int], period: Period, interval: Interval, calendar: Calendar) -> list[Point]:
    """Return the points of a period in order, with zero where there are no values.

    values  by day; days outside the period are ignored
    """
    result = []
    for part in split_period(period, interval, calendar):
        days = (date.fromordinal(ordinal) for ordinal in range(part.start.toordinal(), part.end.toordinal() + 1))
        result.append(Point(part.start, sum(values.get(day, 0) for day in days)))
    return result


def split_period(period: Period, interval: Interval, calendar: Calendar) -> Iterator[Period]:
    """Yield the days, weeks or months of a period, the first and the last cut at its ends.

    A part that is cut is of kind CUSTOM.
    """
    part = period_containing(_PERIOD_KINDS[interval], period.start, calendar)
    while part.start <= period.end:
        start, end = max(part.start, period.start), min(part.end, period.end)
        yield Period(start, end, part.kind if (start, end) == (part.start, part.end) else PeriodKind.CUSTOM)
        part = shift_period(part, 1, calendar)


def max_point_count(period: Period, interval: Interval) -> int:
    """Return an upper bound of the number of points of a period, without building them."""
    shortest_days = {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 28}[interval]
    return -(-period.days // shortest_days) + 1


@dataclass
class ClosedDeals:
    """The deals closed within a period, each by its present state.

    cycles  number of wins by sales cycle, in calendar days from creation to win
    """

    won: int = 0
    lost: int = 0
    cycles: dict[int, int] = field(default_factory=dict)

    @property
    def win_rate(self) -> float | None:
        """100 × won / (won + lost); None if no deal was closed."""
        return 100 * self.won / (self.won + self.lost) if self.won + self.lost else None

    @property
    def median_cycle_days(self) -> float | None:
        """The median sales cycle in days; None without wins."""
        return median_of_counts(self.cycles)


def average_amount(total: int, count: int) -> Fraction | None:
    """Return the average of a total over its count; None if nothing is left to be averaged after corrections."""
    return Fraction(total, count) if count > 0 else None


def median_of_counts(counts: Mapping[int, int]) -> float | None:
    """Return the median of values given with their number of occurrences: the mean of the two middle values."""
    total = sum(counts.values())
    if not total:
        return None
    ordered, cumulative = iter(sorted(counts)), 0
    value = next(ordered)
    middle: list[int] = []
    for index in ((total - 1) // 2, total // 2):
        while cumulative + counts[value] <= index:
            cumulative += counts[value]
            value = next(ordered)
        middle.append(value)
    return sum(middle) / 2
