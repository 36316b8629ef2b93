"""How much money comes in a stretch of days: a distribution for each seller, and for any group of them.

What has been learnt of the past (`Learner`) is asked about a window of days; the answer is a
thousand draws for each seller by each of two models. A group's distribution is made of the
sums of its sellers' draws, so the parts always add up to the whole. What is open this very
moment comes in last and is cheap: a change of one deal repeats only that step.
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

_MONTHS: Final = 2  # complete ones, to say anything
_WINS: Final = 20
_NORMAL_MONTHS: Final = 6
_WIDE: Final = 4  # times the low end, that the high end may be
FARTHEST: Final = 800  # days ahead that anything can be said of
_UNSURE: Final = 1e-6  # nothing open is certain
_PARTS: Final = 1000  # that the models' weights are counted in: means stay exact
_EVER: Final = 400  # days, after which an open deal is as good as never won


class Confidence(StrEnum):
    """How far a forecast is to be trusted: NONE says nothing beyond what is booked."""

    NONE = "NONE"
    LOW = "LOW"
    NORMAL = "NORMAL"


def confidence(months: int, wins: float) -> Confidence:
    """Return how far a history of so many complete months and wins can be trusted."""
    if months < _MONTHS or wins < _WINS:
        return Confidence.NONE
    return Confidence.NORMAL if months >= _NORMAL_MONTHS else Confidence.LOW


class Fit:
    """What is learnt once a day: from the deals as known at the end of a day, for forecasts from the next day on.

    learner  what the past teaches
    past     the same deals, worth what is asked about: revenue, profit, or 1 each to be counted
    sellers  a name for each that never changes, shape (sellers,): their draws hang on it
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
        """What a win of each seller brings in, in rising order; shape (sellers, 2048)."""
        past = self.past
        won = past.won & ~np.isnan(past.worth)
        age = (self.day - past.closed[won]).astype(np.float64)
        return deal_value_model.tables(past.worth[won], age, past.seller[won], len(self.words))

    @cached_property
    def means(self) -> Floats:
        """The mean of that; shape (sellers,)."""
        return np.asarray(self.tables.mean(axis=1))

    def window(self, first: int, last: int) -> Steps[Window]:
        """Work out what is known of the days from `first` to `last` before any open deal is looked at."""
        key = (first, last)
        if key not in self._windows:
            window = Window(self, first, last)
            yield from window.drawn()
            self._windows[key] = window
        return self._windows[key]

    def ever(self, then: DealTable, rows: Ints) -> Floats:
        """Return the probability that each of the open rows of `then` is ever won."""
        first = self.day + 1
        chances = self.learner.chances(self.day, first, first + _EVER - 1)
        return self.learner.of_open(then, rows, chances, self.day)


class Window:
    """A stretch of days ahead: the draws that no open deal has a part in; shape (sellers, DRAWS) each.

    Both models are first brought to the same number of wins in all (`times`: what that does to those of
    the pipeline), as known when the first day begins: a deal that changes later changes its seller's alone.
    """

    def __init__(self, fit: Fit, first: int, last: int) -> None:
        self.fit, self.first, self.last = fit, first, last

    def drawn(self) -> Steps[None]:
        """Draw, before anything else is asked of the window."""
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
        """Work out the forecast from the deals that are open in `then`."""
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
    """A window's forecast by seller, from the deals open at a moment.

    then     the deals at that moment;  rows  those of them that are open
    chances, amounts  of each open deal: its probability to be won in the window, and what it would bring in
    opened   draws of what the open deals bring in; shape (sellers, DRAWS)
    """

    window: Window
    then: DealTable
    rows: Ints
    chances: Floats
    amounts: Floats
    opened: Floats

    @cached_property
    def keys(self) -> Ints:
        """What the caller knows each open deal by."""
        return self.then.key[self.rows]

    @cached_property
    def sellers(self) -> Ints:
        """Whose each open deal is."""
        return self.then.seller[self.rows]

    def overdue(self, today: int) -> Bools:
        """Return of each open deal whether its expected closing day has passed or was never given."""
        due = self.then.due[self.rows]
        return np.less(due, today) | np.equal(due, NEVER)

    def of(self, chosen: Bools) -> Distribution:
        """Return the distribution of what the chosen sellers bring in from now on; shape (sellers,) of booleans."""
        parts = self.window.parts
        plain = self.window.plain[chosen].sum(axis=0)
        pipeline = (self.opened[chosen] + self.window.new[chosen]).sum(axis=0)
        total = (_PARTS - parts) * _whole(plain) + parts * _whole(pipeline)
        draws = ((_PARTS - parts) * np.sort(plain) + parts * np.sort(pipeline)) / _PARTS
        return Distribution(Fraction(total, _PARTS * DRAWS), float(self.from_open[chosen].sum()), draws)

    @cached_property
    def from_open(self) -> Floats:
        """What of each seller's expectation comes from deals that are open now; shape (sellers,).

        As the pipeline sees it, but no larger a share of both models' mean than it is of the pipeline's.
        """
        weight = self.window.parts / _PARTS
        opened, new, plain = (draws.mean(axis=1) for draws in (self.opened, self.window.new, self.window.plain))
        pipeline = opened + new
        both = (1 - weight) * plain + weight * pipeline
        share = np.where(pipeline > 0, both / np.where(pipeline > 0, pipeline, 1.0), 0.0)
        return np.asarray(opened * np.minimum(1.0, share))

    @cached_property
    def contributions(self) -> Floats:
        """What each open deal adds to what is expected; they sum to `from_open`; shape (deals,)."""
        plain = self.chances * self.amounts
        sums = summed(self.sellers, plain, len(self.from_open))
        return plain * (self.from_open / np.where(sums != 0, sums, 1.0))[self.sellers]


@dataclass(frozen=True)
class Distribution:
    """What a group of sellers brings in from now on, in the smallest unit.

    mean       exact: the means of parts add up to that of the whole
    from_open  how much of it comes from deals that are open now
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
        """Return the probability that at least so much comes."""
        below = int(self.draws.searchsorted(missing))
        return (len(self.draws) - below) / len(self.draws)


NOTHING: Final = Distribution(Fraction(0), 0.0, np.zeros(DRAWS))


def wide(low: float, high: float) -> bool:
    """Return whether a range is too wide to plan by."""
    return high > _WIDE * low


def _whole(draws: Floats) -> int:
    return int(draws.astype(np.int64).sum())
