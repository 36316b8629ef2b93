"""Deal value model: the amount of a win, for open deals and for deals yet to be created.

An open deal's amount is its stated one, else its product's list price, each corrected by what wins brought in before.
A future deal's amount is drawn from past wins: the seller's own as far as there are enough of them, else the
company's. One giant win must not promise another one to every seller, so the share of any single win in the total is
capped.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.forecasting.deal_table import DealTable
from domain.forecasting.seasonality import DAYS_PER_MONTH

TABLE_SIZE: Final = 2048  # entries of each seller's table of amounts; a power of two
_HALF_LIFE_MONTHS: Final = 9.0  # months after which a win counts half
_PRIOR_WINS: Final = 20.0  # wins at which a seller's (or a product's) own amounts have weight one half
_MAX_SINGLE_SHARE: Final = 0.1  # largest share of the total that a single win may have
_RATIO_PRIOR_WINS: Final = 20.0  # wins at which a product's own ratio has weight one half


def build_amount_tables(worth: Floats, age: Floats, seller: Ints, seller_count: int) -> Floats:
    """Return the distribution of each seller's amounts as equally likely values, rising; shape (sellers, TABLE_SIZE).

    worth, age, seller  amount of each win, its age in days, and the seller's index; shape (n,)
    sellers             number of sellers

    A win's weight halves every nine months. A seller's own wins have the weight n / (n + 20), with n their discounted
    number; the wins of the whole company have the rest.
    """
    if not len(worth):
        return np.zeros((seller_count, TABLE_SIZE))
    weight = 0.5 ** (age / DAYS_PER_MONTH / _HALF_LIFE_MONTHS)
    order = np.argsort(worth, kind="stable")
    worth, weight, seller = worth[order], weight[order], seller[order]
    worth = _cap_giants(worth, weight)
    company_weights = weight / weight.sum()
    discounted_wins = sum_by_index(seller, weight, seller_count)
    quantile_levels = (np.arange(TABLE_SIZE) + 0.5) / TABLE_SIZE
    amounts = np.empty((seller_count, TABLE_SIZE))
    for index in range(seller_count):
        trust = discounted_wins[index] / (discounted_wins[index] + _PRIOR_WINS)
        weights = (1 - trust) * company_weights
        if discounted_wins[index]:
            is_own = seller == index
            weights = weights + trust * np.where(is_own, weight, 0.0) / discounted_wins[index]
        cumulative = np.cumsum(weights)
        amounts[index] = worth[np.minimum(np.searchsorted(cumulative, quantile_levels), len(worth) - 1)]
    return amounts


def _cap_giants(worth: Floats, weight: Floats) -> Floats:
    """Return the amounts with giants capped: no weighted amount exceeds max(0.1, 2 / sqrt n) of the weighted total.

    Capping lowers the total and with it the cap, hence the iteration.
    """
    max_share = max(_MAX_SINGLE_SHARE, 2 / np.sqrt(len(worth)))
    weighted = weight * worth
    for _ in range(30):
        weighted = np.minimum(weighted, max_share * np.abs(weighted).sum())
    return weighted / weight


def estimate_open_deals(past: DealTable, deals: DealTable, rows: Ints, mean_by_seller: Floats) -> tuple[Floats, Bools]:
    """Return the amount of each open deal if won, and whether its own fields give it; shape of `rows` both.

    past            the deals to learn from: how wins compare with the amounts and prices stated before
    deals, rows     the deals and the rows of the open ones
    mean_by_seller  mean amount of a win of each seller, for deals without an amount, a price or a product with wins
    """
    stated, gross, list_price, product = (
        column[rows] for column in (deals.stated_worth, deals.gross, deals.price, deals.product)
    )
    won = past.won & ~np.isnan(past.worth)
    product_count = 1 + max(int(past.product.max(initial=-1)), int(deals.product.max(initial=-1)))
    price_ratios = _value_ratios(past, won & (past.price > 0), past.price, product_count)
    gross_ratios = _value_ratios(past, won & (past.gross > 0), past.gross, 0)
    wins = sum_by_index(past.product[won] + 1, None, product_count + 1)[1:]
    sums = sum_by_index(past.product[won] + 1, past.worth[won], product_count + 1)[1:]
    fallback = mean_by_seller[deals.seller[rows]]
    if product_count:
        has_product = product >= 0
        trust = np.where(has_product, wins[product] / (wins[product] + _PRIOR_WINS), 0.0)
        fallback = trust * (sums / np.maximum(wins, 1.0))[product] + (1 - trust) * fallback
    estimate = np.where(
        list_price > 0, list_price * price_ratios[product], fallback
    )  # product -1 takes the last ratio: that of all
    estimate = np.where(gross > 0, gross * gross_ratios[0], estimate)
    return np.where(np.isnan(stated), estimate, stated), ~np.isnan(stated) | (gross > 0) | (list_price > 0)


def _value_ratios(past: DealTable, mask: Bools, base: Floats, product_count: int) -> Floats:
    """Return worth / base of each product, shrunk towards the ratio of all deals, and that ratio last.

    Shape (products + 1,). `base` holds the list prices or gross amounts, `mask` selects the wins to learn from.
    """
    overall = float(past.worth[mask].sum()) / float(base[mask].sum()) if mask.any() else 1.0
    mask = mask & (past.product >= 0)
    product = past.product[mask]
    worth_sums, base_sums = (sum_by_index(product, column[mask], product_count) for column in (past.worth, base))
    prior = _RATIO_PRIOR_WINS * base_sums / np.maximum(sum_by_index(product, None, product_count), 1.0)
    ratios = np.divide(
        worth_sums + prior * overall,
        base_sums + prior,
        out=np.full(len(base_sums), overall),
        where=base_sums + prior > 0,
    )
    return np.append(ratios[:product_count], overall)
