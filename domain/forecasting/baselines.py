"""Baseline forecasts that the model has to beat: naive time series forecasts and the usual weighted pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.deal_table import DealTable
from domain.forecasting.hazard_model import ages_on
from domain.forecasting.seasonality import first_day, last_day, months_of
from domain.forecasting.training import Learner

WEIGHTED: Final = "pipeline × win rate"  # the stage's win rate if there are stages, as in most CRMs
_Z80: Final = 1.2816  # standard deviations from the mean to the ends of an 80 % interval
_YEAR, _QUARTER = 12, 3


@dataclass(frozen=True)
class Guess:
    """One baseline forecast; `spread` is the standard deviation of past periods of the same length."""

    name: str
    value: float
    spread: float

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The 10th, 50th and 90th percentile, none negative."""
        away = _Z80 * self.spread
        return max(0.0, self.value - away), max(0.0, self.value), max(0.0, self.value + away)


class Baselines:
    """Baseline forecasts of a window, from the data of `trainer`.

    deals    the deals as known at the end of `trainer.day`
    amounts  amount if won of each open deal of `deals`
    days     first and last day of the window;  months  its length in whole months
    """

    def __init__(self, learner: Learner, then: DealTable, amounts: Floats, days: tuple[int, int], months: int) -> None:
        rows = np.flatnonzero(then.open)
        rates = _win_rates(then, rows, learner.day)
        in_time = learner.chances(learner.day, *days).by_age[ages_on(then.created[rows], learner.day + 1)]
        self.months, self.seller = months, then.seller[rows]
        self.by_rate, self.by_chance = amounts * rates, amounts * in_time
        self.history = _by_month(then, learner)

    def of(self, chosen: Bools) -> list[Guess]:
        """Return every baseline for the group of sellers given by `members`, booleans of shape (sellers,)."""
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
    """Return for each open row the win rate of the closed deals that had been in its stage; without stages, of all."""
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
    now[visits.row] = visits.stage  # sorted by day: the last entry of a deal wins
    return np.asarray(by_stage[now[rows]])


def _by_month(then: DealTable, learner: Learner) -> Floats:
    """Return the worth of each seller's wins in each complete month observed; shape (months, sellers)."""
    first, last = learner.wins.first_month, max(learner.wins.first_month, learner.wins.last_month)
    won = then.won & (then.closed >= first_day(first)) & (then.closed <= last_day(last))
    cell = (months_of(then.closed[won]) - first) * learner.sellers + then.seller[won]
    size = (last - first + 1) * learner.sellers
    return summed(cell, then.worth[won], size).reshape(-1, learner.sellers)
