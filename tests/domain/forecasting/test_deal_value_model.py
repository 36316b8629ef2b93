"""Tests of the deal value model."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.deal_value_model import AmountTables, OpenDealEstimator
from tests.domain.forecasting.test_deal_table import NAN, make_deals

ZERO = np.zeros(1000)


def amount_table(worth, age=ZERO):
    """Return the amounts of the only seller of a company with these 1000 wins."""
    return AmountTables(worth, age, np.zeros(1000, dtype=int), 1).of_sellers(np.array([0]))


def test_amount_table_uses_own_wins_or_company_wins_without_own():
    worth = np.array([100.0] * 500 + [300.0] * 500)
    seller = np.array([0] * 500 + [1] * 500)

    first, second, third = AmountTables(worth, ZERO, seller, 3).means_of(np.arange(3))

    assert first == pytest.approx(100, rel=0.06)
    assert second == pytest.approx(300, rel=0.06)
    assert third == pytest.approx(200, rel=0.01)


def test_amount_table_weights_recent_wins_more():
    worth, age = np.array([100.0, 300.0] * 500), np.array([730.0, 0.0] * 500)

    assert amount_table(worth, age).mean() > 260


def test_amount_table_caps_a_giant_win():
    worth = np.append(np.full(999, 100.0), 1e6)

    amounts = amount_table(worth)

    assert amounts.mean() < 120
    assert np.median(amounts) == 100


def test_amount_table_supports_negative_amounts():
    assert amount_table(np.array([-50.0, 150.0] * 500)).mean() == pytest.approx(50, abs=2)


def test_amount_table_is_zero_without_wins():
    assert AmountTables(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int), 2).of_sellers(np.arange(2)).sum() == 0


def priced_deals():
    """Return ten wins at 90 % of their list price, and open deals with an amount, with a price, and with neither."""
    rows = [(1, 2, True, NAN)] * 10 + [(3, None, False, 700.0), (3, None, False, NAN), (3, None, False, NAN)]
    table = make_deals(*rows)
    product = np.array([0] * 12 + [-1])
    price = np.array([1000.0] * 12 + [NAN])
    return replace(table, product=product, price=price, worth=np.where(table.won, 900.0, NAN))


def test_open_deal_value_is_stated_amount_else_price_else_mean_win():
    table = priced_deals()

    amounts, is_stated = OpenDealEstimator(table, table.visits).estimate(
        table, np.flatnonzero(table.open), np.array([555.0])
    )

    assert amounts.tolist() == pytest.approx([700, 900, 555])
    assert is_stated.tolist() == [True, True, False]


def test_open_deal_value_uses_product_mean_without_price():
    table = replace(priced_deals(), price=np.full(13, NAN))

    amounts, is_stated = OpenDealEstimator(table, table.visits).estimate(
        table, np.flatnonzero(table.open)[1:2], np.array([555.0])
    )

    assert 555 < amounts[0] < 900
    assert not is_stated[0]


def test_open_deal_profit_is_usual_share_of_amount_without_cost():
    table = replace(priced_deals(), gross=np.array([1800.0] * 12 + [400.0]), stated_worth=np.full(13, NAN))

    amounts, _ = OpenDealEstimator(table, table.visits).estimate(table, np.flatnonzero(table.open), np.array([555.0]))

    assert amounts.tolist() == pytest.approx([900, 900, 200])


@pytest.mark.filterwarnings("error")
def test_open_deal_counts_nothing_for_a_metric_of_which_all_wins_were_zero():
    deals = priced_deals()
    deals = replace(deals, worth=np.where(deals.won, 0.0, NAN), gross=np.full(deals.size, 700.0))

    values, _ = OpenDealEstimator(deals, deals.visits).estimate(deals, np.array([11, 12]), np.zeros(2))

    assert values.tolist() == [0.0, 0.0]
