"""Calibration of the hazard model by landmarking: corrects its win probabilities by those of recent month ends.

Dead deals pile up, sellers differ, and a deal that has been in a stage for long differs from one that has just entered
it. None of this is in the hazards. Instead, the probabilities as of each recent month end are compared with the wins
of the window after it, which is as long as the window to forecast: up to three months, since what holds one month
ahead does not hold for a quarter. The ratio of observed to predicted wins, shrunk towards 1 where there are few, corrects the
probabilities of today.

Source: van Houwelingen, "Dynamic prediction by landmarking in event history analysis" (2007). The shrunk ratios are
the means of Gamma-Poisson posteriors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.forecasting.deal_table import DealTable, StageVisits
from domain.forecasting.hazard_model import Hazards, ages_on
from domain.forecasting.seasonality import last_day

_LOOK_BACK_MONTHS: Final = 6  # month ends used
_HALF_LIFE_MONTHS: Final = 3.0  # months after which a month end counts half
_LEVEL_PRIOR_WINS: Final = 44.0  # 1 / 0.15²: expected wins at which an observed ratio has weight one half
_MONTH_NOISE_WINS: Final = 100.0  # 1 / 0.10²: wins beyond which the month's own noise outweighs the number of wins
_SELLER_PRIOR_WINS: Final = 30.0  # the same for a seller's ratio
_STAGE_PRIOR_WINS: Final = 10.0  # the same for the ratio of a stage and of a time in it
_STAGE_AGE_BIN_STARTS: Final = np.array([0, 15, 46, 91])  # first day of each bin of days in the stage
_MIN_MOVED_SHARE: Final = 0.1  # share of deals with more than one stage, from which there is a stage history
_EXPONENT_STEPS: Final = 8
_MAX_EXPONENT_FACTOR: Final = 3.0  # limit of an exponent in multiples of its ratio
_MAX_PROBABILITY: Final = 1 - 1e-6  # the win probability of an open deal stays this far from 0 and 1


@dataclass(frozen=True)
class MonthEndSnapshot:
    """The deals open at a month end, with the predicted and the observed wins of the window after it.

    month         the month that ends;  months  length of the window
    cell          stage and time in it of each open deal (see `stage_cells`), -1 without a history; shape (n,)
    seller        the seller's index of each;  expected  its probability of a win;  won  whether it was won
    new_expected  predicted wins of the deals created in the window, given how many were created
    new_won       observed wins of these
    """

    month: int
    months: int
    cell: Ints
    seller: Ints
    expected: Floats
    won: Bools
    new_expected: float
    new_won: float


@dataclass(frozen=True)
class Calibration:
    """What the hazards' win probabilities are corrected by.

    open     exponent m of deals open now
    new      ratio of observed to expected wins of deals yet to be created
    sellers  exponent of each seller, shape (sellers,)
    cells    exponent of each stage and time in it, in place of `open`, shape (cells,); a stage that deals have entered
             only since has none
    """

    open: float
    new: float
    sellers: Floats
    cells: Floats

    def correct(self, uncorrected: Floats, seller: Ints, cell: Ints) -> Floats:
        """Return the corrected probabilities of open deals, 1 - (1 - P)^m, which stay between 0 and 1; shape (n,)."""
        has_exponent = (cell >= 0) & (cell < len(self.cells))
        by_cell = np.full(len(cell), self.open)
        by_cell[has_exponent] = self.cells[cell[has_exponent]]
        exponent = self.sellers[seller] * by_cell
        return np.clip(_raise(uncorrected, exponent), 1 - _MAX_PROBABILITY, _MAX_PROBABILITY)


def take_month_end_snapshot(
    table: DealTable, hazards: Hazards, month: int, months: int, *, has_stages: bool
) -> MonthEndSnapshot:
    """Return the snapshot of the end of `month` with the window of the `months` after it.

    table       the deals as known once the window was complete
    hazards     as known at the end of `month`
    has_stages  whether `table` has a stage history
    """
    end, next_end = last_day(month), last_day(month + months)
    is_open = (table.created <= end) & (table.closed > end)
    by_age = hazards.win_probability_by_age(end + 1, end + 1, next_end)
    won = table.won & (table.closed <= next_end)
    is_new = (table.created > end) & (table.created <= next_end)
    by_arrival = hazards.win_probability_by_arrival(end + 1, end + 1, next_end)
    rows = np.flatnonzero(is_open)
    return MonthEndSnapshot(
        month,
        months,
        stage_cells(table.visits, table.size, end, end + 1)[rows] if has_stages else np.full(len(rows), -1),
        table.seller[rows],
        by_age[ages_on(table.created[rows], end + 1)],
        won[rows],
        float(by_arrival[table.created[is_new] - end - 1].sum()),
        float((won & is_new).sum()),
    )


def fit_calibration(month_ends: Sequence[MonthEndSnapshot], now: int, sellers: int, stages: int) -> Calibration:
    """Fit the ratios to the last six month ends with a window that was over by `now`; their weight d halves every 3 months.

    sellers, stages  numbers of sellers and of stage cells

    With O observed and P predicted wins each ratio is (sum d O + prior) / (sum d P + prior), hierarchically: a stage is
    shrunk towards the level of all deals, a time in a stage towards its stage, and a seller, after these corrections,
    towards 1. The sellers' ratios are scaled to a mean of 1, so that they do not move the level.

    The exponents of cells are those with which the wins of these deals have the ratio: 1 - (1 - P)^m is less than m P for
    m > 1, so the ratio itself as exponent would undersell the best deals. For all deals together and for sellers, the
    ratios of which are near 1 or below it, the ratio is the exponent.
    """
    recent = [month_end for month_end in month_ends if now - month_end.month - month_end.months < _LOOK_BACK_MONTHS]
    if not recent:
        return Calibration(1.0, 1.0, np.ones(sellers), np.ones(stages))
    age = now - np.array([month_end.month + month_end.months for month_end in recent])
    discounts = 0.5 ** (age / _HALF_LIFE_MONTHS) / recent[0].months  # windows overlap
    level = _shrunk_ratio(
        discounts, [(float(month_end.won.sum()), float(month_end.expected.sum())) for month_end in recent]
    )
    new = _shrunk_ratio(discounts, [(month_end.new_won, month_end.new_expected) for month_end in recent])
    weight = np.concatenate([np.full(len(month_end.won), d) for month_end, d in zip(recent, discounts, strict=True)])
    cell, seller = (np.concatenate([getattr(month_end, name) for month_end in recent]) for name in ("cell", "seller"))
    uncorrected = np.concatenate([month_end.expected for month_end in recent])
    expected = weight * uncorrected
    won = weight * np.concatenate([month_end.won for month_end in recent])
    exponents, by_deal = np.full(stages, level), np.full(len(won), level)
    if len(cell) and cell.max() >= 0:
        ratios = _cell_ratios(cell, won, expected, level, stages)
        has_cell = cell >= 0
        exponents = _exponents(cell[has_cell], ratios, uncorrected[has_cell], weight[has_cell])
        exponents = _fill_empty_cells(exponents, sum_by_index(cell[has_cell], None, stages), level)
        by_deal = np.where(has_cell, exponents[cell], level)
    corrected = _raise(uncorrected, by_deal)
    observed_wins = sum_by_index(seller, won, sellers)
    expected_wins = sum_by_index(seller, weight * corrected, sellers)
    seller_ratios = (observed_wins * (expected_wins.sum() / max(observed_wins.sum(), 1e-9)) + _SELLER_PRIOR_WINS) / (
        expected_wins + _SELLER_PRIOR_WINS
    )
    mean_ratio = float((weight * corrected * seller_ratios[seller]).sum()) / max(
        float((weight * corrected).sum()), 1e-9
    )
    return Calibration(level, new, seller_ratios / max(mean_ratio, 1e-9), exponents)


def _raise(probabilities: Floats, exponents: Floats) -> Floats:
    """Return 1 - (1 - P)^m."""
    return 1 - (1 - np.minimum(probabilities, _MAX_PROBABILITY)) ** exponents


def _exponents(index: Ints, ratios: Floats, probabilities: Floats, weight: Floats) -> Floats:
    """Return for each index the exponent m with sum w (1 - (1 - P)^m) = ratio × sum w P; shape of `ratios`.

    Where there are no deals, the ratio itself. Steps of m in proportion to what is missing converge fast, and a ratio
    that no exponent can reach (more wins than deals) ends at a limit.
    """
    size = len(ratios)
    target = ratios * sum_by_index(index, weight * probabilities, size)
    exponents = ratios.copy()
    for _ in range(_EXPONENT_STEPS):
        sums = sum_by_index(index, weight * _raise(probabilities, exponents[index]), size)
        step = np.divide(target, sums, out=np.ones(size), where=sums > 0)
        exponents = np.clip(exponents * step, 0.0, _MAX_EXPONENT_FACTOR * np.maximum(ratios, 1.0))
    return exponents


def _fill_empty_cells(exponents: Floats, deal_counts: Floats, level: float) -> Floats:
    """Return the exponents with those of cells without deals replaced: by the mean of their stage, else of all deals."""
    by_stage, counts = exponents.reshape(-1, 4), deal_counts.reshape(-1, 4)
    totals = counts.sum(axis=1)
    means = np.where(totals > 0, (by_stage * counts).sum(axis=1) / np.maximum(totals, 1), level)
    return np.where(counts > 0, by_stage, means[:, None]).ravel()


def stage_cells(visits: StageVisits, size: int, last: int, now: int) -> Ints:
    """Return for each of `size` deals its stage and the bin of the time in it, as 4 × stage + bin; -1 if unknown.

    last, now  the last day of which entries are used, and the day on which the time in the stage is measured
    """
    result = np.full(size, -1)
    is_known = visits.day <= last
    stage_age_bin = np.searchsorted(_STAGE_AGE_BIN_STARTS, now - visits.day[is_known], side="right") - 1
    result[visits.row[is_known]] = (
        4 * visits.stage[is_known] + stage_age_bin
    )  # sorted by day: the last entry of a deal wins
    return result


def has_stage_history(table: DealTable) -> bool:
    """Return whether the table has a stage history, and not just the current stage of each deal."""
    visit_counts = np.bincount(table.visits.row, minlength=table.size)
    return bool(table.size) and float((visit_counts > 1).mean()) >= _MIN_MOVED_SHARE


def count_cells(visits: StageVisits) -> int:
    return 4 * (int(visits.stage.max()) + 1) if len(visits.stage) else 0


def _cell_ratios(cell: Ints, won: Floats, expected: Floats, level: float, size: int) -> Floats:
    has_cell = cell >= 0
    observed = sum_by_index(cell[has_cell], won[has_cell], size).reshape(-1, 4)
    predicted = sum_by_index(cell[has_cell], expected[has_cell], size).reshape(-1, 4)
    stage_ratios = (observed.sum(axis=1) + _STAGE_PRIOR_WINS * level) / (predicted.sum(axis=1) + _STAGE_PRIOR_WINS)
    return ((observed + _STAGE_PRIOR_WINS * stage_ratios[:, None]) / (predicted + _STAGE_PRIOR_WINS)).ravel()  # type: ignore[no-any-return]


def _shrunk_ratio(discounts: Floats, pairs: Sequence[tuple[float, float]]) -> float:
    """Return the shrunk ratio of observed to expected wins, given (observed, expected) of each month end.

    A month's ratio has noise of its own (10 %) that no number of deals reduces, so its weight levels off with the
    expected wins: otherwise one month end with many deals would decide alone.
    """
    observed, expected = np.array(pairs).T
    weight = discounts / (1 + expected / _MONTH_NOISE_WINS)
    return float((weight @ observed + _LEVEL_PRIOR_WINS) / (weight @ expected + _LEVEL_PRIOR_WINS))
