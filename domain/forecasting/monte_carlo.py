"""Monte Carlo sampling: turns expected wins per seller into `DRAWS` draws of the won amount.

All functions work on some of the sellers, since most requests need few of them. The draws of a seller do not depend on
which others are drawn with them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from domain.forecasting import random_variates
from domain.forecasting.arrays import Floats, Ints, UInts
from domain.forecasting.cooperative import Steps
from domain.forecasting.random_variates import DRAWS, TABLE_ORDER, RandomStreams

BATCH_SIZE: Final = 16  # sellers per step: more would block the worker for long
_MAX_EVENNESS: Final = 0.9  # of a total, above which its parts count as independent
_MIN_MULTIPLIER: Final = 0.05  # floor of the multiplier that all sellers share
_COMMON_STREAM, _SELLER_STREAM, _AMOUNT_STREAM = 3, 4, 5  # purposes of random numbers; `sample_wins` uses 10 and above


def common_multipliers(streams: RandomStreams, common_sd: float) -> Floats:
    """Draw the relative forecast error that all sellers share, 1 on average; shape (DRAWS,).

    common_sd  its standard deviation; normal, as relative errors are measured
    """
    z = random_variates.stratified_normals(streams.common_bits(_COMMON_STREAM)[None])[0]
    multipliers = np.maximum(1 + common_sd * z, _MIN_MULTIPLIER)
    return np.asarray(multipliers / multipliers.mean())


def error_multipliers(streams: RandomStreams, common: Floats, seller_sd: float, rows: Ints) -> Floats:
    """Draw the relative forecast error of each of the sellers `rows`, 1 on average; shape (rows, DRAWS).

    common     result of `common_multipliers`
    seller_sd  standard deviation of each seller's own error; log-normal
    """
    z = random_variates.stratified_normals(streams.seller_bits(_SELLER_STREAM, rows))
    return np.asarray(common * np.exp(seller_sd * z - seller_sd**2 / 2))


def amount_multipliers(streams: RandomStreams, mean_errors: Floats, rows: Ints) -> Floats:
    """Draw the relative error of the mean amount of each of the sellers `rows`, 1 on average; shape (rows, DRAWS).

    mean_errors  their standard deviations, shape (rows,); log-normal
    """
    z = random_variates.stratified_normals(streams.seller_bits(_AMOUNT_STREAM, rows))
    sd = mean_errors[:, None]
    return np.asarray(np.exp(sd * z - sd**2 / 2))


@dataclass(frozen=True)
class EvenTotal:
    """The chance of a total that is more even than its parts, since it is planned or what there is to sell is limited.

    The normal scores z of the sellers become z - f w T, with their weights w in the total and its score T = sum w z. So
    the total has 1 - f of its standard deviation, and hardly any seller another one.

    part     f, 0 to 1;  weights  w, of shape (sellers,), the squares of which sum to 1
    scores   T by purpose, shape (DRAWS,) each
    """

    part: float
    weights: Floats
    scores: Mapping[int, Floats]

    def levels(self, bits: UInts, purpose: int, rows: Ints) -> Floats:
        """Return the levels of the sellers `rows`, of which `bits` are the random bits; shape (rows, DRAWS)."""
        shared = self.part * self.weights[rows][:, None] * self.scores[purpose]
        return random_variates.rank_levels(random_variates.stratified_normals(bits) - shared)


def compute_even_total(
    streams: RandomStreams, expected: Floats, evenness: float, purposes: Sequence[int]
) -> Steps[EvenTotal | None]:
    """Compute the chance of the total for each purpose of `sample_wins`; None if it is that of independent sellers.

    expected  mean number of wins, shape (sellers,);  evenness  variance of the total relative to that of its parts
    """
    total = float(expected.sum())
    if evenness > _MAX_EVENNESS or total <= 0:
        return None
    weights = np.sqrt(expected / total)
    scores = {purpose: np.zeros(DRAWS) for purpose in purposes}
    for purpose in purposes:
        for rows in seller_batches(len(expected)):
            normals = random_variates.stratified_normals(streams.seller_bits(10 * purpose, rows))
            scores[purpose] += weights[rows] @ normals
            yield
    return EvenTotal(1 - math.sqrt(evenness), weights, scores)


def sample_wins(
    expected: Floats,
    multipliers: Floats,
    tables: Floats | None,
    streams: RandomStreams,
    purpose: int,
    rows: Ints,
    dispersion: float = 1.0,
    amount_factors: Floats | None = None,
    even_total: EvenTotal | None = None,
) -> Floats:
    """Draw the total amount of the wins of each of the sellers `rows`; shape (rows, DRAWS), whole numbers.

    expected        mean number of wins, shape (rows,)
    multipliers     result of `error_multipliers`
    tables          equally likely amounts of a win, shape (rows, entries); None to count the wins
    purpose         number of this use of random numbers
    dispersion      variance of the number of wins relative to its mean, at most 1
    amount_factors  result of `amount_multipliers`, with `tables`
    even_total      result of `compute_even_total`
    """
    bits = streams.seller_bits(10 * purpose, rows)
    means = expected[:, None] * multipliers
    levels = random_variates.stratified_levels(bits) if even_total is None else even_total.levels(bits, purpose, rows)
    wins = random_variates.poisson_quantiles(means, levels)
    if dispersion < 1:
        wins = _contract(wins, means, dispersion, random_variates.to_uniform(random_variates.mix_bits(bits)))
    if tables is None:
        return rescale_to_mean(wins.astype(np.float64), expected)
    totals = random_variates.sum_new_wins(wins, shuffle_tables(tables), streams.seller_bits(10 * purpose + 1, rows))
    if amount_factors is not None:
        totals = totals * amount_factors
    return rescale_to_mean(totals, expected * tables.mean(axis=1))


def _contract(wins: Ints, means: Floats, dispersion: float, uniform: Floats) -> Ints:
    """Return the numbers of wins moved towards their means, so that their variance is the part `dispersion` of it.

    uniform  numbers from 0 to 1 that decide the rounding, which so changes no mean
    """
    contracted: Ints = np.floor(means + np.sqrt(dispersion) * (wins - means) + uniform).astype(np.int64)
    return contracted


def rescale_to_mean(draws: Floats, means: Floats) -> Floats:
    """Return the draws of each row, scaled to its mean in `means`, as whole numbers; removes sampling noise."""
    drawn_means = draws.mean(axis=1)
    factor = np.where(drawn_means != 0, means / np.where(drawn_means != 0, drawn_means, 1.0), 0.0)
    return np.rint(draws * factor[:, None])


def shuffle_tables(tables: Floats) -> Floats:
    """Return the amount tables in the fixed shuffled order."""
    return tables[:, TABLE_ORDER]


def seller_batches(seller_count: int) -> list[Ints]:
    return [np.arange(start, min(start + BATCH_SIZE, seller_count)) for start in range(0, seller_count, BATCH_SIZE)]


@lru_cache(maxsize=1 << 16)
def hash_seller_key(key: str) -> int:
    """Return the 64-bit hash of a seller's key, which seeds the seller's random numbers; cached."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
