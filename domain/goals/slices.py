"""Slices of a goal: the months of its period with targets of their own, which add up to the target.

They are set as amounts and follow the target by the largest remainder when it changes. All amounts are in the metric's
smallest unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from domain.goals.allocation import allocate
from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind, period_containing, shift_period
from domain.primitives.working_time import WorkingTime

_DAY: Final = timedelta(days=1)
_MONTHS_PER_YEAR: Final = 12


class GoalShape(StrEnum):
    """How a target is distributed over the months of its period.

    EVEN     by working time, without targets of months
    CUSTOM   by targets of the months that were set
    HISTORY  by the shares of the months in the owner's earlier results
    """

    EVEN = "EVEN"
    CUSTOM = "CUSTOM"
    HISTORY = "HISTORY"


@dataclass(frozen=True, slots=True)
class Slice:
    """One month of a goal with its target and the owner's working time in it at an instant."""

    period: Period
    target: int
    time: WorkingTime


def list_months(period: Period, calendar: Calendar) -> list[Period]:
    """Return the months that a period consists of; none unless these are whole, and at least two."""
    if (period.end + _DAY).day != 1 or period.start.day != 1:
        return []
    months = [period_containing(PeriodKind.MONTH, period.start, calendar)]
    while months[-1].end < period.end:
        months.append(shift_period(months[-1], 1, calendar))
    return months if len(months) > 1 else []


def list_months_before(months: Sequence[Period], today: date, calendar: Calendar) -> list[Period]:
    """Return the same months of the latest year before in which all of them are over."""
    earlier = list(months)
    while earlier == list(months) or earlier[-1].end >= today:
        earlier = [shift_period(month, -_MONTHS_PER_YEAR, calendar) for month in earlier]
    return earlier


def scale_slices(amounts: Sequence[int], target: int) -> list[int]:
    """Return slices in proportion to the amounts that add up to the target: by the largest remainder."""
    return allocate(target, amounts)
