"""Past goals: what a model would have said at recent month ends about goals near the last results, and what came."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from domain.forecasting.arrays import Floats, sum_by_index
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, known_at
from domain.forecasting.forecast import MIN_MONTHS, FittedModel
from domain.forecasting.goal_calibration import (
    MONTH_WEIGHT,
    GoalCalibration,
    PastGoals,
    calibrate_on_windows,
    find_plan_bases,
    list_past_goals,
)
from domain.forecasting.seasonality import DAYS_PER_MONTH, first_day, last_day, months_of
from domain.forecasting.training import window_months


def calibrate_goals(model: FittedModel, first: int, last: int) -> Steps[GoalCalibration]:
    """Calibrate the probabilities of goals in windows as long as the one from day `first` to day `last`.

    Of windows of several months few are over and those overlap, so months count too, half. What has been measured at a
    month end is kept in the model.
    """
    trainer, length = model.trainer, last - first + 1
    lengths = {length: 1.0} | ({round(DAYS_PER_MONTH): MONTH_WEIGHT} if window_months(length) > 1 else {})
    first_month = trainer.wins.first_month + MIN_MONTHS - 1  # nothing is forecast earlier
    windows = [
        (month, months, weight)
        for window_length, weight in lengths.items()
        for month, months in trainer.list_test_windows(window_length, model.day)
        if month >= first_month
    ]
    measure, sum_results = partial(_measure_goals, model), partial(_sum_results, model)
    return (yield from calibrate_on_windows(windows, model.past_goals, measure, sum_results))


def _measure_goals(model: FittedModel, month: int, months: int) -> Steps[PastGoals]:
    """Return the goals of the window of so many months after `month`, as known at its end."""
    day, first, last = last_day(month), first_day(month + 1), last_day(month + months)
    deals = _deals_at(model, day)
    yield
    past_model = FittedModel(model.trainer, deals, model.sellers, day=day)
    _ = past_model.amount_tables, past_model.open_deal_estimator
    yield
    window = yield from past_model.compute_window(first, last)
    bases = find_plan_bases(
        months_of(np.where(deals.won, deals.closed, first)) - month - 1,
        deals.seller,
        np.nan_to_num(deals.worth),
        months,
        month - model.trainer.wins.first_month + 1,
        model.seller_hashes,
    )
    yield
    forecasts = window.forecast_sellers(deals)
    yield
    yield from forecasts.draw(np.isin(np.arange(len(model.sellers)), bases.sellers))
    return list_past_goals(bases, forecasts.draws_of_sellers(bases.sellers))


def _sum_results(model: FittedModel, first: int, last: int) -> Floats:
    """Return what each seller won from day `first` to day `last`; shape (sellers,)."""
    deals = model.past_deals
    won = deals.won & (deals.closed >= first) & (deals.closed <= last)
    return sum_by_index(deals.seller[won], np.nan_to_num(deals.worth[won]), len(model.sellers))


def _deals_at(model: FittedModel, day: int) -> DealTable:
    """Return the deals as known at the end of `day`, without the amounts of those that were open.

    Such an amount may have been changed since, or with the closing, and may still be: what was measured would not hold.
    """
    deals = known_at(model.past_deals, day)
    return replace(
        deals,
        stated_worth=np.where(deals.open, np.nan, deals.stated_worth),
        gross=np.where(deals.open, np.nan, deals.gross),
    )
