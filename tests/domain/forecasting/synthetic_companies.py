"""Simulated companies with known parameters, as deal tables; the forecast is not tuned to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import DealTable, Visits, in_order, no_undo
from domain.forecasting.seasonality import first_day, month_of, months_of
from domain.primitives.calendar import Calendar, Weekday

OFFICE = Calendar("UTC", Weekday.MONDAY, frozenset(list(Weekday)[:5]), None)
START = date(2024, 1, 1).toordinal()


@dataclass(frozen=True)
class Law:
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
    a_month: float = 120.0
    growth: float = 0.0
    season: tuple[float, float, float] = (1.0, 1.0, 1.0)
    year: tuple[float, ...] = (1.0,) * 12
    stages: tuple[tuple[float, float], ...] = ((8.0, 0.7), (15.0, 0.7), (12.0, 0.6))
    spread: float = 0.7
    stuck: float = 0.0
    asked: bool = True
    listed: bool = False
    leaves: int = 0
    joins: int = 0
    history: bool = True
    direct: bool = False  # no pipeline: every deal is recorded when it is won


def world(law: Law, seed: int = 1) -> DealTable:
    """Return all deals of the company in canonical order, with closings after the last month for comparison."""
    luck = np.random.default_rng(seed)
    end = first_day(month_of(START) + law.months + 3)
    days = np.arange(START, end)
    month = months_of(days) - month_of(START)
    weekday = (days + 6) % 7
    pace = law.a_month / 30.4 * (1 + law.growth) ** month * np.array(law.year)[months_of(days) % 12]
    created = np.repeat(days, luck.poisson(pace * np.where(weekday < 5, 1.38, 0.05)))
    n = len(created)
    talent = luck.lognormal(0, 0.4, law.sellers)
    seller = _sellers(law, luck, talent, months_of(created) - month_of(START))
    product = luck.integers(0, 5, n)
    price = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])[product] * 100
    amount = np.rint(price * luck.lognormal(0, law.spread, n))
    at, going, closed, won = created.astype(float), np.ones(n, bool), np.full(n, NEVER), np.zeros(n, bool)
    visits = [(np.arange(n), np.zeros(n, int), created)]
    stuck = luck.random(n) < law.stuck
    for stage, (median, on) in enumerate(law.stages):
        at = at + luck.lognormal(np.log(median), 0.7, n)
        last = stage == len(law.stages) - 1
        rate = np.array(law.season)[months_of(np.minimum(at, end + 4000).astype(int)) % 3]
        passes = luck.random(n) < np.clip(on * (rate if last else 1), 0, 0.97)
        dies = going & stuck & (luck.random(n) < 0.5 if not last else True)
        going &= ~dies
        over = going & (~passes | (last is True))
        closed[over], won[over] = _worked(at[over]), passes[over]
        going &= passes & (not last)
        if not last:
            visits.append((np.flatnonzero(going), np.full(going.sum(), stage + 1), at[going].astype(int)))
    if law.direct:
        keep = won & (closed < NEVER)
        created, closed = np.where(keep, closed, created), closed
    row, entered, day = (np.concatenate(part) for part in zip(*visits, strict=True))
    use = np.ones(len(row), bool) if law.history else entered < 0
    nan = np.full(n, np.nan)
    table = DealTable(
        key=np.arange(n),
        word=np.arange(n),
        created=created.astype(np.int64),
        closed=closed.astype(np.int64),
        deleted=np.full(n, NEVER),
        won=won,
        seller=seller,
        product=product.astype(np.int64),
        worth=np.where(won, amount, nan),
        own=amount if law.asked else nan,
        gross=nan,
        price=price if law.listed else nan,
        sure=np.zeros(n, bool),
        due=np.full(n, NEVER),
        visits=Visits(row[use].astype(np.int64), entered[use].astype(np.int64), day[use].astype(np.int64)),
        undo=no_undo(),
    )
    return in_order(table.rows(won) if law.direct else table)


def _worked(at: np.ndarray) -> np.ndarray:
    day = at.astype(np.int64)
    weekday = (day + 6) % 7
    return day + np.where(weekday > 4, 7 - weekday, 0)


def _sellers(law: Law, luck: np.random.Generator, talent: np.ndarray, month: np.ndarray) -> np.ndarray:
    fifth = max(1, law.sellers // 5)
    found = np.zeros(len(month), dtype=np.int64)
    for each in np.unique(month):
        here = talent.copy()
        if law.leaves and each >= law.leaves:
            here[:fifth] = 0
        if law.joins and each < law.joins:
            here[-fifth:] = 0
        rows = month == each
        found[rows] = luck.choice(law.sellers, rows.sum(), p=here / here.sum())
    return found
