"""Competing-risks hazard model: daily probabilities that an open deal is won or lost, by age and quarter position.

A deal of age a days, on a day of the k-th month of its quarter, is won that day with probability
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
from domain.forecasting.seasonality import DayWeights, months_of

AGE_BIN_STARTS: Final = np.array(
    [0, 1, 3, 8, 15, 31, 61, 91, 106, 121, 136, 151, 181, 271]
)  # first day of each age bin; fine where deals die
MAX_AGE_DAYS: Final = int(AGE_BIN_STARTS[-1])  # older deals are treated as being of this age
_NO_LIMIT_DAYS: Final = 10**7  # end of the last age bin
_HALF_LIFE_MONTHS: Final = 12.0  # months after which an observation counts half
_CELL_PRIOR_EVENTS: Final = 5.0  # prior weight, in events, of the smooth shape in each cell
_FIRST_OLD_BIN: Final = 6  # first age bin that is shrunk towards the one before: from 61 days on
_OLD_PRIOR_EVENTS: Final = 1.0  # prior weight, in events, of the age before
_MAX_DAILY_EXIT: Final = 0.95  # at most this share of the deals at risk ends on one day
_POSITION_PRIOR_EVENTS: Final = 10.0  # prior weight, in events, of "no pattern within the quarter"


@dataclass(frozen=True)
class Exposure:
    """Days at risk and events, by age bin and month; shape (14, M) each.

    The months are consecutive and begin with `first_month`. The columns up to any month are what was known at its end,
    so one object serves the forecast and all inner forecasts at earlier month ends.
    """

    first_month: int
    at_risk: Floats
    won: Floats
    lost: Floats


def count_exposure(table: DealTable, day_weights: DayWeights, first: int, last: int) -> Exposure:
    """Count the days at risk, weighted by day, and the closings from day `first` to day `last`.

    The days at risk of a bin are found for all deals at once: +1 where a deal enters the bin, -1 after it leaves it,
    and the running sum is the number of deals at risk on each day. So the cost does not grow with the age of deals.
    """
    size = last - first + 1
    weights = day_weights.compute_weights(first, last)
    months = months_of(np.arange(first, last + 1))
    month = months - months[0]
    bin_end = np.append(AGE_BIN_STARTS[1:] - 1, _NO_LIMIT_DAYS)
    end = np.minimum(table.closed, last)
    at_risk = np.zeros((len(AGE_BIN_STARTS), int(month[-1]) + 1))
    for age_bin, (youngest, oldest) in enumerate(zip(AGE_BIN_STARTS, bin_end, strict=True)):
        enter_day, leave_day = np.maximum(table.created + youngest, first), np.minimum(table.created + oldest, end)
        overlaps = enter_day <= leave_day
        daily_change = np.bincount(enter_day[overlaps] - first, minlength=size + 1) - np.bincount(
            leave_day[overlaps] + 1 - first, minlength=size + 1
        )
        daily_at_risk = np.cumsum(daily_change)[:size] * weights
        at_risk[age_bin] = np.bincount(month, weights=daily_at_risk, minlength=at_risk.shape[1])
    is_closed = (table.closed >= first) & (table.closed <= last)
    bin_at_end = np.searchsorted(AGE_BIN_STARTS, (table.closed - table.created)[is_closed], side="right") - 1
    cell = bin_at_end * at_risk.shape[1] + month[table.closed[is_closed] - first]
    won = table.won[is_closed]
    shape = at_risk.shape
    return Exposure(
        int(months[0]),
        at_risk,
        np.bincount(cell[won], minlength=at_risk.size).reshape(shape).astype(np.float64),
        np.bincount(cell[~won], minlength=at_risk.size).reshape(shape).astype(np.float64),
    )


@dataclass(frozen=True)
class Hazards:
    """Probabilities per (weighted) day, by age bin and quarter position; shape (14, 3) each."""

    won: Floats
    lost: Floats
    day_weights: DayWeights

    def win_probability_by_age(self, now: int, first: int, last: int, day_left: float = 1.0) -> Floats:
        """Return the probability that a deal open on day `now` is won from day `first` to day `last`.

        By the deal's age on `now`, of which the share `day_left` is still ahead; shape (272,). One run over the days
        serves every age, whatever the number of deals.
        """
        size = MAX_AGE_DAYS + 1
        alive, won = np.ones(size), np.zeros(size)
        days = self._positions_and_weights(now, last, day_left)
        won_rates, lost_rates = self._rates_by_age(size + len(days))
        for step, (position, weight) in enumerate(days):
            ages = slice(step, step + size)
            win_rate, loss_rate = won_rates[position, ages] * weight, lost_rates[position, ages] * weight
            alive, wins = _advance_one_day(alive, win_rate, loss_rate)
            if now + step >= first:
                won += wins
        return won

    def win_probability_by_arrival(self, now: int, first: int, last: int, day_left: float = 1.0) -> Floats:
        """Return the same for a deal created on each of the days from `now` to `last`; shape (days,)."""
        size = max(0, last - now + 1)
        alive, won = np.ones(size), np.zeros(size)
        won_rates, lost_rates = (rates[:, ::-1] for rates in self._rates_by_age(size))  # the youngest last
        for step, (position, weight) in enumerate(self._positions_and_weights(now, last, day_left)):
            arrived, ages = slice(0, step + 1), slice(size - 1 - step, size)
            win_rate, loss_rate = won_rates[position, ages] * weight, lost_rates[position, ages] * weight
            alive[arrived], wins = _advance_one_day(alive[arrived], win_rate, loss_rate)
            if now + step >= first:
                won[arrived] += wins
        return won

    def _rates_by_age(self, size: int) -> tuple[Floats, Floats]:
        """Return the daily probabilities of a win and of a loss by quarter position and age; shape (3, size) each."""
        age_bin = np.searchsorted(AGE_BIN_STARTS, np.arange(size), side="right") - 1
        return self.won.T[:, age_bin], self.lost.T[:, age_bin]

    def _positions_and_weights(self, first: int, last: int, first_day_share: float) -> list[tuple[int, float]]:
        if last < first:
            return []
        positions, weights = months_of(np.arange(first, last + 1)) % 3, self.day_weights.compute_weights(first, last)
        weights[0] *= first_day_share
        return list(zip(positions.tolist(), weights.tolist(), strict=True))


def fit_hazards(exposure: Exposure, day_weights: DayWeights, month: int) -> Hazards:
    """Fit the hazards to the months up to and including `month`.

    With D events and E days at risk, both discounted by age of the observation:

        h(a, k) = (D + 5) / (E + 5 / h0(a, k)),  h0 = base(a) f(k),  f(k) = (sum D + 10) / (sum base E + 10)

    base(a) is the same estimate without positions, shrunk towards the hazard of all ages together. From 61 days on it is
    shrunk towards the base of the age before, and less: deals that are never closed pile up there, and the hazard of all
    ages would promise them wins.
    """
    size = month - exposure.first_month + 1
    discount = 0.5 ** (np.arange(size)[::-1] / _HALF_LIFE_MONTHS)
    position = ((exposure.first_month + np.arange(size)) % 3)[:, None] == np.arange(3)
    discounted_position = (discount[:, None] * position).astype(np.float64)
    at_risk = exposure.at_risk[:, :size] @ discounted_position
    won, lost = (_smooth(events[:, :size] @ discounted_position, at_risk) for events in (exposure.won, exposure.lost))
    return Hazards(won, lost, day_weights)


def _smooth(events: Floats, at_risk: Floats) -> Floats:
    overall = (float(events.sum()) + 0.5) / (float(at_risk.sum()) + 100)
    events_by_age, at_risk_by_age = events.sum(axis=1), at_risk.sum(axis=1)
    base = (events_by_age + _CELL_PRIOR_EVENTS) / (at_risk_by_age + _CELL_PRIOR_EVENTS / overall)
    for age_bin in range(_FIRST_OLD_BIN, len(base)):
        prior = _OLD_PRIOR_EVENTS / base[age_bin - 1]
        base[age_bin] = (events_by_age[age_bin] + _OLD_PRIOR_EVENTS) / (at_risk_by_age[age_bin] + prior)
    pattern = (events.sum(axis=0) + _POSITION_PRIOR_EVENTS) / (
        (base[:, None] * at_risk).sum(axis=0) + _POSITION_PRIOR_EVENTS
    )
    expected = base[:, None] * pattern
    return (events + _CELL_PRIOR_EVENTS) / (at_risk + _CELL_PRIOR_EVENTS / expected)  # type: ignore[no-any-return]


def _advance_one_day(alive: Floats, win_rate: Floats, loss_rate: Floats) -> tuple[Floats, Floats]:
    """Return the share of deals still open after a day and the share won on it, given the share open before."""
    total = win_rate + loss_rate
    scale = np.minimum(
        1.0, _MAX_DAILY_EXIT / np.maximum(total, 1e-300)
    )  # day weights could push the hazards' sum above 1
    return alive * (1 - total * scale), alive * win_rate * scale


def ages_on(created: Ints, day: int) -> Ints:
    """Return the ages of deals in days on `day`, capped at the start of the last age bin."""
    return np.clip(day - created, 0, MAX_AGE_DAYS)
