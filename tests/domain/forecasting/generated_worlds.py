"""Generated companies with a known law, each on ground of its own kind, and the oracle that knows the law.

A world is a table of deals and a function that draws what a window of days brings, given the law and what can be seen
at the origin. The oracle's error is what chance alone makes, and no forecast can be better on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import erf, sqrt

import numpy as np

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import (
    DealTable,
    StageVisits,
    UndoLog,
    empty_undo_log,
    empty_visits,
    sort_canonically,
)
from domain.forecasting.seasonality import first_day, month_of, months_of
from tests.domain.forecasting.synthetic_companies import START

MONTHS = 24
SELLERS = 12
END = first_day(month_of(START) + MONTHS + 3)  # the windows of the last origin end before it
DAYS = np.arange(START, END)
IS_WORKDAY = (DAYS + 6) % 7 < 5
MEDIAN_AMOUNT = 100_000.0


@dataclass(frozen=True)
class World:
    """A generated company.

    table         all deals, and those of the three months after the last origin
    draw_windows  draws of the amount that each seller wins in a window, by the law and by what is known at the origin:
                  (rng, origin, first day, last day, number of draws) -> shape (draws, sellers)
    """

    table: DealTable
    draw_windows: Callable[[np.random.Generator, int, int, int, int], np.ndarray]
    sellers: int = SELLERS


def make_table(columns: dict[str, np.ndarray], visits: StageVisits, undo: UndoLog) -> DealTable:
    size = len(columns["created"])
    nan, never = np.full(size, np.nan), np.full(size, NEVER)
    empty = {
        "key": np.arange(size),
        "stable_hash": np.arange(size),
        "deleted": never,
        "product": np.full(size, -1),
        "stated_worth": nan,
        "gross": nan,
        "price": nan,
        "stated_before_close": np.zeros(size, bool),
        "expected_close": never,
    }
    return sort_canonically(DealTable(**(empty | columns), visits=visits, undo=undo))


def make_sales_table(day: np.ndarray, seller: np.ndarray, amount: np.ndarray) -> DealTable:
    """Return the table of deals that are recorded when they are won."""
    day = day.astype(np.int64)
    columns = {
        "created": day,
        "closed": day,
        "won": np.ones(len(day), bool),
        "seller": seller.astype(np.int64),
        "worth": np.rint(amount),
    }
    return make_table(columns, empty_visits(), empty_undo_log())


@dataclass(frozen=True)
class SalesLaw:
    """Sales without a pipeline: a rate of each seller and day, and a distribution of amounts.

    rates    expected wins, shape (sellers, days)
    fano     variance of a day's wins relative to their mean: 1 for Poisson, below for a more even business
    spread   standard deviation of the logarithm of amounts
    giants   probability that a win is a giant;  giant_size  its median in multiples of the usual one
    """

    rates: np.ndarray
    fano: float = 1.0
    spread: float = 0.5
    giants: float = 0.0
    giant_size: float = 1.0

    def draw_counts(self, rng: np.random.Generator, means: np.ndarray) -> np.ndarray:
        if self.fano == 1:
            return rng.poisson(means)
        trials = means / (1 - self.fano)  # a binomial number of them has the Fano factor
        whole = np.floor(trials) + (rng.random(means.shape) < trials % 1)
        return rng.binomial(whole.astype(np.int64), 1 - self.fano)

    def draw_amounts(self, rng: np.random.Generator, count: int) -> np.ndarray:
        amounts = MEDIAN_AMOUNT * rng.lognormal(0, self.spread, count)
        giants = MEDIAN_AMOUNT * self.giant_size * rng.lognormal(0, 0.5, count)
        return np.where(rng.random(count) < self.giants, giants, amounts)

    def draw_windows(self, rng: np.random.Generator, origin: int, first: int, last: int, draws: int) -> np.ndarray:
        means = self.rates[:, first - START : last - START + 1].sum(axis=1)
        counts = self.draw_counts(rng, np.broadcast_to(means, (draws, len(means))))
        ends = np.repeat(np.arange(counts.size), counts.ravel())
        amounts = self.draw_amounts(rng, int(counts.sum()))
        return np.bincount(ends, weights=amounts, minlength=counts.size).reshape(counts.shape)

    def simulate(self, seed: int) -> World:
        """Draw the wins month by month: the counts of a month are as even as those of a window."""
        rng = np.random.default_rng(seed)
        month = months_of(DAYS) - month_of(START)
        days, sellers = [], []
        for m in range(month[-1] + 1):
            rates = self.rates[:, month == m]
            counts = self.draw_counts(rng, rates.sum(axis=1))
            for seller, count in enumerate(counts):
                total = rates[seller].sum()
                if count and total > 0:
                    days.append(rng.choice(DAYS[month == m], count, p=rates[seller] / total))
                    sellers.append(np.full(count, seller))
        day = np.concatenate(days)
        return World(
            make_sales_table(day, np.concatenate(sellers), self.draw_amounts(rng, len(day))),
            self.draw_windows,
            len(self.rates),
        )


def _rates(seed: int, per_month: float, curve: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the rates of sellers of different strength; `curve` is the company's factor on each day."""
    talents = np.random.default_rng(1000 + seed).lognormal(0, 0.4, SELLERS)
    daily = per_month / 30.44 * np.where(IS_WORKDAY, 1.38, 0.05) * curve
    return talents[:, None] / talents.sum() * daily


