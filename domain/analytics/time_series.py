"""The charts of a card: what came in over a period, point by point, and what its closed deals were like.

A point covers a day, a week from the company's first day of the week, or a month. The first
and the last are cut at the ends of the period, so that the points always add up to its total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind, period_of, shifted


class Interval(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


_KINDS: Final = {
    Interval.DAY: PeriodKind.DAY,
    Interval.WEEK: PeriodKind.WEEK,
    Interval.MONTH: PeriodKind.MONTH,
}


@dataclass(frozen=True, slots=True)
class Point:
    """What came in from the day `start` until the next point, in the metric's smallest unit."""

    start: date
    value: int


def points(values: Mapping[date, int], period: Period, interval: Interval, calendar: Calendar) -> list[Point]:
    """Return the points of a period, in order, those without anything at zero.

    values  by day; days outside the period have no part
    """
    found = []
    for stretch in stretches(period, interval, calendar):
        days = (date.fromordinal(n) for n in range(stretch.start.toordinal(), stretch.end.toordinal() + 1))
        found.append(Point(stretch.start, sum(values.get(day, 0) for day in days)))
    return found


def stretches(period: Period, interval: Interval, calendar: Calendar) -> Iterator[Period]:
    """Yield the days, weeks or months of a period, the first and the last cut at its ends."""
    stretch = period_of(_KINDS[interval], period.start, calendar)
    while stretch.start <= period.end:
        start, end = max(stretch.start, period.start), min(stretch.end, period.end)
        yield Period(start, end, stretch.kind if (start, end) == (stretch.start, stretch.end) else PeriodKind.CUSTOM)
        stretch = shifted(stretch, 1, calendar)


def count(period: Period, interval: Interval) -> int:
    """Return about how many points a period has, never fewer than it has."""
    days = {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 28}[interval]
    return -(-period.days // days) + 1


@dataclass
class Closed:
    """The deals closed within a period.

    value   what the won ones brought in together, in the smallest unit
    cycles  how many wins took so many days of the calendar, from the day of creation to that of the win
    """

    won: int = 0
    lost: int = 0
    value: int = 0
    cycles: dict[int, int] = field(default_factory=dict)

    @property
    def win_rate(self) -> float | None:
        """100 × won / (won + lost); None when none was closed."""
        return 100 * self.won / (self.won + self.lost) if self.won + self.lost else None

    @property
    def average(self) -> Fraction | None:
        """What a win brought in on average, in the smallest unit; None without any."""
        return Fraction(self.value, self.won) if self.won else None

    @property
    def median_cycle(self) -> float | None:
        """Half of the wins took so many days or fewer; None without any."""
        return median(self.cycles)


def median(counts: Mapping[int, int]) -> float | None:
    """Return the median of values that are given by how often each occurs: the mean of the two in the middle."""
    total = sum(counts.values())
    if not total:
        return None
    ordered, seen = iter(sorted(counts)), 0
    value = next(ordered)
    middle: list[int] = []
    for place in ((total - 1) // 2, total // 2):
        while seen + counts[value] <= place:
            seen += counts[value]
            value = next(ordered)
        middle.append(value)
    return sum(middle) / 2
