"""Generated companies with a pipeline and a known law, and all generated worlds by name."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import UndoLog, empty_visits
from domain.forecasting.seasonality import months_of
from tests.domain.forecasting.generated_worlds import (
    DAYS,
    END,
    IS_WORKDAY,
    MEDIAN_AMOUNT,
    SELLERS,
    World,
    company_with_giants,
    company_with_newcomers,
    company_with_old_giants,
    company_with_turnover,
    cyclic_company,
    even_company,
    growing_company,
    heavy_tailed_company,
    make_table,
    seasonal_company,
)
from tests.domain.forecasting.synthetic_companies import START


@dataclass(frozen=True)
class PipelineLaw:
    """Deals of one stage that are won or lost after a time, or die: nobody closes those.

    deals_per_month   deals created
    median_days       of the time to the closing, with a log-normal spread of 0.8
    win_rate          of the deals that are closed, by seller's talent; times `season` of the month of the closing
    dead              share of deals that die
    haircut           won amount relative to the stated one, and its spread
    """

    curve: np.ndarray
    deals_per_month: float = 150.0
    median_days: float = 30.0
    win_rate: float = 0.5
    season: tuple[float, float, float] = (1.0, 1.0, 1.0)
    dead: float = 0.0
    haircut: float = 1.0
    haircut_spread: float = 0.0
    states_amounts: bool = True
    spread: float = 0.6

    def _is_won(
        self, rng: np.random.Generator, closed: np.ndarray, seller: np.ndarray, rates: np.ndarray
    ) -> np.ndarray:
        factor = np.array(self.season)[months_of(np.minimum(closed, END + 3000).astype(np.int64)) % 3]
        return rng.random(closed.shape) < np.clip(rates[seller] * factor, 0, 0.97)

    def simulate(self, seed: int) -> World:
        rng = np.random.default_rng(seed)
        talents = rng.lognormal(0, 0.4, SELLERS)
        rates = self.win_rate * rng.uniform(0.75, 1.25, SELLERS)
        daily = self.deals_per_month / 30.44 * np.where(IS_WORKDAY, 1.38, 0.05) * self.curve
        created = np.repeat(DAYS, rng.poisson(daily))
        size = len(created)
        seller = rng.choice(SELLERS, size, p=talents / talents.sum())
        stated = np.rint(MEDIAN_AMOUNT * rng.lognormal(0, self.spread, size))
        closing = (created + rng.lognormal(np.log(self.median_days), 0.8, size)).astype(np.int64)
        is_dead = rng.random(size) < self.dead
        closed = np.where(is_dead, NEVER, closing)
        won = self._is_won(rng, closing, seller, rates) & ~is_dead
        worth = np.where(won, np.rint(stated * self.haircut * rng.lognormal(0, self.haircut_spread, size)), np.nan)
        columns = {
            "created": created,
            "closed": closed,
            "won": won,
            "seller": seller,
            "worth": worth,
            "stated_worth": np.where(np.isnan(worth), stated, worth) if self.states_amounts else np.full(size, np.nan),
            "stated_before_close": np.ones(size, bool),
        }
        changed = np.flatnonzero(won) if self.states_amounts and self.haircut != 1 else np.zeros(0, np.int64)
        undo = UndoLog(
            changed,
            closed[changed],
            np.full(len(changed), 1),
            stated[changed],
            np.full(len(changed), np.nan),
        )
        table = make_table(columns, empty_visits(), undo)

        def draw_windows(rng: np.random.Generator, origin: int, first: int, last: int, draws: int) -> np.ndarray:
            is_open = (created <= origin) & (closed > origin)
            sd, log_median = 0.8, np.log(self.median_days)
            levels = np.linspace(0, 1, 4001)[1:-1]
            times = np.exp(log_median + sd * np.array([NormalDist().inv_cdf(float(u)) for u in levels]))
            totals = np.zeros((draws, SELLERS))
            age = (origin + 1 - created[is_open]).astype(float)
            survival = 1 - np.searchsorted(times, age) / len(times)
            p_dead = self.dead / np.maximum(self.dead + (1 - self.dead) * survival, 1e-12)
            open_seller, open_amount = seller[is_open], stated[is_open]
            for draw in range(draws):
                alive = rng.random(len(age)) >= p_dead
                u = 1 - survival * rng.random(len(age))
                end = created[is_open] + times[np.minimum((u * len(times)).astype(int), len(times) - 1)]
                use = alive & (end >= first) & (end < last + 1)
                new_days = DAYS[(origin < DAYS) & (last >= DAYS)]
                new_created = np.repeat(new_days, rng.poisson(daily[new_days - START]))
                new_end = new_created + rng.lognormal(log_median, sd, len(new_created))
                new_use = (rng.random(len(new_created)) >= self.dead) & (new_end >= first) & (new_end < last + 1)
                n = int(new_use.sum())
                sellers_ = np.concatenate([open_seller[use], rng.choice(SELLERS, n, p=talents / talents.sum())])
                ends = np.concatenate([end[use], new_end[new_use]]).astype(np.int64)
                amounts = np.concatenate([open_amount[use], MEDIAN_AMOUNT * rng.lognormal(0, self.spread, n)])
                amounts = amounts * self.haircut * rng.lognormal(0, self.haircut_spread, len(amounts))
                is_won = self._is_won(rng, ends, sellers_, rates)
                totals[draw] = np.bincount(sellers_[is_won], weights=amounts[is_won], minlength=SELLERS)
            return totals

        return World(table, draw_windows)


def company_with_dead_deals(seed: int) -> World:
    return PipelineLaw(np.ones(len(DAYS)), dead=0.3).simulate(seed)


def company_with_quarters(seed: int) -> World:
    return PipelineLaw(np.ones(len(DAYS)), season=(0.7, 0.9, 1.4), dead=0.1).simulate(seed)


def growing_pipeline(seed: int) -> World:
    return PipelineLaw(2.0 ** ((DAYS - START) / 365.25), deals_per_month=100, dead=0.1).simulate(seed)


def company_with_changing_amounts(seed: int) -> World:
    return PipelineLaw(np.ones(len(DAYS)), haircut=0.7, haircut_spread=0.25, dead=0.1).simulate(seed)


WORLDS = {
    "cycles": cyclic_company,
    "one deal of 700 medians": company_with_old_giants,
    "giants each quarter": company_with_giants,
    "heavy tails": heavy_tailed_company,
    "even": even_company,
    "seasonal": seasonal_company,
    "growth": growing_company,
    "newcomers": company_with_newcomers,
    "turnover": company_with_turnover,
    "dead deals": company_with_dead_deals,
    "quarters": company_with_quarters,
    "growing pipeline": growing_pipeline,
    "changing amounts": company_with_changing_amounts,
}