def even_company(seed: int) -> World:
    """A seasonal company whose wins are more even than chance."""
    season = np.array([0.8, 0.9, 1.3])[months_of(DAYS) % 3]
    return SalesLaw(_rates(seed, 150, season), fano=0.3, spread=0.3).simulate(seed)


def seasonal_company(seed: int) -> World:
    return SalesLaw(_rates(seed, 100, np.array([0.8, 0.9, 1.3])[months_of(DAYS) % 3])).simulate(seed)


def growing_company(seed: int) -> World:
    """A company that doubles in a year."""
    return SalesLaw(_rates(seed, 70, 2.0 ** ((DAYS - START) / 365.25))).simulate(seed)


def company_with_newcomers(seed: int) -> World:
    """A company where every three months a seller begins, and needs half a year to become as good as the others."""
    rates = _rates(seed, 120)
    for number in range(6):
        start = first_day(month_of(START) + 6 + 3 * number) - START
        rates[number] *= np.clip((np.arange(len(DAYS)) - start) / 180, 0, 1)
    return SalesLaw(rates).simulate(seed)


def company_with_turnover(seed: int) -> World:
    """A company where every three months a seller leaves, and another begins three weeks before and needs five months."""
    rates = _rates(seed, 120)
    day = np.arange(len(DAYS))
    for number in range(6):
        start = first_day(month_of(START) + 6 + 3 * number) - START
        rates[number] *= np.clip((day - start) / 150, 0, 1)
        rates[SELLERS - 1 - number] *= day < start + 20
    return SalesLaw(rates).simulate(seed)


def company_with_old_giants(seed: int) -> World:
    """A company that won three giants in its first year, one 700 times the median; there are none in its law."""
    law = SalesLaw(_rates(seed, 60), spread=0.8)
    world = law.simulate(seed)
    rng = np.random.default_rng(seed)
    worth = world.table.worth.copy()
    rows = rng.choice(np.flatnonzero(world.table.closed < START + 330), 3, replace=False)
    worth[rows] = MEDIAN_AMOUNT * np.array([700, 150, 100])
    return World(_with_worth(world.table, worth), world.draw_windows)


def company_with_giants(seed: int) -> World:
    """A company that wins a giant about once a quarter."""
    return SalesLaw(_rates(seed, 60), spread=0.8, giants=1 / 180, giant_size=50).simulate(seed)


