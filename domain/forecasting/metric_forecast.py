"""Metric forecast: the distribution of any metric other than deals (calls, leads, hours, custom results), per seller.

Metrics counted in pieces are forecast as counts. Others are compounds: the number of days with a record, times the
amount of such a day. There is no pipeline, so the count model stands alone, with the width of its own errors at recent
month ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting import model_averaging, monte_carlo
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, sum_by_index
from domain.forecasting.cooperative import Steps
from domain.forecasting.daily_volume import DailyVolume, SellerActivity
from domain.forecasting.deal_value_model import AmountTables
from domain.forecasting.distribution import Distribution
from domain.forecasting.forecast import Confidence, rate_confidence
from domain.forecasting.goal_calibration import (
    MONTH_WEIGHT,
    UNCALIBRATED,
    GoalCalibration,
    PastGoals,
    calibrate_on_windows,
    find_plan_bases,
    list_past_goals,
)
from domain.forecasting.model_averaging import ModelErrors
from domain.forecasting.monte_carlo import EvenTotal
from domain.forecasting.random_variates import DRAWS, RandomStreams
from domain.forecasting.seasonality import first_day, last_day, months_of
from domain.forecasting.training import last_complete_month, window_months
from domain.primitives.calendar import Calendar

_LOOK_BACK_MONTHS: Final = 6  # month ends at which the model is tested
_History = tuple[Ints, Ints, Floats]  # days, sellers and amounts


class MetricWindow:
    """The forecast of a metric in a window for every seller.

    Draws are made for the sellers that a request is about: `draws` has shape (sellers, DRAWS), as far as they have been
    drawn.
    """

    def __init__(
        self,
        tables: AmountTables | None,
        streams: RandomStreams,
        expected: Floats,
        errors: _WindowErrors,
        goal_calibration: GoalCalibration,
    ) -> None:
        self._tables, self._streams, self._expected, self._errors = tables, streams, expected, errors
        self.goal_calibration = goal_calibration
        self.draws = np.zeros((len(expected), DRAWS))
        self._is_drawn = np.zeros(len(expected), dtype=np.bool_)

    @property
    def size(self) -> int:
        """Bytes of the draws that have been made."""
        return int(np.count_nonzero(self._is_drawn)) * DRAWS * self.draws.itemsize

    def has_draws(self, members: Bools) -> bool:
        """Return whether the sellers that `members` selects, booleans of shape (sellers,), have been drawn."""
        return bool(self._is_drawn[members].all())

    def draw(self, members: Bools) -> Steps[None]:
        """Make the draws of those of the sellers that have none yet; several such computations may take turns."""
        while len(rows := np.flatnonzero(members & ~self._is_drawn)[: monte_carlo.BATCH_SIZE]):
            amounts, errors = self._tables, self._errors
            self.draws[rows] = monte_carlo.sample_wins(
                self._expected[rows],
                monte_carlo.error_multipliers(self._streams, errors.common, errors.seller_sd, rows),
                None if amounts is None else amounts.of_sellers(rows),
                self._streams,
                1,
                rows,
                errors.dispersion,
                None
                if amounts is None
                else monte_carlo.amount_multipliers(self._streams, amounts.mean_errors_of(rows), rows),
                errors.even_total,
            )
            self._is_drawn[rows] = True
            yield

    def aggregate(self, members: Bools) -> Distribution:
        """Return the distribution of the amount of a group.

        members  which sellers belong to the group; booleans of shape (sellers,). They must have been drawn
        """
        if not self.has_draws(members):
            raise ValueError("draw the sellers of a group before you aggregate them")
        draws = self.draws[members].sum(axis=0)
        return Distribution(
            Fraction(int(draws.astype(np.int64).sum()), DRAWS), 0.0, np.sort(draws), self.goal_calibration
        )

    def draws_of_sellers(self, sellers: Ints) -> Floats:
        """Return the draws of each seller by itself, as `aggregate` does, in rising order; shape (sellers, DRAWS)."""
        return np.sort(self.draws[sellers], axis=1)


@dataclass(frozen=True, eq=False)
class _WindowErrors:
    """The width of a window's forecast: what all sellers share, shape (DRAWS,), and what each has for itself."""

    common: Floats
    seller_sd: float
    dispersion: float
    even_total: EvenTotal | None


