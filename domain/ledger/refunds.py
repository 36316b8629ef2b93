"""Refunds: what each takes back of the value and the profit of a win."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise


def split_by_refunds(total: int, amount: int, refunds: Sequence[int]) -> list[int]:
    """Return what each refund takes back of a total, in proportion to the amount that is given back.

    total    value or profit of the win, in the smallest unit of the company's currency; a loss is negative
    amount   of the deal, above zero, in the smallest unit of its own currency
    refunds  amounts given back, in order; together at most `amount`

    Each share is the difference of two rounded sums (half to even), so the shares of a full refund add up to the total.
    """
    sums = accumulate(refunds, initial=0)
    rounded = [round(Fraction(total * refunded, amount)) for refunded in sums]
    return [after - before for before, after in pairwise(rounded)]
