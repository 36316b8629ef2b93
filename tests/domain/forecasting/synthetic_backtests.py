"""Helpers that back-test simulated companies: company and sellers, monthly and quarterly."""

import numpy as np

from domain.forecasting.backtest import (
    MODEL_NAME,
    Horizon,
    Level,
    SellerGroup,
    completed,
    error_metrics_by_method,
    forecast_origin,
)
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import CALENDAR, START, simulate_company

FAR_FUTURE = 10**7


def seller_keys(law):
    return [f"seller {n}" for n in range(law.sellers)]


def seller_groups(law):
    company_mask = np.ones(law.sellers, dtype=bool)
    seller_masks = np.eye(law.sellers, dtype=bool)
    individual_groups = [
        SellerGroup(name, Level.SELLERS, mask) for name, mask in zip(seller_keys(law), seller_masks, strict=True)
    ]
    return [SellerGroup("company", Level.COMPANY, company_mask), *individual_groups]


def end_of(month):
    """Return the last day of the simulation's month with this index, the first being 0."""
    return last_day(month_of(START) + month)


def forecast_month_end(law, table, origin, horizons=tuple(Horizon)):
    everyone = np.ones(law.sellers, dtype=bool)
    return run_to_completion(
        forecast_origin(table, origin, CALENDAR, seller_keys(law), everyone, seller_groups(law), horizons)
    )


def backtest_company(law):
    """Return the error metrics of two simulated companies, by level, horizon and name of the method."""
    results = {}
    for seed in (1, 2):
        table = simulate_company(law, seed)
        month_indexes = range(law.months // 2, law.months, 3)
        forecasts = [result for month in month_indexes for result in forecast_month_end(law, table, end_of(month))]
        for level in (Level.COMPANY, Level.SELLERS):
            for horizon in Horizon:
                for name, metrics in error_metrics_by_method(
                    table, completed(table, forecasts, FAR_FUTURE), level, horizon
                ).items():
                    results.setdefault((level, horizon, name), []).append(metrics)
    return results


def mean_metric(results, level, horizon, metric, name=MODEL_NAME):
    return float(np.mean([getattr(metrics, metric) for metrics in results[level, horizon, name]]))
