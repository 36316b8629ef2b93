"""How far the hazards were right at recent month ends, and what follows for today.

Deals that nobody closes pile up, sellers differ, and a deal long in one stage is not like
one that has just got there. None of this is modelled from theory: at each recent month end
the probabilities are set against what then happened, and the ratio, held back towards 1
where there is little to see, corrects today's.

source  van Houwelingen, "Dynamic prediction by landmarking in event history analysis" (2007);
        the shrunk ratios are the means of Gamma-Poisson posteriors.
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

_LOOK_BACK: Final = 6  # month ends
_HALF_LIFE: Final = 3.0  # months
_LEVEL: Final = 44.0  # 1 / 0.15²: expected wins after which a ratio is believed for half
_NOISE: Final = 100.0  # 1 / 0.10²: wins after which a single month end says no more
_SELLER: Final = 30.0
_STAGE: Final = 10.0
_IN_STAGE: Final = np.array([0, 15, 46, 91])  # days in the stage: where each bin begins
_HISTORY: Final = 0.1  # of the deals went through more than one stage: then there is a history of stages
_MOST: Final = 1 - 1e-6  # nothing open is certain


@dataclass(frozen=True)
class Landmark:
    """A month end with what was expected of the month after it, and what came.

    month     whose end it is
    cell      of each deal open then: its stage and time in it, -1 without a history; shape (n,)
    seller    of each; expected  the probability of a win;  won  whether it came
    new_expected, new_won  wins of deals created in the month after, given how many were
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
    """What to multiply the hazards' probabilities by.

    open, new  of deals open now, and of those yet to come
    sellers    of each seller, shape (sellers,)
    cells      of each stage and time in it, shape (cells,)
    """

    open: float
    new: float
    sellers: Floats
    cells: Floats

    def of(self, plain: Floats, seller: Ints, cell: Ints) -> Floats:
        """Return the probabilities of open deals corrected: 1 - (1 - P)^m, so that none leaves 0 to 1; shape (n,)."""
        times = self.sellers[seller] * (
            np.where(cell >= 0, self.cells[cell], self.open) if len(self.cells) else self.open
        )
        return np.clip(1 - (1 - np.minimum(plain, _MOST)) ** times, 1 - _MOST, _MOST)


def landmark(table: DealTable, hazards: Hazards, month: int, *, staged: bool) -> Landmark:
    """Return the month's end; `table` as known later, when the month after it was over, `hazards` as of that end."""
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
    """Return the corrections that the landmarks teach in the month `now`: the last six, a half weight each three months.

    Each is (sum d O + prior) / (sum d P + prior). A stage's prior is the level of all, that of a time in
    a stage the stage's; a seller's is 1, after all those.
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
    """Return for each of `size` deals its stage and time in it, as 4 × stage + bin; -1 unknown.

    last, now  the last day of which entries are known, and the day on which the time is taken
    """
    found = np.full(size, -1)
    seen = visits.day <= last
    stay = np.searchsorted(_IN_STAGE, now - visits.day[seen], side="right") - 1
    found[visits.row[seen]] = 4 * visits.stage[seen] + stay  # in order of days: the last one stays
    return found


def has_stages(table: DealTable) -> bool:
    """Return whether the deals' way through the stages is known, and not only where they stand."""
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
    """Return observed over expected of (observed, expected) pairs; the noise of a month has a part that no number of deals shrinks."""
    observed, expected = np.array(pairs).T
    weight = discounts / (1 + expected / _NOISE)
    return float((weight @ observed + _LEVEL) / (weight @ expected + _LEVEL))
