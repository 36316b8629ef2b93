"""Helpers that back-test simulated companies: company and sellers, monthly and quarterly."""

import numpy as np

from domain.forecasting.backtest import MODEL, Group, Horizon, Level, forecasts, over, table_of_scores
from domain.forecasting.cooperative import at_once
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import OFFICE, START, world

EVER = 10**7


def names(law):
    return [f"seller {n}" for n in range(law.sellers)]


def groups(law):
    everybody = np.ones(law.sellers, dtype=bool)
    alone = np.eye(law.sellers, dtype=bool)
    sellers = [Group(name, Level.SELLERS, each) for name, each in zip(names(law), alone, strict=True)]
    return [Group("company", Level.COMPANY, everybody), *sellers]


def end_of(month):
    """Return the last day of the simulation's month with this index, the first being 0."""
    return last_day(month_of(START) + month)


def forecast(law, table, origin):
    return at_once(forecasts(table, origin, OFFICE, names(law), np.ones(law.sellers, dtype=bool), groups(law)))


def looked_back(law):
    """Return the error metrics of two simulated companies, by level, horizon and name of the method."""
    found = {}
    for seed in (1, 2):
        table = world(law, seed)
        ends = range(law.months // 2, law.months, 3)
        made = [each for month in ends for each in forecast(law, table, end_of(month))]
        for level in (Level.COMPANY, Level.SELLERS):
            for horizon in Horizon:
                for name, scores in table_of_scores(table, over(table, made, EVER), level, horizon).items():
                    found.setdefault((level, horizon, name), []).append(scores)
    return found


def mean(found, level, horizon, what, name=MODEL):
    return float(np.mean([getattr(each, what) for each in found[level, horizon, name]]))
