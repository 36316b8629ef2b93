"""Baseline forecasts that the model has to beat: naive time series forecasts and the usual weighted pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.forecasting.deal_table import DealTable
from domain.forecasting.hazard_model import ages_on
from domain.forecasting.seasonality import first_day, last_day, months_of
from domain.forecasting.training import ModelTrainer

LAST_VALUE: Final = "last value"
MEAN_OF_3_MONTHS: Final = "mean of 3 months"
WEIGHTED_PIPELINE: Final = "pipeline × win rate"  # the stage's win rate if there are stages, as in most CRMs
_Z80: Final = 1.2816  # standard deviations from the mean to the ends of an 80 % interval
_MONTHS_PER_YEAR, _MONTHS_PER_QUARTER = 12, 3


@dataclass(frozen=True)
class BaselineForecast:
    """One baseline forecast; `spread` is the standard deviation of past periods of the same length."""

    name: str
    value: float
    spread: float

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The 10th, 50th and 90th percentile, none negative."""
        half_width = _Z80 * self.spread
        return max(0.0, self.value - half_width), max(0.0, self.value), max(0.0, self.value + half_width)


class Baselines:
    """Baseline forecasts of a window, from the data of `trainer`.

    deals    the deals as known at the end of `trainer.day`
    amounts  amount if won of each open deal of `deals`
    days     first and last day of the window;  months  its length in whole months
    """

    def __init__(
        self, trainer: ModelTrainer, deals: DealTable, amounts: Floats, days: tuple[int, int], months: int
    ) -> None:
        rows = np.flatnonzero(deals.open)
        win_rates = _stage_win_rates(deals, rows, trainer.day)
        win_probabilities = trainer.compute_win_probabilities(trainer.day, *days).by_age[
            ages_on(deals.created[rows], trainer.day + 1)
        ]
        self.months, self.seller = months, deals.seller[rows]
        self.by_win_rate, self.by_win_probability = amounts * win_rates, amounts * win_probabilities
        self.monthly_worth = _monthly_worth(deals, trainer)

    def forecast(self, members: Bools) -> list[BaselineForecast]:
        """Return every baseline for the group of sellers given by `members`, booleans of shape (sellers,)."""
        history, months = self.monthly_worth[:, members].sum(axis=1), self.months
        mean, is_member = float(history.mean()), members[self.seller]
        windows = np.convolve(history, np.ones(months), "valid")
        spread = float(windows.std(ddof=1)) if len(windows) > months else float(history.std()) * months**0.5
        season_length = _MONTHS_PER_YEAR if len(history) >= _MONTHS_PER_YEAR else _MONTHS_PER_QUARTER
        same_season = [
            history[(len(history) + ahead - np.arange(len(history))) % season_length == 0] for ahead in range(months)
        ]
        estimates = {
            LAST_VALUE: float(history[-months:].mean()) * months,
            MEAN_OF_3_MONTHS: float(history[-3:].mean()) * months,
            "mean of all months": mean * months,
            "seasonal naive": sum(float(values[-1]) if len(values) else mean for values in same_season),
            "seasonal mean": sum(float(values.mean()) if len(values) else mean for values in same_season),
            WEIGHTED_PIPELINE: float(self.by_win_rate[is_member].sum()),
            "pipeline × P(win in time)": float(self.by_win_probability[is_member].sum()),
        }
        return [BaselineForecast(name, value, spread) for name, value in estimates.items()]


def _stage_win_rates(deals: DealTable, rows: Ints, day: int) -> Floats:
    """Return for each open row the win rate of the closed deals that had been in its stage; without stages, of all."""
    is_closed = deals.closed <= day
    overall = float(deals.won[is_closed].mean()) if is_closed.any() else 0.0
    visits = deals.visits
    if not len(visits.row):
        return np.full(len(rows), overall)
    stages = int(visits.stage.max()) + 1
    has_entered = np.zeros((deals.size, stages), dtype=np.bool_)
    has_entered[visits.row, visits.stage] = True
    closed_by_stage = has_entered[is_closed].sum(axis=0)
    by_stage = np.append(
        np.where(
            closed_by_stage > 0,
            has_entered[is_closed & deals.won].sum(axis=0) / np.maximum(closed_by_stage, 1),
            overall,
        ),
        overall,
    )
    current_stage = np.full(deals.size, -1)
    current_stage[visits.row] = visits.stage  # sorted by day: the last entry of a deal wins
    return np.asarray(by_stage[current_stage[rows]])


def _monthly_worth(deals: DealTable, trainer: ModelTrainer) -> Floats:
    """Return the worth of each seller's wins in each complete month observed; shape (months, sellers)."""
    first, last = trainer.wins.first_month, max(trainer.wins.first_month, trainer.wins.last_month)
    won = deals.won & (deals.closed >= first_day(first)) & (deals.closed <= last_day(last))
    cell = (months_of(deals.closed[won]) - first) * trainer.seller_count + deals.seller[won]
    size = (last - first + 1) * trainer.seller_count
    return sum_by_index(cell, deals.worth[won], size).reshape(-1, trainer.seller_count)
