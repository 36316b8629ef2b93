"""Calibration of the hazard model by landmarking: corrects its win probabilities by those of recent month ends.

Dead deals pile up, sellers differ, and a deal that has been in a stage for long differs from one that has just entered
it. None of this is in the hazards. Instead, the probabilities as of each recent month end are compared with the wins
of the month after it. The ratio of observed to predicted wins, shrunk towards 1 where there are few, corrects the
probabilities of today.

Source: van Houwelingen, "Dynamic prediction by landmarking in event history analysis" (2007). The shrunk ratios are
the means of Gamma-Poisson posteriors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.deal_table import DealTable, Visits
from domain.forecasting.hazard_model import Hazards, ages_on
from domain.forecasting.seasonality import last_day

_LOOK_BACK: Final = 6  # month ends used
_HALF_LIFE: Final = 3.0  # months after which a month end counts half
_LEVEL: Final = 44.0  # 1 / 0.15²: expected wins at which an observed ratio has weight one half
_NOISE: Final = 100.0  # 1 / 0.10²: wins beyond which the month's own noise outweighs the number of wins
_SELLER: Final = 30.0  # the same for a seller's ratio
_STAGE: Final = 10.0  # the same for the ratio of a stage and of a time in it
_IN_STAGE: Final = np.array([0, 15, 46, 91])  # first day of each bin of days in the stage
_HISTORY: Final = 0.1  # share of deals with more than one stage, from which there is a stage history
_MOST: Final = 1 - 1e-6  # the win probability of an open deal stays this far from 0 and 1


@dataclass(frozen=True)
class Landmark:
    """The deals open at a month end, with the predicted and the observed wins of the month after it.

    month         the month that ends
    cell          stage and time in it of each open deal (see `stage_cells`), -1 without a history; shape (n,)
    seller        the seller's index of each;  expected  its probability of a win;  won  whether it was won
    new_expected  predicted wins of the deals created in the month after, given how many were created
    new_won       observed wins of these
    """

    month: int
    cell: Ints
    seller: Ints
    expected: Floats
    won: Bools
    new_expected: float
    new_won: float


@dataclass(frozen=True)
class Calibration:
    """Ratios by which the hazards' win probabilities are corrected.

    open, new  of deals open now, and of deals yet to be created
    sellers    of each seller, shape (sellers,)
    cells      of each stage and time in it, in place of `open`, shape (cells,)
    """

    open: float
    new: float
    sellers: Floats
    cells: Floats

    def of(self, plain: Floats, seller: Ints, cell: Ints) -> Floats:
        """Return the corrected probabilities of open deals, 1 - (1 - P)^m, which stay between 0 and 1; shape (n,)."""
        times = self.sellers[seller] * (
            np.where(cell >= 0, self.cells[cell], self.open) if len(self.cells) else self.open
        )
        return np.clip(1 - (1 - np.minimum(plain, _MOST)) ** times, 1 - _MOST, _MOST)


def landmark(table: DealTable, hazards: Hazards, month: int, *, staged: bool) -> Landmark:
    """Return the snapshot of the end of `month`.

    table       the deals as known once the month after was complete
    hazards     as known at the end of `month`
    has_stages  whether `table` has a stage history
    """
    end, until = last_day(month), last_day(month + 1)
    open_then = (table.created <= end) & (table.closed > end)
    by_age = hazards.win_by_age(end + 1, end + 1, until)
    won = table.won & (table.closed <= until)
    fresh = (table.created > end) & (table.created <= until)
    by_arrival = hazards.win_by_arrival(end + 1, end + 1, until)
    rows = np.flatnonzero(open_then)
    return Landmark(
        month,
        cells(table.visits, table.size, end, end + 1)[rows] if staged else np.full(len(rows), -1),
        table.seller[rows],
        by_age[ages_on(table.created[rows], end + 1)],
        won[rows],
        float(by_arrival[table.created[fresh] - end - 1].sum()),
        float((won & fresh).sum()),
    )


def calibration(landmarks: Sequence[Landmark], now: int, sellers: int, stages: int) -> Calibration:
    """Fit the ratios to the last six month ends before `now`, whose weight d halves every three months.

    sellers, stages  numbers of sellers and of stage cells

    With O observed and P predicted wins each ratio is (sum d O + prior) / (sum d P + prior), hierarchically: a stage is
    shrunk towards the level of all deals, a time in a stage towards its stage, and a seller, after these corrections,
    towards 1. The sellers' ratios are scaled to a mean of 1, so that they do not move the level.
    """
    used = [each for each in landmarks if now - each.month <= _LOOK_BACK]
    if not used:
        return Calibration(1.0, 1.0, np.ones(sellers), np.ones(stages))
    discounts = 0.5 ** ((now - 1 - np.array([each.month for each in used])) / _HALF_LIFE)
    level = _level(discounts, [(float(each.won.sum()), float(each.expected.sum())) for each in used])
    new = _level(discounts, [(each.new_won, each.new_expected) for each in used])
    weight = np.concatenate([np.full(len(each.won), d) for each, d in zip(used, discounts, strict=True)])
    cell, seller = (np.concatenate([getattr(each, name) for each in used]) for name in ("cell", "seller"))
    expected = weight * np.concatenate([each.expected for each in used])
    won = weight * np.concatenate([each.won for each in used])
    by_cell = np.full(stages, level)
    times = np.full(len(won), level)
    if len(cell) and cell.max() >= 0:
        by_cell = _by_stage(cell, won, expected, level, stages)
        times = np.where(cell >= 0, by_cell[cell], level)
    came = summed(seller, won, sellers)
    due = summed(seller, expected * times, sellers)
    own = (came * (due.sum() / max(came.sum(), 1e-9)) + _SELLER) / (due + _SELLER)
    mean = float((expected * times * own[seller]).sum()) / max(float((expected * times).sum()), 1e-9)
    return Calibration(level, new, own / max(mean, 1e-9), by_cell)


def cells(visits: Visits, size: int, last: int, now: int) -> Ints:
    """Return for each of `size` deals its stage and the bin of the time in it, as 4 × stage + bin; -1 if unknown.

    last, now  the last day of which entries are used, and the day on which the time in the stage is measured
    """
    found = np.full(size, -1)
    seen = visits.day <= last
    stay = np.searchsorted(_IN_STAGE, now - visits.day[seen], side="right") - 1
    found[visits.row[seen]] = 4 * visits.stage[seen] + stay  # sorted by day: the last entry of a deal wins
    return found


def has_stages(table: DealTable) -> bool:
    """Return whether the table has a stage history, and not just the current stage of each deal."""
    visited = np.bincount(table.visits.row, minlength=table.size)
    return bool(table.size) and float((visited > 1).mean()) >= _HISTORY


def cell_count(visits: Visits) -> int:
    return 4 * (int(visits.stage.max()) + 1) if len(visits.stage) else 0


def _by_stage(cell: Ints, won: Floats, expected: Floats, level: float, size: int) -> Floats:
    known = cell >= 0
    o = summed(cell[known], won[known], size).reshape(-1, 4)
    p = summed(cell[known], expected[known], size).reshape(-1, 4)
    stage = (o.sum(axis=1) + _STAGE * level) / (p.sum(axis=1) + _STAGE)
    return ((o + _STAGE * stage[:, None]) / (p + _STAGE)).ravel()  # type: ignore[no-any-return]


def _level(discounts: Floats, pairs: Sequence[tuple[float, float]]) -> float:
    """Return the shrunk ratio of observed to expected wins, given (observed, expected) of each month end.

    A month's ratio has noise of its own (10 %) that no number of deals reduces, so its weight levels off with the
    expected wins: otherwise one month end with many deals would decide alone.
    """
    observed, expected = np.array(pairs).T
    weight = discounts / (1 + expected / _NOISE)
    return float((weight @ observed + _LEVEL) / (weight @ expected + _LEVEL))