def heavy_tailed_company(seed: int) -> World:
    return SalesLaw(_rates(seed, 60), spread=1.7).simulate(seed)


def _with_worth(table: DealTable, worth: np.ndarray) -> DealTable:
    return replace(table, worth=worth)


@dataclass(frozen=True)
class CyclicLaw:
    """Customers who order every three months, each seller's in a phase of his own; customers come and go.

    churn    probability that a customer does not order again
    """

    customers: float = 12.0
    cycle: float = 91.3
    jitter: float = 3.0
    churn: float = 0.15
    spread: float = 0.4

    def simulate(self, seed: int) -> World:
        rng = np.random.default_rng(seed)
        size = rng.lognormal(np.log(self.customers), 0.4, SELLERS)
        phase = rng.uniform(0, self.cycle, SELLERS)
        days, sellers, customers = [], [], []
        number = 0
        for seller in range(SELLERS):
            pool, start = size[seller], START + phase[seller]
            while start < END:
                # the inflow of customers is lumpy: some quarters bring many
                inflow = pool * self.churn * rng.gamma(0.5, 2.0)
                begins = rng.poisson(pool if start < START + self.cycle else inflow)
                for _ in range(begins):
                    day, number = start, number + 1
                    while day < END:
                        days.append(day + rng.normal(0, self.jitter))
                        sellers.append(seller)
                        customers.append(number)
                        day += self.cycle
                        if rng.random() < self.churn:
                            break
                start += self.cycle
        day = np.clip(np.rint(days), START, END - 1).astype(np.int64)
        amount = MEDIAN_AMOUNT * rng.lognormal(0, self.spread, len(day))
        sellers_, customers_ = np.array(sellers), np.array(customers)

        def draw_windows(rng: np.random.Generator, origin: int, first: int, last: int, draws: int) -> np.ndarray:
            totals = np.zeros((draws, SELLERS))
            for seller in range(SELLERS):
                orders = np.zeros(draws, np.int64)
                # the wave of the next months: the customers of the last one who stay, and the inflow
                last_wave = np.floor((origin + 2 * self.jitter - START - phase[seller]) / self.cycle)
                in_wave = (
                    np.abs(day[sellers_ == seller] - (START + phase[seller] + last_wave * self.cycle)) < self.cycle / 2
                ) & (day[sellers_ == seller] <= origin)
                known = len(set(customers_[sellers_ == seller][in_wave]))
                wave, alive = last_wave, np.full(draws, known)
                if START + phase[seller] + last_wave * self.cycle > origin:  # a wave that is coming in just now
                    before = (
                        np.abs(day[sellers_ == seller] - (START + phase[seller] + (last_wave - 1) * self.cycle))
                        < self.cycle / 2
                    )
                    alive = np.full(draws, len(set(customers_[sellers_ == seller][before])))
                    wave -= 1
                while True:
                    wave += 1
                    center = START + phase[seller] + wave * self.cycle
                    if center - 3 * self.jitter > last:
                        break
                    inflow = size[seller] * self.churn * rng.gamma(0.5, 2.0, draws)
                    alive = rng.binomial(alive, 1 - self.churn) + rng.poisson(inflow)
                    p = _normal_cdf((last + 0.5 - center) / self.jitter) - _normal_cdf(
                        (first - 0.5 - center) / self.jitter
                    )
                    orders += rng.binomial(alive, np.clip(p, 0, 1))
                ends = np.repeat(np.arange(draws), orders)
                amounts = MEDIAN_AMOUNT * rng.lognormal(0, self.spread, len(ends))
                totals[:, seller] = np.bincount(ends, weights=amounts, minlength=draws)
            return totals

        return World(make_sales_table(day, sellers_, amount), draw_windows)


def _normal_cdf(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


def cyclic_company(seed: int) -> World:
    return CyclicLaw().simulate(seed)
