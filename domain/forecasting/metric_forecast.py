"""Metric forecast: the distribution of any metric other than deals (calls, leads, hours, custom results), per seller.

Metrics counted in pieces are forecast as counts. Others are compounds: the number of days with a record, times the
amount of such a day. There is no pipeline, so the count model stands alone, with the width of its own errors at recent
month ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting import deal_value_model, model_averaging, monte_carlo
from domain.forecasting.arrays import Bools, Floats, Ints
from domain.forecasting.cooperative import at_once
from domain.forecasting.daily_volume import Presence, Tally, presence
from domain.forecasting.forecast import Confidence, Distribution, confidence
from domain.forecasting.model_averaging import Errors
from domain.forecasting.random_variates import DRAWS, Seeds
from domain.forecasting.seasonality import MONTH, first_day, last_day
from domain.primitives.calendar import Calendar

_LOOK_BACK: Final = 6  # month ends at which the model is tested
_LONGEST: Final = 3  # longest test window, in months


class MetricFit:
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
        whole: bool,
        day: int,
        calendar: Calendar,
        names: Sequence[str],
        active: Bools,
    ) -> None:
        self.day, self.active = day, active
        self.words = np.array([monte_carlo.word(name) for name in names], dtype=np.uint64)
        counted = amounts if whole else np.ones(len(amounts))
        first = int(days.min()) if len(days) else day
        self.tally = Tally(days, counted, sellers, first=first, day=day, count=len(names), calendar=calendar)
        age = (day - days).astype(np.float64)
        self.tables = None if whole else deal_value_model.tables(amounts, age, sellers, len(names))
        self._windows: dict[tuple[int, int], Floats] = {}
        self._errors: dict[int, Errors] = {}

    @property
    def confidence(self) -> Confidence:
        return confidence(self.tally.complete_months, self.tally.total(self.day))

    def of(self, chosen: Bools, first: int, last: int) -> Distribution:
        """Return the distribution of a group's amount from day `first` to day `last`.

        members  which sellers belong to the group; booleans of shape (sellers,)
        """
        draws = self.window(first, last)[chosen].sum(axis=0)
        return Distribution(Fraction(int(draws.astype(np.int64).sum()), DRAWS), 0.0, np.sort(draws))

    def window(self, first: int, last: int) -> Floats:
        """Return the draws of every seller from day `first` to day `last`; shape (sellers, DRAWS); cached."""
        key = (first, last)
        if key not in self._windows:
            expected, log_sd = self._expected(self.day, first, last)
            errors = self._errors_of(last - first + 1)
            seeds = Seeds(first * 10_000 + last - first, self.words)
            shocked = at_once(monte_carlo.shocks(seeds, errors.common(log_sd), errors.own))
            self._windows[key] = at_once(monte_carlo.coming(expected, shocked, self.tables, seeds, 1))
        return self._windows[key]

    def _expected(self, day: int, first: int, last: int) -> tuple[Floats, float]:
        known = self.tally.days <= day
        since = presence(len(self.words), self.tally.sellers[known], self.tally.days[known]).since
        # The last day with a record is set to today: a rare metric has not ended because it has paused for long.
        always = Presence(since, np.full(len(since), day))
        ahead = self.tally.ahead(day, first, last)
        return ahead.total * self.tally.shares(day, always, self.active), ahead.log_sd

    def _errors_of(self, length: int) -> Errors:
        months = min(_LONGEST, max(1, round(length / MONTH)))
        if months not in self._errors:
            until = self.tally.last_month - months
            ends = range(self.tally.first_month + 1, until + 1)[-_LOOK_BACK:]
            windows = [(last_day(end), first_day(end + 1), last_day(end + months)) for end in ends]
            expected = [self._expected(*window)[0] for window in windows]
            came = [self.tally.by_seller(first, last) for _, first, last in windows]
            self._errors[months] = model_averaging.errors(expected, expected, came, months)
        return self._errors[months]
