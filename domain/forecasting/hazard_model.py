"""Competing-risks hazard model: daily probabilities that an open deal is won or lost, by age and quarter position.

A deal of age a days, on a day whose month has position k in its quarter, is won that day with probability
h_won(a, k) and lost with h_lost(a, k). All deals that were ever open are used. Deals opened before the first observed
day count as at risk only from that day on (delayed entry), deals still open until today (censoring): neither
"won / closed" nor "won / all" estimates the probability of a win within a window.

Source: Prentice et al., "The analysis of failure times in the presence of competing risks" (1978);
Kalbfleisch & Prentice, "The Statistical Analysis of Failure Time Data" (2002), for delayed entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.deal_table import DealTable
from domain.forecasting.seasonality import Rhythm, month_of, months_of

AGES: Final = np.array([0, 1, 3, 8, 15, 31, 61, 91, 121, 181, 271])  # first day of each age bin
OLDEST: Final = int(AGES[-1])  # older deals are treated as being of this age
_NEVER_ENDS: Final = 10**7  # end of the last age bin
_HALF_LIFE: Final = 12.0  # months after which an observation counts half
_CELL: Final = 5.0  # prior weight, in events, of the smooth shape in each cell
_SUREST: Final = 0.95  # at most this share of the deals at risk ends on one day
_POSITION: Final = 10.0  # prior weight, in events, of "no pattern within the quarter"


@dataclass(frozen=True)
class Exposure:
    """Days at risk and events, by age bin and month; shape (11, M) each.

    The months are consecutive and begin with `first_month`. The columns up to any month are what was known at its end,
    so one object serves the forecast and all inner forecasts at earlier month ends.
    """

    first_month: int
    at_risk: Floats
    won: Floats
    lost: Floats


def exposure(table: DealTable, rhythm: Rhythm, first: int, last: int) -> Exposure:
    """Count the days at risk, weighted by day, and the closings from day `first` to day `last`.

    The days at risk of a bin are found for all deals at once: +1 where a deal enters the bin, -1 after it leaves it,
    and the running sum is the number of deals at risk on each day. So the cost does not grow with the age of deals.
    """
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
    """Probabilities per (weighted) day, by age bin and quarter position; shape (11, 3) each."""

    won: Floats
    lost: Floats
    rhythm: Rhythm

    def win_by_age(self, now: int, first: int, last: int) -> Floats:
        """Return the probability that a deal open at the start of day `now` is won from day `first` to day `last`.

        By the deal's age on `now`, shape (272,). One run over the days serves every age, whatever the number of deals.
        """
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
        """Return the same for a deal created on each of the days from `now` to `last`; shape (days,)."""
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
    """Fit the hazards to the months up to and including `month`.

    With D events and E days at risk, both discounted by age of the observation:

        h(a, k) = (D + 5) / (E + 5 / h0(a, k)),  h0 = base(a) f(k),  f(k) = (sum D + 10) / (sum base E + 10)

    base(a) is the same estimate without positions, shrunk towards the hazard of all ages together.
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
    """Return the share of deals still open after a day and the share won on it, given the share open before."""
    total = win + lose
    kept = np.minimum(1.0, _SUREST / np.maximum(total, 1e-300))  # day weights could push the hazards' sum above 1
    return alive * (1 - total * kept), alive * win * kept


def ages_on(created: Ints, day: int) -> Ints:
    """Return the ages of deals in days on `day`, capped at the start of the last age bin."""
    return np.clip(day - created, 0, OLDEST)


def position_of(day: int) -> int:
    """Return the position of the day's month in its quarter, 0 to 2."""
    return month_of(day) % 3
