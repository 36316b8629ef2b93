"""Tests of the share models, their weights, and the pauses after which a seller is idle."""

import numpy as np
import pytest

from domain.forecasting.daily_volume import SellerRecords
from domain.forecasting.discounted_rates import DiscountedRates
from domain.forecasting.forecast_model import EventHistory
from domain.forecasting.order_cycles import OrderCycles
from domain.forecasting.share_models import SHARE_MODELS, predict_shares, weigh_models
from domain.forecasting.window_blocks import WindowBlocks

NOW = 1000
LONG_AGO = 0


def history(*events, start=(LONG_AGO, LONG_AGO), is_expected=(True, True)):
    """Return the history of two sellers; events are pairs of day and seller."""
    days, sellers = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
    return EventHistory(days, np.ones(len(days)), sellers, LONG_AGO, NOW, np.array(start), np.array(is_expected))


def rates(model, events, window=(NOW + 1, NOW + 30), **options):
    return model.fit(history(*events, **options)).predict(*window)


def test_short_memory_follows_the_seller_who_sold_last():
    events = [(NOW - 400, 0)] * 20 + [(NOW - 10, 1)] * 20

    short, long = (rates(DiscountedRates(months), events) for months in (3.0, 36.0))

    assert short[1] / short[0] > 5 * long[1] / long[0]


def test_newcomer_is_measured_by_the_days_since_the_start():
    events = [(NOW - 30 * n, 0) for n in range(30)] + [(NOW - 5, 1)] * 5

    veteran, newcomer = rates(DiscountedRates(9.0), events, start=(LONG_AGO, NOW - 30))

    assert newcomer > 2 * veteran


def test_blocks_use_the_last_windows_of_the_same_length():
    events = [(NOW - 45, 0)] * 10 + [(NOW - 15, 1)] * 10

    one, two = (rates(WindowBlocks(count), events) for count in (1, 2))

    assert one[1] > 5 * one[0]
    assert two[0] == two[1]


def test_cycles_use_the_same_place_of_earlier_cycles():
    events = [(NOW + 10 - 91 * n, 0) for n in range(1, 5)] + [(NOW + 50 - 91 * n, 1) for n in range(1, 5)]

    first, second = (rates(OrderCycles(91), events, window) for window in ((NOW + 1, NOW + 30), (NOW + 40, NOW + 60)))

    assert first[0] > 3 * first[1]
    assert second[1] > 3 * second[0]


def test_shares_sum_to_one_and_leave_out_sellers_of_whom_nothing_is_expected():
    shares = predict_shares(history((NOW - 3, 0), (NOW - 2, 1), is_expected=(True, False)), NOW + 1, NOW + 30)

    assert shares.shape == (len(SHARE_MODELS), 2)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert not shares[:, 1].any()


def said(right, others):
    """Return the shares of all models at one month end: of the first model, and of all others."""
    return np.array([right] + [others] * (len(SHARE_MODELS) - 1))


def test_model_that_said_the_right_shares_has_most_of_the_weight():
    came = np.array([90.0, 10.0])

    weights = weigh_models([said([0.9, 0.1], [0.5, 0.5])] * 3, [came] * 3, 1)
    reverse = weigh_models([said([0.5, 0.5], [0.9, 0.1])] * 3, [came] * 3, 1)

    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.95
    assert reverse[0] < 0.05


def test_weights_hardly_move_with_little_evidence():
    before = weigh_models([], [], 1)

    after = weigh_models([said([0.6, 0.4], [0.5, 0.5])], [np.array([3.0, 2.0])], 1)

    assert np.abs(after - before).max() < 0.02


def test_seller_with_regular_pauses_is_not_idle_during_one():
    regular = [(0, 10 + 91 * n) for n in range(5)]
    steady = [(1, 10 + 7 * n) for n in range(52)]
    sellers, days = (np.array(column) for column in zip(*regular, *steady, strict=True))
    records = SellerRecords(3, sellers, days)

    idle_from = records.activity_at(374).idle_from

    assert idle_from[0] == 374 + int(1.4 * 91)
    assert idle_from[1] == 10 + 7 * 51 + 75
    assert idle_from[2] <= 374  # has no record


def test_pauses_are_those_known_on_the_day():
    records = SellerRecords(1, np.zeros(3, dtype=np.int64), np.array([10, 20, 200]))

    assert records.activity_at(100).idle_from[0] == 20 + 75
    assert records.activity_at(200).idle_from[0] == 200 + 200  # never more than 200 days