class FittedMetricModel:
    """The model of one metric, fitted to its history up to the end of `day`.

    days, sellers, amounts  one entry per seller and day with a record, sorted by day: ordinal, the seller's index, and
                            the amount, above zero and in the smallest unit; shape (n,)
    is_count                whether the metric is counted in pieces
    names                   permanent key of each seller, shape (sellers,)
    active                  whether each seller is active, shape (sellers,)
    before                  an earlier model of the metric: what it knows as of days on which both histories are equal is
                            taken over
    """

    def __init__(
        self,
        days: Ints,
        sellers: Ints,
        amounts: Floats,
        *,
        is_count: bool,
        day: int,
        calendar: Calendar,
        names: Sequence[str],
        active: Bools,
        before: FittedMetricModel | None = None,
    ) -> None:
        self.day, self.calendar, self.names, self.active, self.is_count = day, calendar, tuple(names), active, is_count
        self._history = days, sellers, amounts
        self._seller_hashes = np.array([monte_carlo.hash_seller_key(name) for name in names], dtype=np.uint64)
        counted = amounts if is_count else np.ones(len(amounts))
        first = int(days.min()) if len(days) else day
        self.volume = DailyVolume(days, counted, sellers, first=first, day=day, count=len(names), calendar=calendar)
        self.amount_tables = self._build_amount_tables(day)
        self._errors: dict[tuple[int, int], ModelErrors] = {}
        self._past_goals: dict[tuple[int, int], PastGoals] = {}  # by month before the window, and its months
        self._expected_events: dict[tuple[int, int, int], tuple[Floats, float]] = {}
        if before is not None and self._is_same_metric(before):
            self._take_over(before)

    def _is_same_metric(self, before: FittedMetricModel) -> bool:
        return (
            (self.calendar, self.names, self.is_count) == (before.calendar, before.names, before.is_count)
        ) and np.array_equal(self.active, before.active)

    def _take_over(self, before: FittedMetricModel) -> None:
        """Take over what an earlier model has learnt from the time in which the history was the same."""
        until = min(before.day, self.day, _first_difference(before._history, self._history) - 1)
        if not self.volume.take_over(before.volume, until, until):
            return
        self._expected_events |= {key: events for key, events in before._expected_events.items() if key[0] <= until}
        self._errors |= {key: errors for key, errors in before._errors.items() if key[1] <= until}
        self._past_goals |= {key: goals for key, goals in before._past_goals.items() if last_day(key[0]) <= until}

    def _build_amount_tables(self, day: int) -> AmountTables | None:
        """Return the amounts of a day with a record, as known at the end of `day`; None for a metric counted in pieces."""
        if self.is_count:
            return None
        days, sellers, amounts = self._history
        is_known = days <= day
        age = (day - days[is_known]).astype(np.float64)
        return AmountTables(amounts[is_known], age, sellers[is_known], len(self.names))

    @property
    def confidence(self) -> Confidence:
        return rate_confidence(self.volume.complete_months, self.volume.total_until(self.day))

    def compute_window(self, first: int, last: int, presence: Floats) -> Steps[MetricWindow]:
        """Compute the forecast of the amounts from day `first` to day `last`, without any draws.

        presence  the part of the window's working time in which each seller is still to work, 0 to 1; shape (sellers,)
        """
        calibration = yield from self._calibrate_goals(last - first + 1)
        return (yield from self._compute_window(self.day, first, last, presence, self.amount_tables, calibration))

    def _compute_window(
        self,
        day: int,
        first: int,
        last: int,
        presence: Floats,
        tables: AmountTables | None,
        calibration: GoalCalibration,
    ) -> Steps[MetricWindow]:
        errors = yield from self._compute_errors(last - first + 1, day)
        yield from self.volume.fit_counts_in_steps(day)
        expected, log_sd = self._expect_events(day, first, last)
        streams = RandomStreams(first * 10_000 + last - first, self._seller_hashes)
        common = monte_carlo.common_multipliers(streams, errors.common_sd(log_sd, expected))
        is_inner = day != self.day  # of single sellers, on whom the evenness of totals has no effect
        even_total = yield from monte_carlo.compute_even_total(
            streams, expected, 1.0 if is_inner else errors.evenness, (1,)
        )
        window_errors = _WindowErrors(common, errors.seller_sd, errors.dispersion, even_total)
        return MetricWindow(tables, streams, expected * presence, window_errors, calibration)

    def _calibrate_goals(self, length: int) -> Steps[GoalCalibration]:
        """Calibrate the probabilities of goals in windows of about `length` days, as `past_goals` does."""
        windows = [
            (month, months, weight)
            for months, weight in ((window_months(length), 1.0), (1, MONTH_WEIGHT))[: 1 + (window_months(length) > 1)]
            for month in self._list_test_ends(months, self.day)
        ]
        return (yield from calibrate_on_windows(windows, self._past_goals, self._measure_goals, self._sum_results))

    def _measure_goals(self, month: int, months: int) -> Steps[PastGoals]:
        """Return the goals of the window of so many months after `month`, as known at its end."""
        day, first, last = last_day(month), first_day(month + 1), last_day(month + months)
        days, sellers, amounts = self._history
        is_known = days <= day
        bases = find_plan_bases(
            months_of(days[is_known]) - month - 1,
            sellers[is_known],
            amounts[is_known],
            months,
            month - self.volume.first_month + 1,
            self._seller_hashes,
        )
        tables = self._build_amount_tables(day)
        yield
        presence = np.ones(len(self.names))
        window = yield from self._compute_window(day, first, last, presence, tables, UNCALIBRATED)
        yield from window.draw(np.isin(np.arange(len(self.names)), bases.sellers))
        return list_past_goals(bases, window.draws_of_sellers(bases.sellers))

    def _sum_results(self, first: int, last: int) -> Floats:
        """Return the amounts of each seller from day `first` to day `last`; shape (sellers,)."""
        days, sellers, amounts = self._history
        is_in_window = (days >= first) & (days <= last)
        return sum_by_index(sellers[is_in_window], amounts[is_in_window], len(self.names))

    def _expect_events(self, day: int, first: int, last: int) -> tuple[Floats, float]:
        """Return each seller's expected events as known at the end of `day`, and the sd of their log; cached."""
        key = (day, first, last)
        if key not in self._expected_events:
            forecast = self.volume.forecast(day, first, last)
            shares = self.volume.compute_shares(day, first, last, self._activity_at, self.active)
            self._expected_events[key] = forecast.total * shares, forecast.log_sd
        return self._expected_events[key]

    def _activity_at(self, day: int) -> SellerActivity:
        """Return the activity of the sellers, none of them idle: a rare metric has not ended because it has paused."""
        activity = self.volume.records.activity_at(day)
        return SellerActivity(activity.first_active_day, np.full(len(activity.idle_from), NEVER))

    def _compute_errors(self, length: int, day: int) -> Steps[ModelErrors]:
        months = window_months(length)
        key = months, day
        if key not in self._errors:
            ends = self._list_test_ends(months, day)
            windows = [(last_day(month), first_day(month + 1), last_day(month + months)) for month in ends]
            expected = []
            for window in windows:
                if window not in self._expected_events:
                    yield from self.volume.fit_counts_in_steps(window[0])
                    self._expect_events(*window)
                    yield
                expected.append(self._expect_events(*window))
            actual = [self.volume.totals_by_seller(first, last) for _, first, last in windows]
            self._errors[key] = model_averaging.measure_errors(
                events := [of_sellers for of_sellers, _ in expected],
                events,
                actual,
                months,
                log_sds=(log_sds := [log_sd for _, log_sd in expected]),
                second_log_sds=log_sds,
                dispersion=self.volume.dispersion_at(day),
                evenness=self.volume.evenness_at(day),
            )
        return self._errors[key]

    def _list_test_ends(self, months: int, day: int) -> range:
        """Return the months at the ends of which the model is tested with windows of so many months, over by `day`."""
        last_end = last_complete_month(day) - months
        return range(self.volume.first_month + 1, last_end + 1)[-_LOOK_BACK_MONTHS:]


def _first_difference(first: _History, second: _History) -> int:
    """Return the first day on which two histories, each sorted by day, differ; NEVER if there is none."""
    size = min(len(first[0]), len(second[0]))
    is_other = np.zeros(size, dtype=np.bool_)
    for column, other_column in zip(first, second, strict=True):
        is_other |= column[:size] != other_column[:size]
    position = int(is_other.argmax()) if is_other.any() else size
    return min(int(days[position]) if position < len(days) else NEVER for days, _, _ in (first, second))
