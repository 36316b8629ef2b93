"""What a win brings in: of an open deal, and of one that does not exist yet.

An open deal says it itself, or its product's list price does; a future one is like the
wins of the past, the seller's own as far as there are enough of them. One giant win must
not promise another to everybody: no single win counts for more than a share of all.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, summed
from domain.forecasting.deal_table import DealTable
from domain.forecasting.seasonality import MONTH

TABLE: Final = 2048  # entries of each seller's table of amounts
_HALF_LIFE: Final = 9.0  # months
_OWN: Final = 20.0  # wins after which a seller's own are believed for half
_GIANT: Final = 0.1  # of all that was won: what a single win may count for
_RATIO: Final = 20.0  # wins after which a product's own ratio is


def tables(worth: Floats, age: Floats, seller: Ints, sellers: int) -> Floats:
    """Return each seller's amounts, as TABLE equally likely values in rising order; shape (sellers, TABLE).

    worth, age, seller  of the wins: what each brought in, how long ago in days, and whose it was; shape (n,)

    A win's weight halves every nine months; his own have the weight n / (n + 20), everybody's the rest.
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
    """Return the amounts with giants cut: none counts for more than max(0.1, 2 / sqrt n) of the whole."""
    most = max(_GIANT, 2 / np.sqrt(len(worth)))
    counted = weight * worth
    for _ in range(30):
        counted = np.minimum(counted, most * np.abs(counted).sum())
    return counted / weight


def of_open(past: DealTable, then: DealTable, rows: Ints, by_seller: Floats) -> tuple[Floats, Bools]:
    """Return what the open `rows` of `then` would bring in, and whether anything of their own says so; shape of `rows`.

    past       the deals to learn from: how wins compare with what was said before
    by_seller  the mean win of each seller, for deals that say nothing and have no product with wins
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
    found = np.where(price > 0, price * of_price[product], guess)  # -1 is the last: the ratio of all
    found = np.where(gross > 0, gross * of_gross[0], found)
    return np.where(np.isnan(own), found, own), ~np.isnan(own) | (gross > 0) | (price > 0)


def _ratios(past: DealTable, use: Bools, base: Floats, products: int) -> Floats:
    """Return worth / base of each product, held back towards that of all, which comes last; shape (products + 1,)."""
    total = float(past.worth[use].sum()) / float(base[use].sum()) if use.any() else 1.0
    use = use & (past.product >= 0)
    product = past.product[use]
    brought, of = (summed(product, column[use], products) for column in (past.worth, base))
    trust = _RATIO * of / np.maximum(summed(product, None, products), 1.0)
    ratios = np.divide(brought + trust * total, of + trust, out=np.full(len(of), total), where=of + trust > 0)
    return np.append(ratios[:products], total)
