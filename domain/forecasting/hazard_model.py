"""When open deals are won or lost: competing risks by age, learnt from all deals that ever stood open.

A deal of age a days, on a day in quarter position k, is won that day with probability
h_won(a, k) and lost with h_lost(a, k). Deals that were open before the first day observed
count only from then on (delayed entry), those still open count as at risk until now
(censoring): neither "won over closed" nor "won over all" is a probability of winning soon.

source  Prentice et al., "The analysis of failure times in the presence of competing risks" (1978);
        Kalbfleisch & Prentice, "The Statistical Analysis of Failure Time Data" (2002), for late entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.deal_table import DealTable
from domain.forecasting.seasonality import Rhythm, month_of, months_of

AGES: Final = np.array([0, 1, 3, 8, 15, 31, 61, 91, 121, 181, 271])  # days: where each bin begins
OLDEST: Final = int(AGES[-1])  # older deals are like those of this age
_NEVER_ENDS: Final = 10**7
_HALF_LIFE: Final = 12.0  # months, after which the past counts half
_CELL: Final = 5.0  # events that the smooth shape counts for in each cell
_SUREST: Final = 0.95  # of the deals at risk, that one day may end
_POSITION: Final = 10.0  # events that "no pattern in the quarter" counts for


@dataclass(frozen=True)
class Exposure:
    """Days at risk and events, by age bin and month; shapes (11, M).

    months are consecutive and begin with `first_month`; those up to any earlier one are what was known then.
    """

    first_month: int
    at_risk: Floats
    won: Floats
    lost: Floats


def exposure(table: DealTable, rhythm: Rhythm, first: int, last: int) -> Exposure:
    """Count the days at risk, weighed by the rhythm, and the closings from day `first` to day `last`."""
    size = last - first + 1
    weights = rhythm.weights(first, last)
    months = months_of(np.arange(first, last + 1))
    month = months - months[0]
    until = np.append(AGES[1:] - 1, _NEVER_ENDS)
    end = np.minimum(table.closed, last)
    at_risk = np.zeros((len(AGES), int(month[-1]) + 1))
    for age, (youngest, oldest) in enumerate(zip(AGES, until, strict=True)):
        enter, leave = np.maximum(table.created + youngest, first), np.minimum(table.created + oldest, end)
        some = enter <= leave
        change = np.bincount(enter[some] - first, minlength=size + 1) - np.bincount(
            leave[some] + 1 - first, minlength=size + 1
        )
        daily = np.cumsum(change)[:size] * weights
        at_risk[age] = np.bincount(month, weights=daily, minlength=at_risk.shape[1])
    ended = (table.closed >= first) & (table.closed <= last)
    age_at_end = np.searchsorted(AGES, (table.closed - table.created)[ended], side="right") - 1
    cell = age_at_end * at_risk.shape[1] + month[table.closed[ended] - first]
    won = table.won[ended]
    shape = at_risk.shape
    return Exposure(
        int(months[0]),
        at_risk,
        np.bincount(cell[won], minlength=at_risk.size).reshape(shape).astype(np.float64),
        np.bincount(cell[~won], minlength=at_risk.size).reshape(shape).astype(np.float64),
    )


@dataclass(frozen=True)
class Hazards:
    """Probabilities a (weighed) day, by age bin and quarter position; shape (11, 3) each."""

    won: Floats
    lost: Floats
    rhythm: Rhythm

    def win_by_age(self, now: int, first: int, last: int) -> Floats:
        """Return the probability that a deal open when day `now` begins is won from `first` to `last`, by its age; shape (272,)."""
        ages = np.arange(OLDEST + 1)
        alive, won = np.ones(len(ages)), np.zeros(len(ages))
        for step, (position, weight) in enumerate(self._days(now, last)):
            age = np.searchsorted(AGES, ages + step, side="right") - 1
            win, lose = self.won[age, position] * weight, self.lost[age, position] * weight
            alive, wins = _a_day(alive, win, lose)
            if now + step >= first:
                won += wins
        return won

    def win_by_arrival(self, now: int, first: int, last: int) -> Floats:
        """Return the same for a deal created on each day from `now` to `last`; shape (days,)."""
        size = max(0, last - now + 1)
        alive, won = np.ones(size), np.zeros(size)
        for step, (position, weight) in enumerate(self._days(now, last)):
            here = slice(0, step + 1)
            age = np.searchsorted(AGES, step - np.arange(step + 1), side="right") - 1
            win, lose = self.won[age, position] * weight, self.lost[age, position] * weight
            alive[here], wins = _a_day(alive[here], win, lose)
            if now + step >= first:
                won[here] += wins
        return won

    def _days(self, first: int, last: int) -> list[tuple[int, float]]:
        if last < first:
            return []
        positions = months_of(np.arange(first, last + 1)) % 3
        return list(zip(positions.tolist(), self.rhythm.weights(first, last).tolist(), strict=True))


def hazards(seen: Exposure, rhythm: Rhythm, month: int) -> Hazards:
    """Return the hazards learnt from the months up to and with that one.

    h(a, k) = (D + 5) / (E + 5 / h0(a, k)),  h0 = base(a) f(k),  f(k) = (sum D + 10) / (sum base E + 10);
    base(a) the same without positions, towards the hazard of all ages together.
    """
    size = month - seen.first_month + 1
    discount = 0.5 ** (np.arange(size)[::-1] / _HALF_LIFE)
    position = ((seen.first_month + np.arange(size)) % 3)[:, None] == np.arange(3)
    folded = (discount[:, None] * position).astype(np.float64)
    at_risk = seen.at_risk[:, :size] @ folded
    won, lost = (_smoothed(events[:, :size] @ folded, at_risk) for events in (seen.won, seen.lost))
    return Hazards(won, lost, rhythm)


def _smoothed(events: Floats, at_risk: Floats) -> Floats:
    overall = (float(events.sum()) + 0.5) / (float(at_risk.sum()) + 100)
    base = (events.sum(axis=1) + _CELL) / (at_risk.sum(axis=1) + _CELL / overall)
    pattern = (events.sum(axis=0) + _POSITION) / ((base[:, None] * at_risk).sum(axis=0) + _POSITION)
    expected = base[:, None] * pattern
    return (events + _CELL) / (at_risk + _CELL / expected)  # type: ignore[no-any-return]


def _a_day(alive: Floats, win: Floats, lose: Floats) -> tuple[Floats, Floats]:
    """Return which part is still open after a day, and which was won on it, of what was open before."""
    total = win + lose
    kept = np.minimum(1.0, _SUREST / np.maximum(total, 1e-300))  # a busy day cannot end more than all
    return alive * (1 - total * kept), alive * win * kept


def ages_on(created: Ints, day: int) -> Ints:
    """Return the ages of deals on that day, the oldest as one."""
    return np.clip(day - created, 0, OLDEST)


def position_of(day: int) -> int:
    return month_of(day) % 3
