"""Deal value model: the amount of a win, for open deals and for deals yet to be created.

An open deal's amount is its stated one, else its product's list price, each corrected by what wins brought in before.
A future deal's amount is drawn from past wins: the seller's own as far as there are enough of them, else the
company's. One giant win must not promise another one to every seller, so the share of any single win in the total is
capped.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.forecasting import amount_tail
from domain.forecasting.arrays import NEVER, Bools, Floats, Ints, sum_by_index
from domain.forecasting.deal_table import DealTable, HistoryField, StageVisits, stages_at, stated_at
from domain.forecasting.seasonality import DAYS_PER_MONTH, first_day, months_of

TABLE_SIZE: Final = 2048  # entries of each seller's table of amounts; a power of two
_HALF_LIFE_MONTHS: Final = 9.0  # months after which a win counts half
_PRIOR_WINS: Final = 20.0  # wins at which a seller's (or a product's) own amounts have weight one half
_MAX_MEAN_ERROR: Final = 0.3  # cap of the relative standard error of a seller's mean amount
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
        self._worth = _cap_giants(amount_tail.smooth_tail(worth[order]), self._weight) if len(worth) else worth
        self._company_weights = self._weight / self._weight.sum()
        mean = float(self._company_weights @ self._worth)
        variance = float(self._company_weights @ (self._worth - mean) ** 2)
        self._relative_variance = variance / mean**2 if mean else 0.0
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

    def mean_errors_of(self, rows: Ints) -> Floats:
        """Return the relative standard error of the mean amount of each of the sellers `rows`; shape (rows,).

        The posterior's, of a mean that is shrunk towards the company's like the tables: variance / (n + 20).
        """
        variance = self._relative_variance / (self._discounted_wins[rows] + _PRIOR_WINS)
        return np.minimum(np.sqrt(variance), _MAX_MEAN_ERROR)

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
        capped = np.minimum(weighted, max_share * np.abs(weighted).sum())
        if np.array_equal(capped, weighted):
            break
        weighted = capped
    return weighted / weight


class OpenDealEstimator:
    """Estimates the amounts of open deals from how past wins compare with the amounts and prices stated before.

    past    the deals to learn from
    visits  their stage entries, which `past` need not have

    An amount that was stated while a deal was open changes at the closing. The ratio of won to stated amount is learnt
    from wins of which the amount of the last month end before the closing is known, by stage at that time and by seller.
    """

    def __init__(self, past: DealTable, visits: StageVisits) -> None:
        won = past.won & ~np.isnan(past.worth)
        landmark = np.maximum(past.created, _month_ends_before(past.closed))
        stated, gross = (stated_at(past, landmark, f) for f in (HistoryField.STATED_WORTH, HistoryField.GROSS))
        stage = stages_at(visits, landmark)
        is_known = won & past.stated_before_close
        self._stated_ratios = _ClosingRatios(past, is_known & (stated > 0), stated, stage)
        self._gross_ratios = _ClosingRatios(past, won & (gross > 0), np.where(is_known, gross, past.gross), stage)
        self._product_count = 1 + int(past.product.max(initial=-1))
        self._price_ratios = _value_ratios(past, won & (past.price > 0), past.price, self._product_count)
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
        seller = deals.seller[rows]
        stage = stages_at(deals.visits, np.full(deals.size, NEVER))[rows]
        estimate = np.where(gross > 0, gross * self._gross_ratios.of(stage, seller), estimate)
        stated_estimate = stated * self._stated_ratios.of(stage, seller)
        return np.where(np.isnan(stated), estimate, stated_estimate), ~np.isnan(stated) | (gross > 0) | (list_price > 0)


class _ClosingRatios:
    """Ratios of won to stated amount, by stage and by seller, each shrunk towards the ratio of all wins.

    mask    the wins to learn from;  stated  their stated amounts;  stage  their stages then, -1 if unknown
    """

    def __init__(self, past: DealTable, mask: Bools, stated: Floats, stage: Ints) -> None:
        worth, base = past.worth[mask], stated[mask]
        self._overall = float(worth.sum()) / float(base.sum()) if mask.any() else 1.0
        self._stages = self._ratios(stage[mask] + 1, worth, base * self._overall)
        by_stage = base * self._overall * self._stages[stage[mask] + 1]
        self._sellers = self._ratios(past.seller[mask], worth, by_stage)

    @staticmethod
    def _ratios(index: Ints, worth: Floats, expected: Floats) -> Floats:
        """Return worth / expected of each index, shrunk towards 1, and 1 last for all that were not seen."""
        size = 1 + int(index.max(initial=-1))
        mean = float(expected.mean()) if len(expected) else 1.0
        prior = _RATIO_PRIOR_WINS * mean
        if not prior:  # no win counts for the metric, such as repeat sales of a company that has had none
            return np.ones(size + 1)
        ratios = (sum_by_index(index, worth, size) + prior) / (sum_by_index(index, expected, size) + prior)
        return np.append(ratios, 1.0)

    def of(self, stage: Ints, seller: Ints) -> Floats:
        """Return the ratio of each deal in a stage, -1 if unknown, of a seller; shape of both."""
        of_stage = self._stages[np.minimum(stage + 1, len(self._stages) - 1)]
        return self._overall * of_stage * self._sellers[np.minimum(seller, len(self._sellers) - 1)]


def _month_ends_before(days: Ints) -> Ints:
    """Return the last day of the month before that of each day; NEVER has none, and gets day 0."""
    is_day = days != NEVER
    unique_months, index = np.unique(months_of(np.where(is_day, days, 1)), return_inverse=True)
    ends = np.array([first_day(int(month)) - 1 for month in unique_months], dtype=np.int64)
    return np.where(is_day, ends[index], 0)


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
