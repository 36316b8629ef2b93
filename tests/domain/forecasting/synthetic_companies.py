"""Simulated companies with known parameters, as deal tables; the forecast is not tuned to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import DealTable, StageVisits, empty_undo_log, sort_canonically
from domain.forecasting.seasonality import first_day, month_of, months_of
from domain.primitives.calendar import Calendar, Weekday

CALENDAR = Calendar("UTC", Weekday.MONDAY, frozenset(list(Weekday)[:5]), None)
START = date(2024, 1, 1).toordinal()


@dataclass(frozen=True)
class CompanyLaw:
    """Parameters of a simulated company.

    deals_per_month     deals created per month at the start;  growth  relative growth of that per month
    season              factors of the win rate by position of the month in the quarter
    year                factors of created deals by calendar month
    stages              for each: median days in it, and the share that goes on (for the last: that is won)
    spread              standard deviation of the logarithm of amounts
    stuck               share of deals that may stop for ever
    states_amounts      whether open deals state their amount
    has_list_prices     whether products have list prices
    leaves, joins       months after which a fifth of the sellers leave, or join; 0 for never
    """

    months: int = 24
    sellers: int = 12
    deals_per_month: float = 120.0
    growth: float = 0.0
    season: tuple[float, float, float] = (1.0, 1.0, 1.0)
    year: tuple[float, ...] = (1.0,) * 12
    stages: tuple[tuple[float, float], ...] = ((8.0, 0.7), (15.0, 0.7), (12.0, 0.6))
    spread: float = 0.7
    stuck: float = 0.0
    states_amounts: bool = True
    has_list_prices: bool = False
    leaves: int = 0
    joins: int = 0
    history: bool = True
    direct: bool = False  # no pipeline: every deal is recorded when it is won


def simulate_company(law: CompanyLaw, seed: int = 1) -> DealTable:
    """Return all deals of the company in canonical order, with closings after the last month for comparison."""
    rng = np.random.default_rng(seed)
    end = first_day(month_of(START) + law.months + 3)
    days = np.arange(START, end)
    month = months_of(days) - month_of(START)
    weekday = (days + 6) % 7
    daily_rate = law.deals_per_month / 30.4 * (1 + law.growth) ** month * np.array(law.year)[months_of(days) % 12]
    created = np.repeat(days, rng.poisson(daily_rate * np.where(weekday < 5, 1.38, 0.05)))
    n = len(created)
    talents = rng.lognormal(0, 0.4, law.sellers)
    seller = _assign_sellers(law, rng, talents, months_of(created) - month_of(START))
    product = rng.integers(0, 5, n)
    price = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])[product] * 100
    amount = np.rint(price * rng.lognormal(0, law.spread, n))
    stage_entry, is_going, closed, won = created.astype(float), np.ones(n, bool), np.full(n, NEVER), np.zeros(n, bool)
    visits = [(np.arange(n), np.zeros(n, int), created)]
    is_stuck = rng.random(n) < law.stuck
    for stage, (median, share_passing) in enumerate(law.stages):
        stage_entry = stage_entry + rng.lognormal(np.log(median), 0.7, n)
        is_last = stage == len(law.stages) - 1
        season_factor = np.array(law.season)[months_of(np.minimum(stage_entry, end + 4000).astype(int)) % 3]
        passes = rng.random(n) < np.clip(share_passing * (season_factor if is_last else 1), 0, 0.97)
        is_dead = is_going & is_stuck & (rng.random(n) < 0.5 if not is_last else True)
        is_going &= ~is_dead
        is_over = is_going & (~passes | (is_last is True))
        closed[is_over], won[is_over] = _to_working_day(stage_entry[is_over]), passes[is_over]
        is_going &= passes & (not is_last)
        if not is_last:
            visits.append(
                (np.flatnonzero(is_going), np.full(is_going.sum(), stage + 1), stage_entry[is_going].astype(int))
            )
    if law.direct:
        is_recorded = won & (closed < NEVER)
        created, closed = np.where(is_recorded, closed, created), closed
    row, stages, day = (np.concatenate(part) for part in zip(*visits, strict=True))
    use = np.ones(len(row), bool) if law.history else stages < 0
    nan = np.full(n, np.nan)
    table = DealTable(
        key=np.arange(n),
        stable_hash=np.arange(n),
        created=created.astype(np.int64),
        closed=closed.astype(np.int64),
        deleted=np.full(n, NEVER),
        won=won,
        seller=seller,
        product=product.astype(np.int64),
        worth=np.where(won, amount, nan),
        stated_worth=amount if law.states_amounts else nan,
        gross=nan,
        price=price if law.has_list_prices else nan,
        stated_before_close=np.zeros(n, bool),
        expected_close=np.full(n, NEVER),
        visits=StageVisits(row[use].astype(np.int64), stages[use].astype(np.int64), day[use].astype(np.int64)),
        undo=empty_undo_log(),
    )
    return sort_canonically(table.select_rows(won) if law.direct else table)


def _to_working_day(days: np.ndarray) -> np.ndarray:
    whole_day = days.astype(np.int64)
    weekday = (whole_day + 6) % 7
    return whole_day + np.where(weekday > 4, 7 - weekday, 0)


def _assign_sellers(law: CompanyLaw, rng: np.random.Generator, talents: np.ndarray, month: np.ndarray) -> np.ndarray:
    fifth = max(1, law.sellers // 5)
    sellers = np.zeros(len(month), dtype=np.int64)
    for current_month in np.unique(month):
        current_talents = talents.copy()
        if law.leaves and current_month >= law.leaves:
            current_talents[:fifth] = 0
        if law.joins and current_month < law.joins:
            current_talents[-fifth:] = 0
        in_month = month == current_month
        sellers[in_month] = rng.choice(law.sellers, in_month.sum(), p=current_talents / current_talents.sum())
    return sellers
