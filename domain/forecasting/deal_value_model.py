"""Deal value model: the amount of a win, for open deals and for deals yet to be created.

An open deal's amount is its stated one, else its product's list price, each corrected by what wins brought in before.
A future deal's amount is drawn from past wins: the seller's own as far as there are enough of them, else the
company's. One giant win must not promise another one to every seller, so the share of any single win in the total is
capped.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.deal_table import DealTable
from domain.forecasting.seasonality import MONTH

TABLE: Final = 2048  # entries of each seller's table of amounts; a power of two
_HALF_LIFE: Final = 9.0  # months after which a win counts half
_OWN: Final = 20.0  # wins at which a seller's (or a product's) own amounts have weight one half
_GIANT: Final = 0.1  # largest share of the total that a single win may have
_RATIO: Final = 20.0  # wins at which a product's own ratio has weight one half


def tables(worth: Floats, age: Floats, seller: Ints, sellers: int) -> Floats:
    """Return the distribution of each seller's amounts as equally likely values, rising; shape (sellers, TABLE_SIZE).

    worth, age, seller  amount of each win, its age in days, and the seller's index; shape (n,)
    sellers             number of sellers

    A win's weight halves every nine months. A seller's own wins have the weight n / (n + 20), with n their discounted
    number; the wins of the whole company have the rest.
    """
    if not len(worth):
        return np.zeros((sellers, TABLE))
    weight = 0.5 ** (age / MONTH / _HALF_LIFE)
    order = np.argsort(worth, kind="stable")
    worth, weight, seller = worth[order], weight[order], seller[order]
    worth = _tempered(worth, weight)
    everybody = weight / weight.sum()
    n = summed(seller, weight, sellers)
    levels = (np.arange(TABLE) + 0.5) / TABLE
    found = np.empty((sellers, TABLE))
    for one in range(sellers):
        trust = n[one] / (n[one] + _OWN)
        share = (1 - trust) * everybody
        if n[one]:
            own = seller == one
            share = share + trust * np.where(own, weight, 0.0) / n[one]
        reached = np.cumsum(share)
        found[one] = worth[np.minimum(np.searchsorted(reached, levels), len(worth) - 1)]
    return found


def _tempered(worth: Floats, weight: Floats) -> Floats:
    """Return the amounts with giants capped: no weighted amount exceeds max(0.1, 2 / sqrt n) of the weighted total.

    Capping lowers the total and with it the cap, hence the iteration.
    """
    most = max(_GIANT, 2 / np.sqrt(len(worth)))
    counted = weight * worth
    for _ in range(30):
        counted = np.minimum(counted, most * np.abs(counted).sum())
    return counted / weight


def of_open(past: DealTable, then: DealTable, rows: Ints, by_seller: Floats) -> tuple[Floats, Bools]:
    """Return the amount of each open deal if won, and whether its own fields give it; shape of `rows` both.

    past            the deals to learn from: how wins compare with the amounts and prices stated before
    deals, rows     the deals and the rows of the open ones
    mean_by_seller  mean amount of a win of each seller, for deals without an amount, a price or a product with wins
    """
    own, gross, price, product = (column[rows] for column in (then.own, then.gross, then.price, then.product))
    won = past.won & ~np.isnan(past.worth)
    products = 1 + max(int(past.product.max(initial=-1)), int(then.product.max(initial=-1)))
    of_price = _ratios(past, won & (past.price > 0), past.price, products)
    of_gross = _ratios(past, won & (past.gross > 0), past.gross, 0)
    wins = summed(past.product[won] + 1, None, products + 1)[1:]
    sums = summed(past.product[won] + 1, past.worth[won], products + 1)[1:]
    guess = by_seller[then.seller[rows]]
    if products:
        known = product >= 0
        share = np.where(known, wins[product] / (wins[product] + _OWN), 0.0)
        guess = share * (sums / np.maximum(wins, 1.0))[product] + (1 - share) * guess
    found = np.where(price > 0, price * of_price[product], guess)  # product -1 takes the last ratio: that of all
    found = np.where(gross > 0, gross * of_gross[0], found)
    return np.where(np.isnan(own), found, own), ~np.isnan(own) | (gross > 0) | (price > 0)


def _ratios(past: DealTable, use: Bools, base: Floats, products: int) -> Floats:
    """Return worth / base of each product, shrunk towards the ratio of all deals, and that ratio last.

    Shape (products + 1,). `base` holds the list prices or gross amounts, `mask` selects the wins to learn from.
    """
    total = float(past.worth[use].sum()) / float(base[use].sum()) if use.any() else 1.0
    use = use & (past.product >= 0)
    product = past.product[use]
    brought, of = (summed(product, column[use], products) for column in (past.worth, base))
    trust = _RATIO * of / np.maximum(summed(product, None, products), 1.0)
    ratios = np.divide(brought + trust * total, of + trust, out=np.full(len(of), total), where=of + trust > 0)
    return np.append(ratios[:products], total)
