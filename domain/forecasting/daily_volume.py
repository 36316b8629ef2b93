"""Events (wins, calls, hours …) by day and seller, and forecasts of their number by month.

It serves deals won, deals created, calls made and hours worked alike. A forecast as of a day uses only events up to
that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import count_model
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, sum_by_index
from domain.forecasting.count_model import CountPosterior, VolumeForecast
from domain.forecasting.seasonality import DAYS_PER_MONTH, DayWeights, fit_day_weights, last_day, month_of, months_of
from domain.primitives.calendar import Calendar

IDLE_DAYS: Final = 75  # a seller without a record for this many days is expected to bring nothing
_HALF_LIFE_MONTHS: Final = 9.0  # months after which a seller's events count half
_PRIOR_EVENTS: Final = 1.0  # prior weight, in events, of the average seller's rate
_MIN_MONTH_EXPOSURE: Final = 0.3  # observed part of a month, from which the month is used
_BLOCKS_MIN_DAYS: Final = 80  # days; longer windows are also forecast from blocks of their own length


@dataclass(frozen=True)
class SellerActivity:
    """First and last day with a record of each seller; ordinals, shape (sellers,) each."""

    first_active_day: Ints
    last_active_day: Ints


def find_seller_activity(seller_count: int, seller: Ints, day: Ints) -> SellerActivity:
    """Return the activity of `sellers` sellers, given the seller and the day of each record.

    A seller without a record has the first day NEVER.
    """
    first_active_day, last_active_day = np.full(seller_count, NEVER), np.zeros(seller_count, dtype=np.int64)
    np.minimum.at(first_active_day, seller, day)
    np.maximum.at(last_active_day, seller, day)
    return SellerActivity(first_active_day, last_active_day)


class DailyVolume:
    """Events by day and seller, and forecasts from them.

    days, amounts, sellers  ordinal, number of events and seller's index of each entry, in any order; shape (n,)
    first, day              first and last observed day; entries outside are ignored
    count                   number of sellers
    """

    def __init__(
        self, days: Ints, amounts: Floats, sellers: Ints, *, first: int, day: int, count: int, calendar: Calendar
    ) -> None:
        use = (days >= first) & (days <= day)
        self.days, self.amounts, self.sellers = days[use], amounts[use], sellers[use]
        self.first, self.day, self.count, self.calendar = first, day, count, calendar
        self._posteriors: dict[int, CountPosterior] = {}
        self._forecasts: dict[tuple[int, int, int, float, bool], VolumeForecast] = {}

    def take_over(self, before: DailyVolume, until: int) -> None:
        """Take over what `before` has learnt as of days up to `until`, by which its events were the same."""
        if (self.first, self.day_weights) == (before.first, before.day_weights):
            self._posteriors |= {day: posterior for day, posterior in before._posteriors.items() if day <= until}
            self._forecasts |= {key: forecast for key, forecast in before._forecasts.items() if key[0] <= until}

    @cached_property
    def day_weights(self) -> DayWeights:
        return fit_day_weights(self.calendar, self.days, self.first, self.day, self.amounts)

    @cached_property
    def last_month(self) -> int:
        """The last complete month."""
        month = month_of(self.day)
        return month if self.day == last_day(month) else month - 1

    @cached_property
    def first_month(self) -> int:
        """The first month of which enough was observed to be used."""
        month = month_of(self.first)
        return month if last_day(month) - self.first + 1 >= _MIN_MONTH_EXPOSURE * DAYS_PER_MONTH else month + 1

    @property
    def complete_months(self) -> int:
        """Number of complete months observed; one observed from within its first five days on counts as complete."""
        return max(0, self.last_month - month_of(self.first + 25) + 1)

    def total_until(self, day: int) -> float:
        return float(self.amounts[self.days <= day].sum())

    def totals_by_seller(self, first: int, last: int) -> Floats:
        """Return the number of events from day `first` to day `last`; shape (sellers,)."""
        use = (self.days >= first) & (self.days <= last)
        return sum_by_index(self.sellers[use], self.amounts[use], self.count)

    def is_fitted(self, day: int) -> bool:
        return day in self._posteriors

    def fit_counts(self, day: int) -> CountPosterior:
        """Return the posterior of the monthly counts as known at the end of the day; cached."""
        if day not in self._posteriors:
            months = np.arange(month_of(self.first), month_of(day) + 1)
            exposure = self.day_weights.compute_exposure(months, self.first, day)
            use = exposure >= _MIN_MONTH_EXPOSURE  # only the first and the last month can be less
            use |= ~use.any()
            is_known = self.days <= day
            month = months_of(self.days[is_known]) - months[0]
            observed = sum_by_index(month, self.amounts[is_known], len(months))
            self._posteriors[day] = count_model.fit_counts(months[use], observed[use], np.maximum(exposure[use], 1e-3))
        return self._posteriors[day]

    def forecast(
        self, day: int, first: int, last: int, first_day_share: float = 1.0, *, blocks: bool = True
    ) -> VolumeForecast:
        """Return the forecast of the days from `first` to `last`, month by month, as known at the end of `day`; cached.

        first_day_share  the part of the day `first` that counts
        blocks           also forecast a long window from blocks of its own length that end with `day` (temporal
                         aggregation). A pattern within the window cannot mislead those. The result is the geometric
                         mean of both forecasts.
        """
        key = (day, first, last, first_day_share, blocks)
        if key not in self._forecasts:
            months = np.arange(month_of(first), month_of(last) + 1)
            exposure = self.day_weights.compute_exposure(months, first, last, first_day_share)
            forecast = self.fit_counts(day).forecast(months, exposure)
            self._forecasts[key] = self._blend_with_blocks(forecast, day, first, last, exposure) if blocks else forecast
        return self._forecasts[key]

    def _blend_with_blocks(
        self, monthly: VolumeForecast, day: int, first: int, last: int, exposure_ahead: Floats
    ) -> VolumeForecast:
        length = last - first + 1
        if length < _BLOCKS_MIN_DAYS or day - self.first + 1 < 2 * length:
            return monthly
        is_known = self.days <= day
        weights = self.day_weights.compute_weights(self.first, day)
        observed, exposure = count_model.count_in_blocks(
            self.days[is_known], self.amounts[is_known], weights, self.first, length
        )
        block_indexes = np.arange(len(observed))
        by_block = count_model.fit_counts(block_indexes, observed, exposure, seasonal=False).forecast(
            block_indexes[-1:] + 1, exposure_ahead.sum(keepdims=True)
        )
        return VolumeForecast(monthly.means * (by_block.total / monthly.total) ** 0.5, monthly.log_sd)

    def compute_shares(self, day: int, activity: SellerActivity, active: Bools) -> Floats:
        """Return each seller's share of the volume to come; shape (sellers,), sums to 1, or all 0 without sellers.

        The share is proportional to the discounted rate (n + 1) / (tenure + 1 / mean rate of all sellers), for
        sellers that are active and have a recent record; for others it is 0. `tenure` is in discounted months, since
        the first record.
        """
        is_known = self.days <= day
        weights = self.amounts[is_known] * 0.5 ** ((day - self.days[is_known]) / DAYS_PER_MONTH / _HALF_LIFE_MONTHS)
        discounted_events = sum_by_index(self.sellers[is_known], weights, self.count)
        days_there = np.maximum(0, day + 1 - np.maximum(activity.first_active_day, self.first))
        memory = _HALF_LIFE_MONTHS / np.log(2)
        tenure = memory * (1 - 0.5 ** (days_there / DAYS_PER_MONTH / _HALF_LIFE_MONTHS))
        is_expected = active & (activity.last_active_day > day - IDLE_DAYS) & (tenure > 0)
        if not is_expected.any():
            return np.zeros(self.count)
        mean_rate = max(float(discounted_events[is_expected].sum()), 1e-6) / float(tenure[is_expected].sum())
        rate = np.where(is_expected, (discounted_events + _PRIOR_EVENTS) / (tenure + _PRIOR_EVENTS / mean_rate), 0.0)
        return rate / rate.sum()  # type: ignore[no-any-return]
