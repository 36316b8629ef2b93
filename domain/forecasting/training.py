"""Model training: fits the count and the pipeline model to the deals as known at the end of a day.

Both models also forecast from every recent month end, each time with only what was known then. Their errors there
give the weights of the two models and the width of the forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import calibration as forecasting_calibration
from domain.forecasting import model_averaging
from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.calibration import Calibration, Landmark
from domain.forecasting.cooperative import Steps
from domain.forecasting.daily_volume import Presence, Tally, presence
from domain.forecasting.deal_table import DealTable, known_at
from domain.forecasting.hazard_model import Exposure, Hazards, ages_on, exposure, hazards
from domain.forecasting.model_averaging import Errors
from domain.forecasting.seasonality import MONTH, first_day, last_day, month_of, months_of
from domain.primitives.calendar import Calendar

_LOOK_BACK: Final = 6  # month ends at which the models are tested
_WINS: Final = 20.0  # wins needed by a month end to test the models there
_LONGEST: Final = 3  # longest test window, in months


@dataclass(frozen=True)
class Chances:
    """Win probabilities of open deals in a window.

    by_age       uncorrected, by age in days on the day after the forecast's; shape (272,), the last for all older ones
    calibration  corrects them
    """

    by_age: Floats
    calibration: Calibration


@dataclass(frozen=True)
class Expectation:
    """Expected number of wins of each seller in a window; shape (sellers,) each.

    by_counts  the count model's
    from_open  the pipeline model's, from deals that are open
    from_new   the pipeline model's, from deals yet to be created
    log_sd     standard deviation of the logarithm of the total, as the count model claims
    """

    plain: Floats
    open: Floats
    new: Floats
    log_sd: float


class Learner:
    """Fits the models to `table`, the deals as known at the end of `day`; their worth is not used.

    active  whether each seller is active, shape (sellers,)

    Everything is computed on first use and cached: the inner forecasts of the recent month ends share hazards,
    month-end snapshots and exposure sums with each other and with the forecast itself.
    """

    def __init__(self, table: DealTable, day: int, calendar: Calendar, active: Bools) -> None:
        self.table, self.day, self.active = table, day, active
        closed = table.closed[table.closed <= day]
        self.first = int(closed.min()) if len(closed) else day
        looked = {"first": self.first, "day": day, "count": len(active), "calendar": calendar}
        won, once = table.won, np.ones(table.size)
        self.wins = Tally(table.closed[won], once[won], table.seller[won], **looked)  # type: ignore[arg-type]
        self.arrivals = Tally(table.created, once, table.seller, **looked)  # type: ignore[arg-type]
        self._landmarks: dict[int, Landmark] = {}
        self._hazards: dict[int, Hazards] = {}
        self._chances: dict[tuple[int, int, int], Chances] = {}
        self._errors: dict[int, Errors] = {}

    @property
    def sellers(self) -> int:
        return len(self.active)

    @cached_property
    def exposure(self) -> Exposure:
        return exposure(self.table, self.wins.rhythm, self.first, self.day)

    @cached_property
    def staged(self) -> bool:
        return forecasting_calibration.has_stages(self.table)

    def hazards(self, month: int) -> Hazards:
        """Return the hazards as known at the end of the month, or at the end of `day` if the month is still running."""
        if month not in self._hazards:
            self._hazards[month] = hazards(self.exposure, self.wins.rhythm, month)
        return self._hazards[month]

    def calibration(self, month: int) -> Calibration:
        """Return the calibration as known at the end of the month."""
        marks = [self._landmark(each) for each in self._landmarks_of(month)]
        return forecasting_calibration.calibration(
            marks, month, self.sellers, forecasting_calibration.cell_count(self.table.visits)
        )

    def looked_back(self, day: int) -> Steps[None]:
        """Compute the month-end snapshots before `day` one at a time; `compute_win_probabilities` needs them."""
        for month in self._landmarks_of(_month_over(day)):
            self._landmark(month)
            yield

    def _landmarks_of(self, month: int) -> range:
        return range(max(self.wins.first_month, month - _LOOK_BACK), month)

    def _landmark(self, month: int) -> Landmark:
        if month not in self._landmarks:
            self._landmarks[month] = forecasting_calibration.landmark(
                self.table, self.hazards(month), month, staged=self.staged
            )
        return self._landmarks[month]

    def chances(self, day: int, first: int, last: int) -> Chances:
        """Return the win probabilities of open deals from day `first` to day `last`, as known at the end of `day`."""
        key = (day, first, last)
        if key not in self._chances:
            by_age = self.hazards(month_of(day)).win_by_age(day + 1, first, last)
            self._chances[key] = Chances(by_age, self.calibration(_month_over(day)))
        return self._chances[key]

    def of_open(self, then: DealTable, rows: Ints, chances: Chances, day: int) -> Floats:
        """Return the win probability of each of the rows of `deals`, open at the end of `day`; shape of `rows`."""
        cell = np.full(len(rows), -1)
        if self.staged:  # stage entries since `day` count too: `deals` may be the deals of this very moment
            cell = forecasting_calibration.cells(then.visits, then.size, day + 1, day + 1)[rows]
        plain = chances.by_age[ages_on(then.created[rows], day + 1)]
        return chances.calibration.of(plain, then.seller[rows], cell)

    def _coming(self, day: int, first: int, last: int) -> tuple[Floats, Floats, float]:
        """Return each seller's expected wins by the count model, those from new deals, and the count model's log sd."""
        seen = self._presence(day)
        plain = self.wins.ahead(day, first, last)
        arriving = self.arrivals.ahead(day, day + 1, last, blocks=False)
        month = months_of(np.arange(day + 1, last + 1)) - month_of(day + 1)
        weights = self.arrivals.rhythm.weights(day + 1, last)
        a_day = arriving.means[month] * weights / summed(month, weights, 0)[month]
        corrections = self.chances(day, first, last).calibration
        new = float(a_day @ self.hazards(month_of(day)).win_by_arrival(day + 1, first, last)) * corrections.new
        shares = self.arrivals.shares(day, seen, self.active) * corrections.sellers
        return (
            plain.total * self.wins.shares(day, seen, self.active),
            new * shares / max(float(shares.sum()), 1e-12),
            plain.log_sd,
        )

    def _presence(self, day: int) -> Presence:
        table = self.table
        there, closed = table.created <= day, table.closed <= day
        seller = np.concatenate([table.seller[there], table.seller[closed]])
        return presence(self.sellers, seller, np.concatenate([table.created[there], table.closed[closed]]))

    def expectation(self, day: int, first: int, last: int) -> Expectation:
        """Return what both models expect of the days `first` to `last`, as known at the end of `day`.

        day  the trainer's day, or an earlier one for an inner forecast
        """
        then = known_at(self.table, day)
        rows = np.flatnonzero(then.open)
        chances = self.of_open(then, rows, self.chances(day, first, last), day)
        plain, new, log_sd = self._coming(day, first, last)
        return Expectation(plain, summed(then.seller[rows], chances, self.sellers), new, log_sd)

    def errors(self, length: int) -> Steps[Errors]:
        """Compute the models' errors at recent month ends, for windows of about `length` days; cached."""
        months = min(_LONGEST, max(1, round(length / MONTH)))
        if months not in self._errors:
            self._errors[months] = yield from self._learn_errors(months)
        return self._errors[months]

    def _learn_errors(self, months: int) -> Steps[Errors]:
        last = self.wins.last_month - months
        ends = [month for month in range(self.wins.first_month, last + 1) if self.wins.total(last_day(month)) >= _WINS][
            -_LOOK_BACK:
        ]
        windows = [(last_day(month), first_day(month + 1), last_day(month + months)) for month in ends]
        expected: list[Expectation] = []
        for window in windows:
            yield from self.looked_back(window[0])
            expected.append(self.expectation(*window))
            yield
        came = [self.wins.by_seller(first, until) for _, first, until in windows]
        return model_averaging.errors(
            [each.plain for each in expected], [each.open + each.new for each in expected], came, months
        )


def _month_over(day: int) -> int:
    """Return the last month that is complete at the end of the day."""
    month = month_of(day)
    return month if day == last_day(month) else month - 1
