"""Metric forecast: the distribution of any metric other than deals (calls, leads, hours, custom results), per seller.

Metrics counted in pieces are forecast as counts. Others are compounds: the number of days with a record, times the
amount of such a day. There is no pipeline, so the count model stands alone, with the width of its own errors at recent
month ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import deal_value_model, model_averaging, monte_carlo
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints
from domain.forecasting.daily_volume import DailyVolume, SellerActivity, SellerRecords
from domain.forecasting.forecast import Confidence, Distribution, rate_confidence
from domain.forecasting.model_averaging import ModelErrors
from domain.forecasting.random_variates import DRAWS, RandomStreams
from domain.forecasting.seasonality import DAYS_PER_MONTH, first_day, last_day
from domain.primitives.calendar import Calendar

_LOOK_BACK_MONTHS: Final = 6  # month ends at which the model is tested
_MAX_WINDOW_MONTHS: Final = 3  # longest test window, in months


@dataclass(frozen=True, eq=False)
class MetricWindow:
    """The forecast of a metric in a window for every seller: equally likely amounts, shape (sellers, DRAWS)."""

    draws: Floats

    def aggregate(self, members: Bools) -> Distribution:
        """Return the distribution of the amount of a group.

        members  which sellers belong to the group; booleans of shape (sellers,)
        """
        draws = self.draws[members].sum(axis=0)
        return Distribution(Fraction(int(draws.astype(np.int64).sum()), DRAWS), 0.0, np.sort(draws))

    def draws_of_sellers(self, sellers: Ints) -> Floats:
        """Return the draws of each seller by itself, as `aggregate` does, in rising order; shape (sellers, DRAWS)."""
        return np.sort(self.draws[sellers], axis=1)


class FittedMetricModel:
    """The model of one metric, fitted to its history up to the end of `day`.

    days, sellers, amounts  one entry per seller and day with a record: ordinal, the seller's index, and the amount,
                            above zero and in the smallest unit; shape (n,)
    is_count                whether the metric is counted in pieces
    names                   permanent key of each seller, shape (sellers,)
    active                  whether each seller is active, shape (sellers,)
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
    ) -> None:
        self.day, self.active = day, active
        self.seller_hashes = np.array([monte_carlo.hash_seller_key(name) for name in names], dtype=np.uint64)
        counted = amounts if is_count else np.ones(len(amounts))
        first = int(days.min()) if len(days) else day
        self.volume = DailyVolume(days, counted, sellers, first=first, day=day, count=len(names), calendar=calendar)
        age = (day - days).astype(np.float64)
        self.amount_tables = None if is_count else deal_value_model.AmountTables(amounts, age, sellers, len(names))
        self._errors: dict[int, ModelErrors] = {}

    @property
    def confidence(self) -> Confidence:
        return rate_confidence(self.volume.complete_months, self.volume.total_until(self.day))

    def forecast_window(self, first: int, last: int, presence: Floats) -> MetricWindow:
        """Forecast the amounts from day `first` to day `last`.

        presence  the part of the window's working time in which each seller is still to work, 0 to 1; shape (sellers,)
        """
        expected, log_sd = self._expect_events(self.day, first, last)
        errors = self._errors_for(last - first + 1)
        streams = RandomStreams(first * 10_000 + last - first, self.seller_hashes)
        common = monte_carlo.common_multipliers(streams, errors.common_sd(log_sd))
        draws = np.zeros((len(expected), DRAWS))
        for rows in monte_carlo.seller_batches(len(expected)):
            draws[rows] = monte_carlo.sample_wins(
                (expected * presence)[rows],
                monte_carlo.error_multipliers(streams, common, errors.seller_sd, rows),
                None if self.amount_tables is None else self.amount_tables.of_sellers(rows),
                streams,
                1,
                rows,
                errors.dispersion,
            )
        return MetricWindow(draws)

    def _expect_events(self, day: int, first: int, last: int) -> tuple[Floats, float]:
        forecast = self.volume.forecast(day, first, last)
        return forecast.total * self.volume.compute_shares(
            day, first, last, self._activity_at, self.active
        ), forecast.log_sd

    @cached_property
    def _records(self) -> SellerRecords:
        return SellerRecords(len(self.seller_hashes), self.volume.sellers, self.volume.days)

    def _activity_at(self, day: int) -> SellerActivity:
        """Return the activity of the sellers, none of them idle: a rare metric has not ended because it has paused."""
        activity = self._records.activity_at(day)
        return SellerActivity(activity.first_active_day, np.full(len(activity.idle_from), NEVER))

    def _errors_for(self, length: int) -> ModelErrors:
        months = min(_MAX_WINDOW_MONTHS, max(1, round(length / DAYS_PER_MONTH)))
        if months not in self._errors:
            last_end = self.volume.last_month - months
            ends = range(self.volume.first_month + 1, last_end + 1)[-_LOOK_BACK_MONTHS:]
            windows = [(last_day(month), first_day(month + 1), last_day(month + months)) for month in ends]
            expected = [self._expect_events(*window)[0] for window in windows]
            actual = [self.volume.totals_by_seller(first, last) for _, first, last in windows]
            self._errors[months] = model_averaging.measure_errors(expected, expected, actual, months)
        return self._errors[months]
