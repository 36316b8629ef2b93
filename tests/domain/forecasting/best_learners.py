"""The best learners of generated companies: each knows the form of its company's law, and learns the numbers in it.

The oracle knows level, growth and season, which nobody can know from the 12 to 24 months that a forecast has. A learner
has only these months. It knows what they are made of, such as "a level and exponential growth, and nothing else", and
draws the numbers from their posterior. So a forecast that has to find out the form as well can hardly be better, and the
learner's distance to the oracle is what the history cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, log, sqrt
from typing import Final, Protocol

import numpy as np

from domain.forecasting.deal_table import DealTable, HistoryField, stated_at
from domain.forecasting.seasonality import first_day, last_day, month_of, months_of
from tests.domain.forecasting.generated_worlds import DAYS, IS_WORKDAY, MEDIAN_AMOUNT, SELLERS
from tests.domain.forecasting.synthetic_companies import START

DAY_WEIGHTS: Final = np.where(IS_WORKDAY, 1.38, 0.05)  # known: the days of the week are learnt within weeks
DAY_MONTHS: Final = months_of(DAYS)
RAMP_DAYS: Final = 180


class Learner(Protocol):
    """Draws what a company wins in a window, by what its deals until the origin say of its law."""

    def draw_windows(
        self, rng: np.random.Generator, deals: DealTable, origin: int, first: int, last: int, draws: int
    ) -> np.ndarray:
        """Return draws of the company's amount from day `first` to day `last`, as known at the end of `origin`.

        deals  all deals; those after the origin are not looked at
        """


@dataclass(frozen=True)
class Rates:
    """A rate of events with a level, and with exponential growth or a season within the quarter, if the law has them."""

    growth: bool = False
    season: bool = False

    def draw_means(
        self, rng: np.random.Generator, days: np.ndarray, origin: int, months: np.ndarray, draws: int, fano: float = 1.0
    ) -> np.ndarray:
        """Return draws of the expected events of each of the months; shape (draws, months).

        A log-linear regression of the monthly counts (McCullagh & Nelder, 1989), and the normal approximation of the
        posterior. `days` are those of the events until the origin, from the beginning of the first month on.
        """
        past = np.arange(month_of(START), month_of(origin) + 1)
        counts = np.array([(months_of(days) == month).sum() for month in past])
        all_months = np.append(past, months)
        columns = [np.ones(len(all_months))]
        columns += [(all_months - past[-1]) / 12.0] if self.growth else []
        columns += [all_months % 3 == place for place in (1, 2)] if self.season else []
        matrix = np.array(columns, dtype=float).T
        exposure = np.array([DAY_WEIGHTS[month == DAY_MONTHS].sum() for month in all_months])
        past_rows, rows_ahead = matrix[: len(past)], matrix[len(past) :]
        coefficients = np.zeros(len(columns))
        coefficients[0] = log(counts.sum() / exposure[: len(past)].sum())
        for _ in range(20):
            means = exposure[: len(past)] * np.exp(past_rows @ coefficients)
            information = past_rows.T @ (means[:, None] * past_rows)
            coefficients = coefficients + np.linalg.solve(information, past_rows.T @ (counts - means))
        sample = rng.multivariate_normal(coefficients, fano * np.linalg.inv(information), draws)
        return np.asarray(exposure[len(past) :] * np.exp(sample @ rows_ahead.T))


@dataclass(frozen=True)
class LogNormalAmounts:
    """Log-normal amounts, some of them giants of a size of their own (above 15 medians) if the law may have them."""

    giants: bool = False

    def sum_draws(self, rng: np.random.Generator, worth: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Return for each of the counts the sum of so many amounts, drawn as the amounts `worth` suggest."""
        logs = np.log(worth[worth > 0])
        is_giant = logs > np.median(logs) + log(15) if self.giants else np.zeros(len(logs), bool)
        giants = rng.binomial(counts, rng.beta(is_giant.sum() + 0.5, len(logs) - is_giant.sum() + 0.5, len(counts)))
        giants = giants if is_giant.any() else np.zeros_like(counts)
        return _sum_log_normals(rng, logs[~is_giant], counts - giants) + _sum_log_normals(rng, logs[is_giant], giants)


