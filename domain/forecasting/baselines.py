"""What a forecast has to beat: the plain guesses that everybody can make, and the pipelines that every CRM shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.deal_table import DealTable
from domain.forecasting.hazard_model import ages_on
from domain.forecasting.seasonality import first_day, last_day, months_of
from domain.forecasting.training import Learner

WEIGHTED: Final = "pipeline × win rate"  # of the stage, where deals go through several: what every CRM shows
_Z80: Final = 1.2816  # standard deviations from the middle to the ends of an 80 % interval
_YEAR, _QUARTER = 12, 3


@dataclass(frozen=True)
class Guess:
    """A plain guess; its range is what the months' own ups and downs make of it."""

    name: str
    value: float
    spread: float

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The 10th, 50th and 90th percentile; none is negative."""
        away = _Z80 * self.spread
        return max(0.0, self.value - away), max(0.0, self.value), max(0.0, self.value + away)


class Baselines:
    """The guesses for the days from first to last, which are so many whole months, from what `learner` knows.

    amounts  what each open deal of `then` would bring in
    """

    def __init__(self, learner: Learner, then: DealTable, amounts: Floats, days: tuple[int, int], months: int) -> None:
        rows = np.flatnonzero(then.open)
        rates = _win_rates(then, rows, learner.day)
        in_time = learner.chances(learner.day, *days).by_age[ages_on(then.created[rows], learner.day + 1)]
        self.months, self.seller = months, then.seller[rows]
        self.by_rate, self.by_chance = amounts * rates, amounts * in_time
        self.history = _by_month(then, learner)

    def of(self, chosen: Bools) -> list[Guess]:
        """Return every guess for the chosen sellers; shape (sellers,) of booleans."""
        past, size = self.history[:, chosen].sum(axis=1), self.months
        mean, mine = float(past.mean()), chosen[self.seller]
        windows = np.convolve(past, np.ones(size), "valid")
        spread = float(windows.std(ddof=1)) if len(windows) > size else float(past.std()) * size**0.5
        cycle = _YEAR if len(past) >= _YEAR else _QUARTER
        same = [past[(len(past) + ahead - np.arange(len(past))) % cycle == 0] for ahead in range(size)]
        guesses = {
            "last value": float(past[-size:].mean()) * size,
            "mean of 3 months": float(past[-3:].mean()) * size,
            "mean of all months": mean * size,
            "seasonal naive": sum(float(values[-1]) if len(values) else mean for values in same),
            "seasonal mean": sum(float(values.mean()) if len(values) else mean for values in same),
            WEIGHTED: float(self.by_rate[mine].sum()),
            "pipeline × P(win in time)": float(self.by_chance[mine].sum()),
        }
        return [Guess(name, value, spread) for name, value in guesses.items()]


def _win_rates(then: DealTable, rows: Ints, day: int) -> Floats:
    """Return for each open row which share of the closed deals was won that had been in its stage, or of all."""
    closed = then.closed <= day
    overall = float(then.won[closed].mean()) if closed.any() else 0.0
    visits = then.visits
    if not len(visits.row):
        return np.full(len(rows), overall)
    stages = int(visits.stage.max()) + 1
    been = np.zeros((then.size, stages), dtype=np.bool_)
    been[visits.row, visits.stage] = True
    ended = been[closed].sum(axis=0)
    by_stage = np.append(
        np.where(ended > 0, been[closed & then.won].sum(axis=0) / np.maximum(ended, 1), overall), overall
    )
    now = np.full(then.size, -1)
    now[visits.row] = visits.stage  # in order of days: the last one stays
    return np.asarray(by_stage[now[rows]])


def _by_month(then: DealTable, learner: Learner) -> Floats:
    """Return what each seller brought in each whole month observed; shape (months, sellers)."""
    first, last = learner.wins.first_month, max(learner.wins.first_month, learner.wins.last_month)
    won = then.won & (then.closed >= first_day(first)) & (then.closed <= last_day(last))
    cell = (months_of(then.closed[won]) - first) * learner.sellers + then.seller[won]
    size = (last - first + 1) * learner.sellers
    return summed(cell, then.worth[won], size).reshape(-1, learner.sellers)
