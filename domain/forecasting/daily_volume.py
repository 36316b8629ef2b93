"""Events (wins, calls, hours …) by day and seller, and forecasts of their number by month.

It serves deals won, deals created, calls made and hours worked alike. A forecast as of a day uses only events up to
that day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import count_model, share_models
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, sum_by_index
from domain.forecasting.cooperative import Steps, run_to_completion
from domain.forecasting.count_model import CountPosterior, Staff, VolumeForecast
from domain.forecasting.forecast_model import EventHistory
from domain.forecasting.seasonality import (
    DAYS_PER_MONTH,
    DayWeights,
    first_day,
    fit_day_weights,
    last_day,
    month_of,
    months_of,
)
from domain.forecasting.tenure_curves import FittedTenureCurves, TenureCurves
from domain.primitives.calendar import Calendar

IDLE_DAYS: Final = 75  # a seller without a record for this many days is expected to bring nothing
_GAP_FACTOR: Final = 1.4  # multiple of a seller's longest pause so far, after which they are idle
_MAX_IDLE_DAYS: Final = 200  # a seller without a record for this many days is idle in any case
_LOOK_BACK_MONTHS: Final = 6  # month ends at which share models are compared
_MAX_WINDOW_MONTHS: Final = 3  # longest window for which they are compared
_DAY_BITS: Final = 31  # bits of a day where it is packed with a seller's index into one number
_DAY_MASK: Final = (1 << _DAY_BITS) - 1
_DISPERSION_MONTHS: Final = 36  # months from which the dispersion is learnt
_UNSETTLED_MONTHS: Final = 3  # months before the running one in which events may still be dated back
_MIN_SETTLED_DAYS: Final = 180  # days from which weights are learnt without them
_MIN_CAPACITY: Final = 1e-3  # events per block that sellers are able to bring
_MIN_STAFF_CHANGE: Final = 1.05  # ratio of the highest to the lowest capacity, from which it may explain the totals
_MIN_MONTH_EXPOSURE: Final = 0.3  # observed part of a month, from which the month is used


@dataclass(frozen=True)
class SellerActivity:
    """First day with a record of each seller, and the day from which they are idle; ordinals, shape (sellers,) each."""

    first_active_day: Ints
    idle_from: Ints


ActivityAt = Callable[[int], SellerActivity]


class SellerRecords:
    """The days on which each of `seller_count` sellers has records, given the seller and the day of each record."""

    def __init__(self, seller_count: int, seller: Ints, day: Ints) -> None:
        packed = np.sort((seller << _DAY_BITS) | day)
        seller, self._day = packed >> _DAY_BITS, packed & _DAY_MASK
        pause = np.where(np.diff(seller, prepend=-1) == 0, np.diff(self._day, prepend=0), 0)
        running = np.maximum.accumulate((seller << _DAY_BITS) | pause)  # begins anew with each seller
        self._packed, self._longest_pause, self._count = packed, running & _DAY_MASK, seller_count

    def activity_at(self, day: int) -> SellerActivity:
        """Return the activity as known at the end of the day; a seller without a record has the first day NEVER.

        A seller is idle after a pause of 75 days, or of 1.4 times the longest one so far: customers with an order every
        three months leave such pauses.
        """
        first_active_day, last_active_day = np.full(self._count, NEVER), np.zeros(self._count, dtype=np.int64)
        longest_pause = np.zeros(self._count, dtype=np.int64)
        keys = np.arange(self._count) << _DAY_BITS
        start, end = np.searchsorted(self._packed, keys), np.searchsorted(self._packed, keys | day, side="right")
        has_records = end > start
        first_active_day[has_records] = self._day[start[has_records]]
        last_active_day[has_records] = self._day[end[has_records] - 1]
        longest_pause[has_records] = self._longest_pause[end[has_records] - 1]
        allowed = np.clip((_GAP_FACTOR * longest_pause).astype(np.int64), IDLE_DAYS, _MAX_IDLE_DAYS)
        return SellerActivity(first_active_day, last_active_day + allowed)


class DailyVolume:
    """Events by day and seller, and forecasts from them.

    days, amounts, sellers  ordinal, number of events and seller's index of each entry, in any order; shape (n,). They are
                            kept sorted by day, so that what was known at the end of a day is the beginning of the arrays
    first, day              first and last observed day; entries outside are ignored
    count                   number of sellers
    """

    def __init__(
        self, days: Ints, amounts: Floats, sellers: Ints, *, first: int, day: int, count: int, calendar: Calendar
    ) -> None:
        order = np.argsort(days, kind="stable")
        order = order[slice(*np.searchsorted(days, [first, day + 1], sorter=order))]
        self.days, self.amounts, self.sellers = days[order], amounts[order], sellers[order]
        self.first, self.day, self.count, self.calendar = first, day, count, calendar
        self._posteriors: dict[int, CountPosterior] = {}
        self._tenures: dict[int, FittedTenureCurves] = {}
        self._forecasts: dict[tuple[int, int, int, float], VolumeForecast] = {}
        self._past_shares: dict[tuple[int, int], Floats] = {}
        self._model_weights: dict[tuple[int, int], Floats] = {}

    def take_over(self, before: DailyVolume, until: int, shares_until: int) -> bool:
        """Take over what `before` has learnt as of days up to `until`, by which its events were the same.

        shares_until  likewise of the shares of the same sellers: the day by which their activity was the same, too

        Returns whether anything of `before` holds, else the days have other weights.
        """
        if (self.first, self.day_weights) != (before.first, before.day_weights):
            return False
        self._posteriors |= {day: posterior for day, posterior in before._posteriors.items() if day <= until}
        self._forecasts |= {key: forecast for key, forecast in before._forecasts.items() if key[0] <= until}
        until = min(until, shares_until)
        self._past_shares |= {key: shares for key, shares in before._past_shares.items() if key[0] <= until}
        self._model_weights |= {key: weights for key, weights in before._model_weights.items() if key[0] <= until}
        return True

    @cached_property
    def day_weights(self) -> DayWeights:
        """The weights of days, learnt from the time before the last three complete months if that is half a year or more.

        Events are dated back a few weeks now and then. Learnt from the latest months too, the weights would change with
        such an event, and all that rests on them would have to be learnt again.
        """
        settled = last_day(self.last_month - _UNSETTLED_MONTHS)
        end = settled if settled - self.first >= _MIN_SETTLED_DAYS else self.day
        use = slice(self._count_until(end))
        return fit_day_weights(self.calendar, self.days[use], self.first, end, self.amounts[use])

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
        return float(self.amounts[: self._count_until(day)].sum())

    def _count_until(self, day: int) -> int:
        """Return the number of entries up to the end of the day."""
        return int(np.searchsorted(self.days, day, side="right"))

    def totals_by_seller(self, first: int, last: int) -> Floats:
        """Return the number of events from day `first` to day `last`; shape (sellers,)."""
        use = slice(self._count_until(first - 1), self._count_until(last))
        return sum_by_index(self.sellers[use], self.amounts[use], self.count)

    def fit_counts(self, day: int) -> CountPosterior:
        """Return the posterior of the monthly counts as known at the end of the day; cached."""
        return run_to_completion(self.fit_counts_in_steps(day))

    def fit_counts_in_steps(self, day: int) -> Steps[CountPosterior]:
        """Do the same in steps, none if it is cached."""
        if day not in self._posteriors:
            months = np.arange(month_of(self.first), month_of(day) + 1)
            exposure = self.day_weights.compute_exposure(months, self.first, day)
            use = exposure >= _MIN_MONTH_EXPOSURE  # only the first and the last month can be less
            use |= ~use.any()
            edges = [self._count_until(last_day(month)) for month in months.tolist()[:-1]] + [self._count_until(day)]
            observed = np.diff(np.append(0.0, self.amounts.cumsum())[[0, *edges]])  # exact: numbers of events are whole
            self._posteriors[day] = yield from count_model.fit_counts_in_steps(
                months[use],
                observed[use],
                np.maximum(exposure[use], 1e-3),
                self.dispersion_at(day),
                self._past_staff(day, months[use]),
            )
        return self._posteriors[day]

    def evenness_at(self, day: int) -> float:
        """Return the dispersion of the total relative to that of the sellers, as known at the end of the day; at most 1."""
        return self.fit_counts(day).dispersion / self.dispersion_at(day)

    def dispersion_at(self, day: int) -> float:
        """Return the variance of the sellers' monthly events relative to their mean, as known at the end of the day."""
        last = month_of(day + 1) - 1
        first = max(self.first_month, last - _DISPERSION_MONTHS + 1)
        if last <= first:
            return 1.0
        use = slice(self._count_until(first_day(first) - 1), self._count_until(last_day(last)))
        cell = (months_of(self.days[use]) - first) * self.count + self.sellers[use]
        counts = sum_by_index(cell, self.amounts[use], (last - first + 1) * self.count)
        return count_model.measure_dispersion(counts.reshape(-1, self.count))

    def forecast(self, day: int, first: int, last: int, first_day_share: float = 1.0) -> VolumeForecast:
        """Return the forecast of the days from `first` to `last`, month by month, as known at the end of `day`; cached.

        first_day_share  the part of the day `first` that counts
        """
        key = (day, first, last, first_day_share)
        if key not in self._forecasts:
            months = np.arange(month_of(first), month_of(last) + 1)
            exposure = self.day_weights.compute_exposure(months, first, last, first_day_share)
            posterior = self.fit_counts(day)
            staff = self._staff_ahead(day, months, first, last) if posterior.has_staff else None
            self._forecasts[key] = posterior.forecast(months, exposure, staff)
        return self._forecasts[key]

    @cached_property
    def records(self) -> SellerRecords:
        return SellerRecords(self.count, self.sellers, self.days)

    def _fit_tenures(self, day: int) -> FittedTenureCurves:
        """Return when sellers began and left, by their events of this kind, as known at the end of the day; cached."""
        if day not in self._tenures:
            history = self._history(day, self.records.activity_at(day), np.ones(self.count, dtype=np.bool_))
            self._tenures[day] = TenureCurves().fit(history)
        return self._tenures[day]

    def _past_staff(self, day: int, months: Ints) -> Floats | None:
        """Return what the sellers were able to bring in each month up to `day`; None if that hardly changed."""
        tenures = self._fit_tenures(day)
        if not tenures.has_changes:
            return None
        windows = [(max(self.first, first_day(month)), min(day, last_day(month))) for month in months.tolist()]
        capacity = np.array([max(_MIN_CAPACITY, tenures.past_capacity(*window)) for window in windows])
        return capacity if capacity.max() > _MIN_STAFF_CHANGE * capacity.min() else None

    def _staff_ahead(self, day: int, months: Ints, first: int, last: int) -> Staff:
        """Return what they will be able to bring in the months from day `first` to day `last`."""
        tenures = self._fit_tenures(day)
        windows = [(max(first, first_day(month)), min(last, last_day(month))) for month in months.tolist()]
        capacity = np.array([max(_MIN_CAPACITY, tenures.capacity(*window).mean) for window in windows])
        total = tenures.capacity(first, last)
        return Staff(capacity, total.variance / max(_MIN_CAPACITY, total.mean) ** 2)

    def compute_shares(self, day: int, first: int, last: int, activity_at: ActivityAt, active: Bools) -> Floats:
        """Return each seller's share of the volume of a window; shape (sellers,), sums to 1, or all 0 without sellers.

        day          at the end of which the shares are known;  first, last  the window's first and last day
        activity_at  returns the activity of the sellers as known at the end of a day
        active       whether each seller is active. An inactive or idle one has the share 0
        """
        months = min(_MAX_WINDOW_MONTHS, max(1, round((last - first + 1) / DAYS_PER_MONTH)))
        shares = share_models.predict_shares(self._history(day, activity_at(day), active), first, last)
        return self._share_weights(day, months, activity_at, active) @ shares

    def _share_weights(self, day: int, months: int, activity_at: ActivityAt, active: Bools) -> Floats:
        """Return the weights of the share models for windows of so many months, as known at the end of the day."""
        key = (day, months)
        if key not in self._model_weights:
            complete = month_of(day + 1) - 1  # the last month that is complete by then
            ends = range(max(self.first_month, complete - months - _LOOK_BACK_MONTHS + 1), complete - months + 1)
            shares, actual = [], []
            for month in ends:
                end, window = last_day(month), (first_day(month + 1), last_day(month + months))
                if (end, months) not in self._past_shares:
                    self._past_shares[end, months] = share_models.predict_shares(
                        self._history(end, activity_at(end), active), *window
                    )
                shares.append(self._past_shares[end, months])
                actual.append(self.totals_by_seller(*window))
            self._model_weights[key] = share_models.weigh_models(shares, actual, months)
        return self._model_weights[key]

    def _history(self, day: int, activity: SellerActivity, active: Bools) -> EventHistory:
        is_known = slice(self._count_until(day))
        start = np.maximum(activity.first_active_day, self.first)
        return EventHistory(
            self.days[is_known],
            self.amounts[is_known],
            self.sellers[is_known],
            self.first,
            day,
            start,
            active & (day < activity.idle_from) & (start <= day),
        )