def _sum_log_normals(rng: np.random.Generator, logs: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Draw mean and variance of the logarithms from their posterior (conjugate, with a flat prior), then the sums."""
    size, draws = len(logs), len(counts)
    if not counts.sum():
        return np.zeros(draws)
    freedom = max(1, size - 1)
    variance = max(float(((logs - logs.mean()) ** 2).sum()), 0.2) / rng.chisquare(freedom, draws)
    variance = np.minimum(variance, 9.0)
    means = rng.normal(logs.mean(), np.sqrt(variance / size))
    ends = np.repeat(np.arange(draws), counts)
    amounts = np.exp(rng.normal(means[ends], np.sqrt(variance[ends])))
    return np.bincount(ends, weights=amounts, minlength=draws)


@dataclass(frozen=True)
class SalesLearner:
    """Learns a `SalesLaw` with a known Fano factor."""

    rates: Rates = Rates()
    amounts: LogNormalAmounts = LogNormalAmounts()
    fano: float = 1.0

    def draw_windows(
        self, rng: np.random.Generator, deals: DealTable, origin: int, first: int, last: int, draws: int
    ) -> np.ndarray:
        is_past = deals.closed <= origin
        months = np.arange(month_of(first), month_of(last) + 1)
        means = self.rates.draw_means(rng, deals.closed[is_past], origin, months, draws, self.fano).sum(axis=1)
        counts = np.maximum(np.rint(rng.normal(means, np.sqrt(self.fano * means))), 0).astype(np.int64)
        return self.amounts.sum_draws(rng, deals.worth[is_past], counts)


@dataclass(frozen=True)
class NewcomersLearner:
    """Learns the rate of each seller, and knows that newcomers need half a year until they reach it."""

    def draw_windows(
        self, rng: np.random.Generator, deals: DealTable, origin: int, first: int, last: int, draws: int
    ) -> np.ndarray:
        is_past = deals.closed <= origin
        exposure = np.tile(DAY_WEIGHTS, (SELLERS, 1))
        for number in range(6):
            start = first_day(month_of(START) + 6 + 3 * number)
            exposure[number] *= np.clip((DAYS - start) / RAMP_DAYS, 0, 1)
        past, ahead = (exposure[:, (a <= DAYS) & (b >= DAYS)].sum(axis=1) for a, b in ((START, origin), (first, last)))
        wins = np.bincount(deals.seller[is_past], minlength=SELLERS)
        shape, rate = 6.0, 6.0 * past.sum() / wins.sum()  # as different as talents are; a newcomer is like the others
        means = (rng.gamma(shape + wins, 1 / (rate + past), (draws, SELLERS)) * ahead).sum(axis=1)
        return LogNormalAmounts().sum_draws(rng, deals.worth[is_past], rng.poisson(means))


@dataclass(frozen=True)
class PipelineLearner:
    """Learns rate of new deals and win rate of a `PipelineLaw`, of which times, dead deals and amounts are known.

    Those are told by thousands of deals, but the rates by as many months as there are.
    """

    rates: Rates = Rates()
    season: bool = False
    dead: float = 0.1
    haircut: float = 1.0
    haircut_spread: float = 0.0
    median_days: float = 30.0
    spread: float = 0.6

    def _closed_before(self, ages: np.ndarray) -> np.ndarray:
        """Return the share of deals, other than dead ones, that are closed before each age in days."""
        z = (np.log(np.maximum(ages, 1e-9)) - log(self.median_days)) / 0.8
        return np.array([(1 + erf(value / sqrt(2))) / 2 for value in z.ravel()]).reshape(ages.shape)

    def draw_windows(
        self, rng: np.random.Generator, deals: DealTable, origin: int, first: int, last: int, draws: int
    ) -> np.ndarray:
        months = np.arange(month_of(first), month_of(last) + 1)
        edges = np.array([first, *(last_day(int(month)) + 1 for month in months)], dtype=float)
        place = months % 3 if self.season else np.zeros(len(months), np.int64)
        closed = deals.closed <= origin
        place_closed = months_of(deals.closed[closed]) % 3 if self.season else np.zeros(closed.sum(), np.int64)
        won, closings = (np.bincount(place_closed[mask], minlength=3) for mask in (deals.won[closed], slice(None)))
        win_rates = rng.beta(won + 1, closings - won + 1, (draws, 3))[:, place]
        is_open = (deals.created <= origin) & ~closed
        created = deals.created[is_open]
        before = self._closed_before(edges - created[:, None])
        survival = 1 - before[:, 0]
        is_alive = (1 - self.dead) * survival / (self.dead + (1 - self.dead) * survival)
        closing = np.diff(before, axis=1) / np.maximum(survival, 1e-12)[:, None] * is_alive[:, None]
        stated = stated_at(deals, np.full(deals.size, origin), HistoryField.STATED_WORTH)[is_open]
        days = np.arange(first, last + 1)
        new_closing = np.diff(self._closed_before(np.maximum(edges - days[:, None], 0)), axis=1) * (1 - self.dead)
        weights = DAY_WEIGHTS[days - START][:, None] * new_closing
        arrivals = self.rates.draw_means(rng, deals.created[deals.created <= origin], origin, months, draws)
        by_month = np.array([DAY_WEIGHTS[month == DAY_MONTHS].sum() for month in months])
        index = months_of(days) - months[0]
        new_wins = np.einsum("su,uk,sk->s", arrivals[:, index] / by_month[index], weights, win_rates)
        totals = np.zeros(draws)
        for draw in range(draws):
            is_won = rng.random(len(created)) < closing @ win_rates[draw]
            totals[draw] = stated[is_won] @ rng.lognormal(0, self.haircut_spread, is_won.sum())
            amounts = rng.lognormal(0, self.spread, rng.poisson(new_wins[draw]))
            totals[draw] += MEDIAN_AMOUNT * amounts.sum() * np.exp(self.haircut_spread**2 / 2)
        return totals * self.haircut


LEARNERS: Final[dict[str, Learner]] = {
    "giants each quarter": SalesLearner(amounts=LogNormalAmounts(giants=True)),
    "heavy tails": SalesLearner(),
    "even": SalesLearner(Rates(season=True), fano=0.3),
    "seasonal": SalesLearner(Rates(season=True)),
    "growth": SalesLearner(Rates(growth=True)),
    "newcomers": NewcomersLearner(),
    "dead deals": PipelineLearner(dead=0.3),
    "quarters": PipelineLearner(season=True),
    "growing pipeline": PipelineLearner(Rates(growth=True)),
    "changing amounts": PipelineLearner(haircut=0.7, haircut_spread=0.25),
}
