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


class AmountTables:
    """The distribution of each seller's amounts as equally likely values; computed for a seller on first use.

    worth, age, seller  amount of each win, its age in days, and the seller's index; shape (n,)
    seller_count        number of sellers

    A win's weight halves every nine months. A seller's own wins have the weight n / (n + 20), with n their discounted
    number; the wins of the whole company have the rest.
    """

    def __init__(self, worth: Floats, age: Floats, seller: Ints, seller_count: int) -> None:
        weight = 0.5 ** (age / DAYS_PER_MONTH / _HALF_LIFE_MONTHS)
        order = np.argsort(worth, kind="stable")
        self._weight = weight[order]
        self._worth = _cap_giants(worth[order], self._weight) if len(worth) else worth
        self._company_weights = self._weight / self._weight.sum()
        sorted_sellers = seller[order]
        self._discounted_wins = sum_by_index(sorted_sellers, self._weight, seller_count)
        self._wins_by_seller = np.argsort(sorted_sellers, kind="stable")
        self._first_wins = np.searchsorted(sorted_sellers[self._wins_by_seller], np.arange(seller_count + 1))
        self._tables = np.zeros((seller_count, TABLE_SIZE))
        self._means = np.zeros(seller_count)
        self._is_computed = np.zeros(seller_count, dtype=np.bool_)
        if not len(worth):
            self._is_computed[:] = True

    def of_sellers(self, rows: Ints) -> Floats:
        """Return the amounts of a win of each of the sellers `rows`, in rising order; shape (rows, TABLE_SIZE)."""
        self._compute(rows)
        return self._tables[rows]

    def means_of(self, rows: Ints) -> Floats:
        """Return the mean amount of a win of each of the sellers `rows`; shape (rows,)."""
        self._compute(rows)
        return self._means[rows]

    def _compute(self, rows: Ints) -> None:
        missing = rows[~self._is_computed[rows]]
        quantile_levels = (np.arange(TABLE_SIZE) + 0.5) / TABLE_SIZE
        for index in missing.tolist():
            own_wins = self._wins_by_seller[self._first_wins[index] : self._first_wins[index + 1]]
            discounted_wins = self._discounted_wins[index]
            trust = discounted_wins / (discounted_wins + _PRIOR_WINS)
            weights = (1 - trust) * self._company_weights
            weights[own_wins] += trust * self._weight[own_wins] / discounted_wins
            cumulative = np.cumsum(weights)
            self._tables[index] = self._worth[
                np.minimum(np.searchsorted(cumulative, quantile_levels), len(self._worth) - 1)
            ]
        self._means[missing] = self._tables[missing].mean(axis=1)
        self._is_computed[missing] = True


def _cap_giants(worth: Floats, weight: Floats) -> Floats:
    """Return the amounts with giants capped: no weighted amount exceeds max(0.1, 2 / sqrt n) of the weighted total.

    Capping lowers the total and with it the cap, hence the iteration.
    """
    max_share = max(_MAX_SINGLE_SHARE, 2 / np.sqrt(len(worth)))
    weighted = weight * worth
    for _ in range(30):
        weighted = np.minimum(weighted, max_share * np.abs(weighted).sum())
    return weighted / weight


class OpenDealEstimator:
    """Estimates the amounts of open deals from how past wins compare with the amounts and prices stated before.

    past  the deals to learn from
    """

    def __init__(self, past: DealTable) -> None:
        won = past.won & ~np.isnan(past.worth)
        self._product_count = 1 + int(past.product.max(initial=-1))
        self._price_ratios = _value_ratios(past, won & (past.price > 0), past.price, self._product_count)
        self._gross_ratio = _value_ratios(past, won & (past.gross > 0), past.gross, 0)[0]
        wins = sum_by_index(past.product[won] + 1, None, self._product_count + 1)[1:]
        sums = sum_by_index(past.product[won] + 1, past.worth[won], self._product_count + 1)[1:]
        self._product_means = np.append(sums / np.maximum(wins, 1.0), 0.0)
        self._product_trust = np.append(wins / (wins + _PRIOR_WINS), 0.0)

    def estimate(self, deals: DealTable, rows: Ints, seller_means: Floats) -> tuple[Floats, Bools]:
        """Return the amount of each open deal if won, and whether its own fields give it; shape of `rows` both.

        deals, rows   the deals and the rows of the open ones
        seller_means  mean amount of a win of each deal's seller, for deals without an amount, a price or a product
                      with wins; shape of `rows`
        """
        stated, gross, list_price, product = (
            column[rows] for column in (deals.stated_worth, deals.gross, deals.price, deals.product)
        )
        product = np.where(
            product < self._product_count, product, -1
        )  # -1, for none and new ones, takes the last ratio
        trust = self._product_trust[product]
        fallback = trust * self._product_means[product] + (1 - trust) * seller_means
        estimate = np.where(list_price > 0, list_price * self._price_ratios[product], fallback)
        estimate = np.where(gross > 0, gross * self._gross_ratio, estimate)
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
