"""Model training: fits the count and the pipeline model to the deals as known at the end of a day.

Both models also forecast from every recent month end, each time with only what was known then. Their errors there
give the weights of the two models and the width of the forecast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import calibration as forecasting_calibration
from domain.forecasting import model_averaging
from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.forecasting.calibration import Calibration, MonthEndSnapshot
from domain.forecasting.cooperative import Steps
from domain.forecasting.daily_volume import DailyVolume, SellerRecords
from domain.forecasting.deal_table import DealTable, find_first_differences, open_at
from domain.forecasting.hazard_model import Exposure, Hazards, ages_on, count_exposure, fit_hazards
from domain.forecasting.model_averaging import ModelErrors
from domain.forecasting.seasonality import DAYS_PER_MONTH, first_day, last_day, month_of, months_of
from domain.primitives.calendar import Calendar

_LOOK_BACK_MONTHS: Final = 6  # month ends at which the models are tested
_MIN_WINS: Final = 20.0  # wins needed by a month end to test the models there
_MAX_WINDOW_MONTHS: Final = 3  # longest test window, in months
_MIN_CALIBRATION_ENDS: Final = 6  # month ends with a window of the own length, from which it is used
_PROBABILITY_LOG_SD: Final = 0.06  # of the sum of win probabilities, which no number of deals reduces
_MIN_EXPECTED: Final = 1e-9  # wins; floor of expectations that are divided by
_WHOLE_DAY: Final = 1.0  # part of the running day that is still ahead
_MIN_WEIGHT: Final = 1e-9  # of the days of a month that are ahead, which may be a day that is over


@dataclass(frozen=True)
class WinProbabilities:
    """Win probabilities of open deals in a window.

    by_age       uncorrected, by age in days on the day after the forecast's; shape (272,), the last for all older ones
    calibration  corrects them
    """

    by_age: Floats
    calibration: Calibration


@dataclass(frozen=True)
class ExpectedWins:
    """Expected number of wins of each seller in a window; shape (sellers,) each.

    by_counts        the count model's
    from_open        the pipeline model's, from deals that are open
    from_new         the pipeline model's, from deals yet to be created
    log_sd           standard deviation of the logarithm of the total, as the count model claims
    arrivals_log_sd  the same of the number of deals to be created
    """

    by_counts: Floats
    from_open: Floats
    from_new: Floats
    log_sd: float
    arrivals_log_sd: float

    @property
    def pipeline_log_sd(self) -> float:
        """What the pipeline model claims: that of the deals to be created, and that of the win probabilities."""
        from_new, from_open = float(self.from_new.sum()), float(self.from_open.sum())
        new_share = from_new / max(from_new + from_open, _MIN_EXPECTED)
        return math.hypot(self.arrivals_log_sd * new_share, _PROBABILITY_LOG_SD)


class ModelTrainer:
    """Fits the models to `table`, the deals as known at the end of `day`; their worth is not used.

    active  whether each seller is active, shape (sellers,)

    before  a trainer of the same sellers: what it knows as of days on which both tables are equal is taken over

    Everything is computed on first use and cached: the inner forecasts of the recent month ends share hazards,
    month-end snapshots and exposure sums with each other and with the forecast itself.

    key         identifies the trainer
    same_until  the key of the trainer `before`, and the day up to which everything learnt there still holds; None if
                nothing does
    """

    def __init__(
        self, table: DealTable, day: int, calendar: Calendar, active: Bools, before: ModelTrainer | None = None
    ) -> None:
        self.table, self.day, self.calendar, self.active = table, day, calendar, active
        closed = table.closed[table.closed <= day]
        self.first = int(closed.min()) if len(closed) else day
        observation = {"first": self.first, "day": day, "count": len(active), "calendar": calendar}
        won, ones = table.won, np.ones(table.size)
        self.wins = DailyVolume(table.closed[won], ones[won], table.seller[won], **observation)  # type: ignore[arg-type]
        self.arrivals = DailyVolume(table.created, ones, table.seller, **observation)  # type: ignore[arg-type]
        self.key = object()
        self.same_until: tuple[object, int] | None = None
        self._month_end_snapshots: dict[tuple[int, int], MonthEndSnapshot] = {}
        self._hazards: dict[int, Hazards] = {}
        self._win_probabilities: dict[tuple[int, int, int, float], WinProbabilities] = {}
        self._expected_wins: dict[tuple[int, int, int, float], ExpectedWins] = {}
        self._errors: dict[tuple[int, int], ModelErrors] = {}
        if before is not None and before.calendar == calendar and np.array_equal(before.active, active):
            self._take_over(before)

    def _take_over(self, before: ModelTrainer) -> None:
        """Take over what a trainer of other deals has learnt from the time in which the deals were the same."""
        differences = find_first_differences(before.table, self.table)
        known = min(before.day, self.day)
        until = min(known, differences.any - 1)
        self.wins.take_over(before.wins, min(known, differences.wins - 1), until)
        self.arrivals.take_over(before.arrivals, min(known, differences.arrivals - 1), until)
        has_same_weights = (self.first, self.wins.day_weights) == (before.first, before.wins.day_weights)
        has_same_stages = self.has_stages == before.has_stages and forecasting_calibration.count_cells(
            self.table.visits
        ) == forecasting_calibration.count_cells(before.table.visits)
        if not has_same_weights or not has_same_stages:
            return
        self._hazards |= {month: hazards for month, hazards in before._hazards.items() if last_day(month) <= until}
        self._month_end_snapshots |= {
            key: snapshot for key, snapshot in before._month_end_snapshots.items() if last_day(sum(key)) <= until
        }
        self._win_probabilities |= {
            key: probabilities for key, probabilities in before._win_probabilities.items() if key[0] <= until
        }
        if self.arrivals.day_weights == before.arrivals.day_weights:
            self._expected_wins |= {key: wins for key, wins in before._expected_wins.items() if key[0] <= until}
            self._errors |= {key: errors for key, errors in before._errors.items() if key[1] <= until}
            self.same_until = before.key, until

    @property
    def seller_count(self) -> int:
        return len(self.active)

    @cached_property
    def exposure(self) -> Exposure:
        return count_exposure(self.table, self.wins.day_weights, self.first, self.day)

    @cached_property
    def has_stages(self) -> bool:
        return forecasting_calibration.has_stage_history(self.table)

    def compute_hazards(self, month: int) -> Hazards:
        """Return the hazards as known at the end of the month, or at the end of `day` if the month is still running."""
        if month not in self._hazards:
            self._hazards[month] = fit_hazards(self.exposure, self.wins.day_weights, month)
        return self._hazards[month]

    def compute_calibration(self, month: int, months: int) -> Calibration:
        """Return the calibration for windows of so many months, as known at the end of the month."""
        month_ends = [self._month_end_snapshot(end, months) for end in self._month_ends_before(month, months)]
        return forecasting_calibration.fit_calibration(
            month_ends, month, self.seller_count, forecasting_calibration.count_cells(self.table.visits)
        )

    def prepare(self, day: int, last: int) -> Steps[None]:
        """Compute one at a time what forecasts up to `last` as of the end of `day` need, as far as it is not known."""
        months = self._calibrated_months(day, last)
        for month in self._month_ends_before(last_complete_month(day), months):
            if (month, months) not in self._month_end_snapshots:
                self._month_end_snapshot(month, months)
                yield
        for volume in (self.wins, self.arrivals):
            yield from volume.fit_counts_in_steps(day)

    def _month_ends_before(self, month: int, months: int) -> range:
        """Return the month ends after which a window of so many months was over by the end of `month`."""
        end = month - months + 1
        return range(max(self.wins.first_month, end - _LOOK_BACK_MONTHS), end)

    def _calibrated_months(self, day: int, last: int) -> int:
        """Return the length in months of the windows by which forecasts up to `last` are calibrated."""
        months = window_months(last - day)
        month = last_complete_month(day)
        return months if len(self._month_ends_before(month, months)) >= _MIN_CALIBRATION_ENDS else 1

    def _month_end_snapshot(self, month: int, months: int) -> MonthEndSnapshot:
        if (month, months) not in self._month_end_snapshots:
            self._month_end_snapshots[month, months] = forecasting_calibration.take_month_end_snapshot(
                self.table, self.compute_hazards(month), month, months, has_stages=self.has_stages
            )
        return self._month_end_snapshots[month, months]

    def compute_win_probabilities(
        self, day: int, first: int, last: int, day_left: float = _WHOLE_DAY
    ) -> WinProbabilities:
        """Return the win probabilities of open deals from day `first` to day `last`, as known at the end of `day`.

        day_left  the part of the day after `day` that is still ahead, 0 to 1; here and in the other methods
        """
        key = (day, first, last, day_left)
        if key not in self._win_probabilities:
            by_age = self.compute_hazards(month_of(day)).win_probability_by_age(day + 1, first, last, day_left)
            months = self._calibrated_months(day, last)
            self._win_probabilities[key] = WinProbabilities(
                by_age, self.compute_calibration(last_complete_month(day), months)
            )
        return self._win_probabilities[key]

    def compute_open_probabilities(
        self, deals: DealTable, rows: Ints, win_probabilities: WinProbabilities, day: int
    ) -> Floats:
        """Return the win probability of each of the rows of `deals`, open at the end of `day`; shape of `rows`."""
        cell = np.full(len(rows), -1)
        if self.has_stages:  # stage entries since `day` count too: `deals` may be the deals of this very moment
            cell = forecasting_calibration.stage_cells(deals.visits, deals.size, day + 1, day + 1)[rows]
        uncorrected = win_probabilities.by_age[ages_on(deals.created[rows], day + 1)]
        return win_probabilities.calibration.correct(uncorrected, deals.seller[rows], cell)

    def _expected_by_counts_and_new(
        self, day: int, first: int, last: int, day_left: float
    ) -> tuple[Floats, Floats, float, float]:
        """Return each seller's expected wins by the count model, those from new deals, and the log sds of both totals."""
        activity_at = self._records.activity_at
        by_counts = self.wins.forecast(day, first, last, day_left if first == day + 1 else _WHOLE_DAY)
        arrivals = self.arrivals.forecast(day, day + 1, last, day_left)
        month_index = months_of(np.arange(day + 1, last + 1)) - month_of(day + 1)
        weights = self.arrivals.day_weights.compute_weights(day + 1, last)
        weights[0] *= day_left
        monthly_weights = np.maximum(sum_by_index(month_index, weights, 0), _MIN_WEIGHT)
        daily_arrivals = arrivals.means[month_index] * weights / monthly_weights[month_index]
        corrections = self.compute_win_probabilities(day, first, last, day_left).calibration
        by_arrival = self.compute_hazards(month_of(day)).win_probability_by_arrival(day + 1, first, last, day_left)
        from_new = float(daily_arrivals @ by_arrival) * corrections.new
        shares = self.arrivals.compute_shares(day, day + 1, last, activity_at, self.active) * corrections.sellers
        return (
            by_counts.total * self.wins.compute_shares(day, first, last, activity_at, self.active),
            from_new * shares / max(float(shares.sum()), 1e-12),
            by_counts.log_sd,
            arrivals.log_sd,
        )

    @cached_property
    def _records(self) -> SellerRecords:
        table = self.table
        is_closed = table.closed <= self.day
        return SellerRecords(
            self.seller_count,
            np.concatenate([table.seller, table.seller[is_closed]]),
            np.concatenate([table.created, table.closed[is_closed]]),
        )

    def compute_expected_wins(self, day: int, first: int, last: int, day_left: float = _WHOLE_DAY) -> ExpectedWins:
        """Return what both models expect of the days `first` to `last`, as known at the end of `day`.

        day  the trainer's day, or an earlier one for an inner forecast; cached
        """
        key = (day, first, last, day_left)
        if key not in self._expected_wins:
            self._expected_wins[key] = self._compute_expected_wins(day, first, last, day_left)
        return self._expected_wins[key]

    def _compute_expected_wins(self, day: int, first: int, last: int, day_left: float) -> ExpectedWins:
        deals = open_at(self.table, day)
        probabilities = self.compute_open_probabilities(
            deals, np.arange(deals.size), self.compute_win_probabilities(day, first, last, day_left), day
        )
        by_counts, from_new, log_sd, arrivals_log_sd = self._expected_by_counts_and_new(day, first, last, day_left)
        return ExpectedWins(
            by_counts, sum_by_index(deals.seller, probabilities, self.seller_count), from_new, log_sd, arrivals_log_sd
        )

    def compute_errors(self, length: int, day: int) -> Steps[ModelErrors]:
        """Compute the models' errors at recent month ends, for windows of about `length` days; cached.

        day  the trainer's day, or an earlier one: only windows that were over by its end are used
        """
        key = window_months(length), day
        if key not in self._errors:
            self._errors[key] = yield from self._measure_errors(length, day)
        return self._errors[key]

    def list_test_windows(self, length: int, day: int) -> list[tuple[int, int]]:
        """Return the recent months, with the months of the windows after them, at the ends of which models are tested.

        length, day  as for `compute_errors`
        """
        months = window_months(length)
        last = last_complete_month(day) - months
        ends = [
            month
            for month in range(self.wins.first_month, last + 1)
            if self.wins.total_until(last_day(month)) >= _MIN_WINS
        ]
        return [(month, months) for month in ends[-_LOOK_BACK_MONTHS:]]

    def _measure_errors(self, length: int, day: int) -> Steps[ModelErrors]:
        test_windows, months = self.list_test_windows(length, day), window_months(length)
        windows = [(last_day(month), first_day(month + 1), last_day(month + months)) for month, _ in test_windows]
        expected: list[ExpectedWins] = []
        for window in windows:
            if (*window, _WHOLE_DAY) not in self._expected_wins:
                yield from self.prepare(window[0], window[2])
                self.compute_win_probabilities(*window)
                yield
                for volume in (self.wins, self.arrivals):  # weighs the share models, which are then known
                    volume.compute_shares(*window, self._records.activity_at, self.active)
                    yield
                self.compute_expected_wins(*window)
                yield
            expected.append(self.compute_expected_wins(*window))
        yield from self.wins.fit_counts_in_steps(day)
        actual = [self.wins.totals_by_seller(first, last_day_) for _, first, last_day_ in windows]
        return model_averaging.measure_errors(
            [wins.by_counts for wins in expected],
            [wins.from_open + wins.from_new for wins in expected],
            actual,
            months,
            log_sds=[wins.log_sd for wins in expected],
            second_log_sds=[wins.pipeline_log_sd for wins in expected],
            dispersion=self.wins.dispersion_at(day),
            evenness=self.wins.evenness_at(day),
        )


def last_complete_month(day: int) -> int:
    """Return the last month that is complete at the end of the day."""
    month = month_of(day)
    return month if day == last_day(month) else month - 1


def window_months(length: int) -> int:
    """Return the months of the test windows for a window of so many days."""
    return min(_MAX_WINDOW_MONTHS, max(1, round(length / DAYS_PER_MONTH)))
