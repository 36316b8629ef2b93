"""Deal forecast: the distribution of won amounts in a window of days, per seller and for any group of sellers.

A `FittedModel` holds everything learnt from the past (`ModelTrainer`). A `ForecastWindow` of it holds `DRAWS` (1000)
Monte Carlo draws per seller for the part that does not depend on the deals open now: the count model, and the
pipeline model's new business. `ForecastWindow.forecast_sellers` adds the draws of the open deals. It is the only
step that has to be repeated when a deal changes, and it is cheap.

The distribution of a group is computed from the sums of its sellers' draws, so the means of the parts always add up
to the mean of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np

from domain.forecasting import deal_value_model, monte_carlo, random_variates
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, summed
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable
from domain.forecasting.random_variates import DRAWS, Opened, Seeds
from domain.forecasting.training import Learner

_MONTHS: Final = 2  # complete months needed for any forecast
_WINS: Final = 20  # wins needed for any forecast
_NORMAL_MONTHS: Final = 6  # complete months needed for normal confidence
_WIDE: Final = 4  # p90 / p10 above which an interval is too wide
FARTHEST: Final = 800  # a window may end at most this many days ahead
_UNSURE: Final = 1e-6  # the win probability of an open deal stays this far from 0 and 1
_PARTS: Final = 1000  # model weights are rounded to thousandths, so that means are exact fractions
_EVER: Final = 400  # an open deal that is not won within this many days counts as never won


class Confidence(StrEnum):
    """Confidence in a forecast; with NONE there is no forecast beyond the booked amount."""

    NONE = "NONE"
    LOW = "LOW"
    NORMAL = "NORMAL"


def confidence(months: int, wins: float) -> Confidence:
    """Return the confidence that a history of `months` complete months and `wins` wins allows."""
    if months < _MONTHS or wins < _WINS:
        return Confidence.NONE
    return Confidence.NORMAL if months >= _NORMAL_MONTHS else Confidence.LOW


class Fit:
    """The model fitted to the deals as known at the end of `day`, for forecasts from the next day on.

    It depends on the past alone, so it is computed once a day.

    trainer     the fitted parts that do not depend on amounts
    past_deals  the same deals, with `worth` on the requested basis: revenue, profit, or 1 each to count deals
    sellers     a permanent key of each seller, shape (sellers,); it seeds the seller's random draws
    """

    def __init__(self, learner: Learner, past: DealTable, sellers: Sequence[str]) -> None:
        self.learner, self.past = learner, past
        self.words = np.array([monte_carlo.word(seller) for seller in sellers], dtype=np.uint64)
        self._windows: dict[tuple[int, int], Window] = {}

    @property
    def day(self) -> int:
        return self.learner.day

    @cached_property
    def confidence(self) -> Confidence:
        return confidence(self.learner.wins.complete_months, self.learner.wins.total(self.day))

    @cached_property
    def tables(self) -> Floats:
        """Equally likely amounts of a win of each seller, in rising order; shape (sellers, 2048)."""
        past = self.past
        won = past.won & ~np.isnan(past.worth)
        age = (self.day - past.closed[won]).astype(np.float64)
        return deal_value_model.tables(past.worth[won], age, past.seller[won], len(self.words))

    @cached_property
    def means(self) -> Floats:
        """Mean amount of a win of each seller; shape (sellers,)."""
        return np.asarray(self.tables.mean(axis=1))

    def window(self, first: int, last: int) -> Steps[Window]:
        """Compute the window from day `first` to day `last`, without the open deals; cached."""
        key = (first, last)
        if key not in self._windows:
            window = Window(self, first, last)
            yield from window.drawn()
            self._windows[key] = window
        return self._windows[key]

    def ever(self, then: DealTable, rows: Ints) -> Floats:
        """Return the probability that each open deal in `rows` of `deals` is ever won; shape of `rows`."""
        first = self.day + 1
        chances = self.learner.chances(self.day, first, first + _EVER - 1)
        return self.learner.of_open(then, rows, chances, self.day)


class Window:
    """The draws of a window of days that do not depend on the open deals; shape (sellers, DRAWS) each.

    Both models are first scaled to the same total number of wins, their weighted mean. `pipeline_factor` is what the
    pipeline's expectation is multiplied by. It is fixed by what was known when the window was computed: otherwise a
    change of one deal would rescale every seller's draws, and not only its own seller's.
    """

    def __init__(self, fit: Fit, first: int, last: int) -> None:
        self.fit, self.first, self.last = fit, first, last

    def drawn(self) -> Steps[None]:
        """Compute the draws; must be completed before the window is used."""
        fit, first, last = self.fit, self.first, self.last
        errors = yield from fit.learner.errors(last - first + 1)
        yield from fit.learner.looked_back(fit.day)
        self.chances = fit.learner.chances(fit.day, first, last)
        expected = fit.learner.expectation(fit.day, first, last)
        yield
        _ = fit.tables
        yield
        plain, pipeline = float(expected.plain.sum()), float((expected.open + expected.new).sum())
        level = (1 - errors.weight) * plain + errors.weight * pipeline
        self.times = level / pipeline if pipeline > 0 else 1.0
        self.parts = round(_PARTS * errors.sharing)
        seeds = Seeds(first * 10_000 + last - first, fit.words)
        self.shocks = yield from monte_carlo.shocks(seeds, errors.common(expected.log_sd), errors.own)
        by_counts = expected.plain * (level / plain if plain > 0 else 1.0)
        self.plain = yield from monte_carlo.coming(by_counts, self.shocks, fit.tables, seeds, 1)
        self.new = yield from monte_carlo.coming(expected.new * self.times, self.shocks, fit.tables, seeds, 2)

    def outlook(self, then: DealTable) -> Steps[Outlook]:
        """Compute the forecast of every seller from the deals that are open in `deals`."""
        fit = self.fit
        rows = np.flatnonzero(then.open)
        plain = fit.learner.of_open(then, rows, self.chances, fit.day)
        chances = np.clip(1 - (1 - plain) ** self.times, _UNSURE, 1 - _UNSURE)
        amounts, said = deal_value_model.of_open(fit.past, then, rows, fit.means)
        seller = then.seller[rows]
        words = random_variates.mixed(fit.words[seller] ^ random_variates.mixed(then.word[rows].astype(np.uint64)))
        deals = Opened(seller, chances, amounts, ~said, words)
        opened = np.zeros((len(fit.words), DRAWS))
        for piece in monte_carlo.pieces(len(fit.words)):
            own = deals.of(piece)
            means = summed(own.row, own.chances * own.amounts, len(piece))
            drawn = random_variates.of_open(own, monte_carlo.shuffled(fit.tables, piece)) * self.shocks[piece]
            opened[piece] = monte_carlo.to_mean(drawn, means)
            yield
        return Outlook(self, then, rows, chances, amounts, opened)


@dataclass(frozen=True)
class Outlook:
    """The forecast of a window for every seller, given the deals open at one moment.

    deals                       the deals at that moment
    rows                        rows of the open ones; shape (open,)
    win_probabilities, amounts  of each open deal: the probability of a win within the window, and its amount if won
    open_draws                  draws of the amount won from open deals; shape (sellers, DRAWS)
    """

    window: Window
    then: DealTable
    rows: Ints
    chances: Floats
    amounts: Floats
    opened: Floats

    @cached_property
    def keys(self) -> Ints:
        """The caller's key of each open deal; shape (open,)."""
        return self.then.key[self.rows]

    @cached_property
    def sellers(self) -> Ints:
        """The seller's index of each open deal; shape (open,)."""
        return self.then.seller[self.rows]

    def overdue(self, today: int) -> Bools:
        """Return for each open deal whether its expected closing day has passed or is not set; shape (open,)."""
        due = self.then.due[self.rows]
        return np.less(due, today) | np.equal(due, NEVER)

    def of(self, chosen: Bools) -> Distribution:
        """Return the distribution of the amount that a group of sellers wins in the window.

        members  which sellers belong to the group; booleans of shape (sellers,)

        The mean mixes the two models' means by their weights. The quantiles mix their quantile functions (both sets
        of draws are sorted first): the interval keeps the width of the models, where a mixture would be wider.
        """
        parts = self.window.parts
        plain = self.window.plain[chosen].sum(axis=0)
        pipeline = (self.opened[chosen] + self.window.new[chosen]).sum(axis=0)
        total = (_PARTS - parts) * _whole(plain) + parts * _whole(pipeline)
        draws = ((_PARTS - parts) * np.sort(plain) + parts * np.sort(pipeline)) / _PARTS
        return Distribution(Fraction(total, _PARTS * DRAWS), float(self.from_open[chosen].sum()), draws)

    @cached_property
    def from_open(self) -> Floats:
        """The part of each seller's mean that comes from deals open now; shape (sellers,).

        This is the pipeline model's figure, reduced where the combined mean is lower than the pipeline's: its share
        of the combined mean is never larger than its share of the pipeline's mean.
        """
        weight = self.window.parts / _PARTS
        opened, new, plain = (draws.mean(axis=1) for draws in (self.opened, self.window.new, self.window.plain))
        pipeline = opened + new
        both = (1 - weight) * plain + weight * pipeline
        share = np.where(pipeline > 0, both / np.where(pipeline > 0, pipeline, 1.0), 0.0)
        return np.asarray(opened * np.minimum(1.0, share))

    @cached_property
    def contributions(self) -> Floats:
        """What each open deal adds to the mean; shape (open,). A seller's deals sum to their `from_open`."""
        plain = self.chances * self.amounts
        sums = summed(self.sellers, plain, len(self.from_open))
        return plain * (self.from_open / np.where(sums != 0, sums, 1.0))[self.sellers]


@dataclass(frozen=True)
class Distribution:
    """Distribution of the amount that a group of sellers wins, in the smallest unit.

    mean       exact, so that the means of parts add up to that of the whole
    from_open  the part of the mean that comes from deals open now
    draws      equally likely values in rising order; shape (DRAWS,)
    """

    mean: Fraction
    from_open: float
    draws: Floats

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The 10th, 50th and 90th percentile."""
        low, median, high = np.quantile(self.draws, (0.1, 0.5, 0.9))
        return float(low), float(median), float(high)

    def reaches(self, missing: float) -> float:
        """Return the probability that the total is at least `amount`."""
        below = int(self.draws.searchsorted(missing))
        return (len(self.draws) - below) / len(self.draws)


NOTHING: Final = Distribution(Fraction(0), 0.0, np.zeros(DRAWS))


def wide(low: float, high: float) -> bool:
    """Return whether the interval from p10 to p90 is too wide for normal confidence."""
    return high > _WIDE * low


def _whole(draws: Floats) -> int:
    return int(draws.astype(np.int64).sum())
