"""Where any metric will stand: calls, leads, hours, or results of the company's own, seller by seller.

What is counted in pieces is a count; anything else is a compound: so many days with something
recorded, each worth what such days are. There is no pipeline here, so the counts stand alone,
as wide as their own errors at recent month ends.
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

_LOOK_BACK: Final = 6  # month ends
_LONGEST: Final = 3  # months of the windows that are looked back at


class MetricFit:
    """What the past teaches of a metric, up to the end of `day`.

    days, sellers, amounts  of each day on which anything was recorded for somebody: the ordinal, the index of the
                            seller, and how much it was, above zero and in the smallest unit; shape (n,)
    whole                   whether it is counted in pieces
    names, active           of the sellers, as for a forecast of deals
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
        """Return what the chosen sellers bring in from day `first` to day `last`; shape (sellers,) of booleans."""
        draws = self.window(first, last)[chosen].sum(axis=0)
        return Distribution(Fraction(int(draws.astype(np.int64).sum()), DRAWS), 0.0, np.sort(draws))

    def window(self, first: int, last: int) -> Floats:
        """Return the draws of every seller; shape (sellers, DRAWS)."""
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
        always = Presence(since, np.full(len(since), day))  # what is rare is not over because it has not been for long
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
