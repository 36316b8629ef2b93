"""Tests of the deal value model."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.deal_value_model import of_open, tables
from tests.domain.forecasting.test_deal_table import NAN, deals

ZERO = np.zeros(1000)


def test_a_seller_with_many_wins_is_like_himself_and_one_with_none_like_everybody():
    worth = np.array([100.0] * 500 + [300.0] * 500)
    seller = np.array([0] * 500 + [1] * 500)

    first, second, third = tables(worth, ZERO, seller, 3).mean(axis=1)

    assert first == pytest.approx(100, rel=0.06)
    assert second == pytest.approx(300, rel=0.06)
    assert third == pytest.approx(200, rel=0.01)


def test_recent_wins_count_more():
    worth, age = np.array([100.0, 300.0] * 500), np.array([730.0, 0.0] * 500)

    assert tables(worth, age, np.zeros(1000, dtype=int), 1).mean() > 260


def test_no_single_win_promises_another():
    worth = np.append(np.full(999, 100.0), 1e6)

    found = tables(worth, ZERO, np.zeros(1000, dtype=int), 1)

    assert found.mean() < 120
    assert np.median(found) == 100


def test_losses_on_a_win_are_amounts_too():
    assert tables(np.array([-50.0, 150.0] * 500), ZERO, np.zeros(1000, dtype=int), 1).mean() == pytest.approx(50, abs=2)


def test_without_a_win_there_is_nothing_to_expect():
    assert tables(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int), 2).sum() == 0


def priced():
    """Return ten wins at 90 % of their list price, and open deals with an amount, with a price, and with neither."""
    rows = [(1, 2, True, NAN)] * 10 + [(3, None, False, 700.0), (3, None, False, NAN), (3, None, False, NAN)]
    table = deals(*rows)
    product = np.array([0] * 12 + [-1])
    price = np.array([1000.0] * 12 + [NAN])
    return replace(table, product=product, price=price, worth=np.where(table.won, 900.0, NAN))


def test_an_open_deal_is_worth_what_it_says_else_what_its_price_says_else_what_wins_are():
    table = priced()

    found, said = of_open(table, table, np.flatnonzero(table.open), np.array([555.0]))

    assert found.tolist() == pytest.approx([700, 900, 555])
    assert said.tolist() == [True, True, False]


def test_a_product_without_a_price_is_worth_what_it_has_brought_in():
    table = replace(priced(), price=np.full(13, NAN))

    found, said = of_open(table, table, np.flatnonzero(table.open)[1:2], np.array([555.0]))

    assert 555 < found[0] < 900
    assert not said[0]


def test_a_profit_is_the_usual_share_of_the_amount_where_the_cost_is_unknown():
    table = replace(priced(), gross=np.array([1800.0] * 12 + [400.0]), own=np.full(13, NAN))

    found, _ = of_open(table, table, np.flatnonzero(table.open), np.array([555.0]))

    assert found.tolist() == pytest.approx([900, 900, 200])
