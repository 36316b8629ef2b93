"""Tests of the deal forecast on simulated companies that the model was not tuned to, and with too little history."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.forecasting.backtest import MODEL_NAME, Horizon, Level
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_table import known_at
from domain.forecasting.forecast import Confidence, FittedModel
from domain.forecasting.seasonality import last_day, month_of
from domain.forecasting.training import ModelTrainer
from tests.domain.forecasting.synthetic_backtests import backtest_company, end_of, mean_metric, seller_keys
from tests.domain.forecasting.synthetic_companies import CALENDAR, START, CompanyLaw, simulate_company

MONTH, QUARTER = Horizon.MONTH, Horizon.QUARTER
COMPANY, SELLERS = Level.COMPANY, Level.SELLERS

LAWS = {
    "plain": CompanyLaw(),
    "seasonal": CompanyLaw(season=(0.7, 0.9, 1.4)),
    "stuck deals": CompanyLaw(stuck=0.35),
    "stuck deals, no stages": CompanyLaw(stuck=0.35, history=False),
    "growing": CompanyLaw(growth=0.05),
    "shrinking": CompanyLaw(growth=-0.04, deals_per_month=300),
    "heavy tails": CompanyLaw(spread=1.5),
    "comings and goings": CompanyLaw(leaves=16, joins=14),
    "no pipeline": CompanyLaw(direct=True, deals_per_month=250),
    "list prices": CompanyLaw(states_amounts=False, has_list_prices=True, spread=0.1),
    "long cycles": CompanyLaw(stages=((30, 0.7), (40, 0.7), (40, 0.6)), deals_per_month=200),
}


DEFAULT_LAWS = ("stuck deals",)  # the others take long together
EACH_LAW = pytest.mark.parametrize(
    "name", [name if name in DEFAULT_LAWS else pytest.param(name, marks=pytest.mark.long) for name in LAWS]
)


@pytest.fixture(scope="module")
def results():
    return BacktestResults()


class BacktestResults(dict[str, Any]):
    """The metrics of each company, computed when a test asks for them first."""

    def __missing__(self, name):
        self[name] = backtest_company(LAWS[name])
        return self[name]


@EACH_LAW
def test_forecast_beats_every_baseline_in_wis_for_sellers(results, name):
    metrics = results[name]
    for horizon in Horizon:
        model_wis = mean_metric(metrics, SELLERS, horizon, "wis")
        methods = {method for level, h, method in metrics if level is SELLERS and h is horizon} - {MODEL_NAME}
        baseline_wis = {method: mean_metric(metrics, SELLERS, horizon, "wis", method) for method in methods}
        hazard_wis = baseline_wis.pop(
            "pipeline × P(win in time)"
        )  # the model's own pipeline half, which is all that some companies need
        assert model_wis < min(baseline_wis.values()), (horizon, baseline_wis)
        assert model_wis < 1.05 * hazard_wis


@EACH_LAW
def test_interval_coverage_is_near_eighty_percent_for_sellers(results, name):
    assert 0.7 <= mean_metric(results[name], SELLERS, MONTH, "coverage") <= 0.95
    assert 0.65 <= mean_metric(results[name], SELLERS, QUARTER, "coverage") <= 0.95


@EACH_LAW
def test_forecast_bias_is_small_for_the_company(results, name):
    """With about 40 wins a month and eight month ends, chance alone moves the mean by about seven percent."""
    max_bias = 0.25 if name in ("heavy tails", "stuck deals, no stages", "shrinking") else 0.16

    assert abs(mean_metric(results[name], COMPANY, MONTH, "bias")) < max_bias
    assert abs(mean_metric(results[name], COMPANY, QUARTER, "bias")) < max_bias


def test_weighted_pipeline_is_far_off_when_deals_are_stuck(results):
    metrics = results["stuck deals"]

    model_wape, pipeline_wape = (
        mean_metric(metrics, COMPANY, MONTH, "wape", *name) for name in ((), ("pipeline × win rate",))
    )

    assert pipeline_wape > 3 * model_wape


def fit_model(table, month, law):
    day = end_of(month)
    deals = known_at(table, day)
    return FittedModel(
        ModelTrainer(deals, day, CALENDAR, np.ones(law.sellers, dtype=bool)), deals, seller_keys(law)
    ), deals


def forecast_next_month(model, deals):
    month = month_of(model.day) + 1
    seller_forecasts = run_to_completion(model.compute_window(model.day + 1, last_day(month))).forecast_sellers(deals)
    run_to_completion(seller_forecasts.draw(np.ones(len(model.seller_hashes), dtype=bool)))
    return seller_forecasts


def all_sellers(law):
    return np.ones(law.sellers, dtype=bool)


def test_win_probability_is_low_for_deals_stuck_in_a_stage():
    law = LAWS["stuck deals"]
    model, deals = fit_model(simulate_company(law), 18, law)
    seller_forecasts = forecast_next_month(model, deals)
    age = model.day - deals.created[seller_forecasts.rows]

    assert (
        seller_forecasts.win_probabilities[age > 200].mean()
        < 0.1 * seller_forecasts.win_probabilities[(age > 15) & (age < 45)].mean()
    )


def test_win_probability_rises_with_stage_at_equal_age():
    law = CompanyLaw(months=18)
    model, deals = fit_model(simulate_company(law), 16, law)
    seller_forecasts = forecast_next_month(model, deals)
    age = model.day - deals.created[seller_forecasts.rows]
    stage = np.zeros(deals.size, dtype=int)
    np.maximum.at(stage, deals.visits.row, deals.visits.stage)
    same_age = (age > 20) & (age < 45)

    first, last = (
        seller_forecasts.win_probabilities[same_age & (stage[seller_forecasts.rows] == n)].mean() for n in (0, 2)
    )

    assert last > 1.5 * first


def test_one_giant_win_hardly_changes_the_forecast():
    law = CompanyLaw()
    table = simulate_company(law)
    without_giant = forecast_next_month(*fit_model(table, 17, law)).aggregate(all_sellers(law))
    giant = np.flatnonzero(table.won & (table.closed < end_of(16)))[200]
    worth, stated_worth = table.worth.copy(), table.stated_worth.copy()
    worth[giant] = stated_worth[giant] = 700 * np.nanmedian(table.worth)

    with_giant = forecast_next_month(
        *fit_model(replace(table, worth=worth, stated_worth=stated_worth), 17, law)
    ).aggregate(all_sellers(law))

    assert with_giant.quantiles[1] == pytest.approx(without_giant.quantiles[1], rel=0.1)
    assert with_giant.quantiles[2] < 1.3 * without_giant.quantiles[2]
    assert float(with_giant.mean) < 1.25 * float(without_giant.mean)


def test_one_open_giant_raises_the_mean_but_not_the_median():
    law = CompanyLaw()
    table = simulate_company(law)
    day = end_of(17)
    giant = np.flatnonzero((table.created < day - 20) & (table.closed > day) & (table.closed < day + 90))[5]
    stated_worth = table.stated_worth.copy()
    stated_worth[giant] = 700 * np.nanmedian(table.worth)
    without_giant = forecast_next_month(*fit_model(table, 17, law))

    with_giant = forecast_next_month(*fit_model(replace(table, stated_worth=stated_worth), 17, law))

    probability = float(with_giant.win_probabilities[np.flatnonzero(with_giant.deal_keys == table.key[giant])[0]])
    assert 0 < probability < 0.9
    assert (
        with_giant.aggregate(all_sellers(law)).quantiles[1]
        < 2.5 * without_giant.aggregate(all_sellers(law)).quantiles[1]
    )
    assert float(with_giant.aggregate(all_sellers(law)).mean) > float(without_giant.aggregate(all_sellers(law)).mean)
    others = np.arange(law.sellers) != table.seller[giant]
    assert with_giant.aggregate(others).quantiles == without_giant.aggregate(others).quantiles


def test_leavers_are_expected_to_bring_nothing_and_newcomers_something():
    law = LAWS["comings and goings"]
    model, deals = fit_model(simulate_company(law), 23, law)
    seller_forecasts = forecast_next_month(model, deals)
    leaver, newcomer = 0, law.sellers - 1

    assert seller_forecasts.window.count_draws[leaver].sum() == seller_forecasts.window.new_draws[leaver].sum() == 0
    assert seller_forecasts.window.count_draws[newcomer].sum() > 0
    assert seller_forecasts.window.new_draws[newcomer].sum() > 0


@pytest.mark.parametrize(
    ("law", "month"),
    [(CompanyLaw(months=1), 0), (CompanyLaw(sellers=2, deals_per_month=4), 3)],
    ids=["three weeks", "few wins"],
)
def test_confidence_is_none_with_too_little_history(law, month):
    table = simulate_company(law)
    day = START + 21 if month == 0 else end_of(month)

    deals = known_at(table, day)
    model = FittedModel(ModelTrainer(deals, day, CALENDAR, all_sellers(law)), deals, seller_keys(law))

    assert model.confidence is Confidence.NONE


def test_confidence_is_low_for_a_young_company():
    law = CompanyLaw(months=8)

    confidence = [fit_model(simulate_company(law), month, law)[0].confidence for month in (1, 3, 7)]

    assert confidence == [Confidence.NONE, Confidence.LOW, Confidence.NORMAL]


def test_confidence_is_none_for_a_company_without_wins():
    law = CompanyLaw(months=2)
    table = simulate_company(law)
    nothing = table.select_rows(table.created < 0)
    for deals in (nothing, known_at(table.select_rows(~table.won), end_of(1))):
        model = FittedModel(ModelTrainer(deals, end_of(1), CALENDAR, all_sellers(law)), deals, seller_keys(law))
        assert model.confidence is Confidence.NONE
