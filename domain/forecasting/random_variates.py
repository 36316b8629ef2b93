"""Seeded random variates and quantiles for the Monte Carlo draws.

Every random number is a hash of what it is used for (window, purpose, seller, draw) and not the next number of a
generator. The same forecast therefore gives the same numbers, and a change of one seller's deals leaves the draws of
all other sellers unchanged. Draws are whole numbers of the smallest unit, and the draws of teams and of the company
are sums of the sellers' draws, equal to the last cent.

Source: Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (2014), for the hash; Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3" (2011), for counters in place of generator state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, UInts, sum_by_index
from domain.forecasting.deal_value_model import TABLE_SIZE

DRAWS: Final = 1000
_COPRIME_STEPS: Final = np.array(
    [step for step in range(1, DRAWS) if step % 2 and step % 5], dtype=np.int64
)  # DRAWS = 2³ 5³
_EVEN_LEVELS: Final = (np.arange(DRAWS) + 0.5) / DRAWS
_DRAW_INDEXES: Final[UInts] = np.arange(DRAWS, dtype=np.uint64)
TABLE_ORDER: Final = np.random.Generator(np.random.PCG64(20)).permutation(
    TABLE_SIZE
)  # fixed shuffle of the amount tables


def mix_bits(bits: UInts) -> UInts:
    """Return 64 well mixed bits for each 64-bit word: the finalizer of SplitMix64."""
    z = bits + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def to_uniform(bits: UInts) -> Floats:
    """Return a number strictly between 0 and 1 for each 64-bit word."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)


@dataclass(frozen=True)
class RandomStreams:
    """Source of random bits: a key of the window and the hash of each seller, shape (sellers,).

    `purpose` numbers keep the uses of random numbers within one window independent.
    """

    window_key: int
    sellers: UInts

    def common_bits(self, purpose: int) -> UInts:
        """Return 64 bits for each draw, shared by all sellers; shape (DRAWS,)."""
        root = mix_bits(np.array([self.window_key * 1_000_003 + purpose], dtype=np.uint64))
        return mix_bits(root + _DRAW_INDEXES)

    def seller_bits(self, purpose: int, rows: Ints) -> UInts:
        """Return 64 bits for each of the sellers `rows` and each draw; shape (rows, DRAWS)."""
        root = mix_bits(
            self.sellers[rows] ^ mix_bits(np.array([self.window_key * 1_000_003 + purpose], dtype=np.uint64))
        )
        return mix_bits(root[:, None] + _DRAW_INDEXES)


def stratified_levels(bits: UInts) -> Floats:
    """Return for each row the same DRAWS evenly spaced numbers between 0 and 1, in a random order of its own.

    Stratified in place of independent levels: the mean of the draws is nearly free of sampling noise.
    """
    return _EVEN_LEVELS[_ranks(bits)]


def stratified_normals(bits: UInts) -> Floats:
    """Return the standard normal quantiles of `stratified_levels`."""
    return _normal_quantiles_of_even_levels()[_ranks(bits)]


def rank_levels(scores: Floats) -> Floats:
    """Return for each row the evenly spaced numbers between 0 and 1 in the order of the scores."""
    return _EVEN_LEVELS[_ranks(scores)]


def _ranks(values: UInts | Floats) -> Ints:
    ranks = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(ranks, np.argsort(values, axis=-1), np.broadcast_to(np.arange(DRAWS), values.shape), axis=-1)
    return ranks


@cache
def _normal_quantiles_of_even_levels() -> Floats:
    return normal_quantiles(_EVEN_LEVELS)


def poisson_quantiles(means: Floats, level: Floats) -> Ints:
    """Return the Poisson quantiles at the levels; both of the same shape.

    By inversion below a mean of 30. Above, by the rounded normal quantile with the skewness correction of
    Cornish & Fisher (1937), which is accurate enough there.
    """
    result = np.zeros(means.shape, dtype=np.int64)
    is_small = means < 30
    mean, u = means[is_small], level[is_small]
    term = np.exp(-mean)
    cumulative, counts = term.copy(), np.zeros(len(mean), dtype=np.int64)
    count = 0
    unfinished = u > cumulative
    while unfinished.any() and count < 120:
        count += 1
        term = term * mean / count
        cumulative = cumulative + term
        counts[unfinished] = count
        unfinished = u > cumulative
    result[is_small] = counts
    large_means, z = means[~is_small], normal_quantiles(level[~is_small])
    result[~is_small] = np.maximum(0, np.rint(large_means + np.sqrt(large_means) * z + (z * z - 1) / 6)).astype(
        np.int64
    )
    return result


def normal_quantiles(level: Floats) -> Floats:
    """Return the standard normal quantiles at the levels, to about 1e-9 (Acklam's rational approximation)."""
    a = (
        -3.969683028665376e01,
        2.209460984245205e02,
        -2.759285104469687e02,
        1.383577518672690e02,
        -3.066479806614716e01,
        2.506628277459239e00,
    )
    b = (
        -5.447609879822406e01,
        1.615858368580409e02,
        -1.556989798598866e02,
        6.680131188771972e01,
        -1.328068155288572e01,
    )
    c = (
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e00,
        -2.549732539343734e00,
        4.374664141464968e00,
        2.938163982698783e00,
    )
    d = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00)
    p = np.asarray(level)
    q = p - 0.5
    r = q * q
    central = np.polyval(a, r) * q / np.polyval((*b, 1.0), r)
    tail = np.sqrt(-2 * np.log(np.minimum(p, 1 - p)))
    outer = np.polyval(c, tail) / np.polyval((*d, 1.0), tail)
    return np.where(np.abs(q) <= 0.47575, central, np.where(q < 0, outer, -outer))


def sum_new_wins(counts: Ints, tables: Floats, bits: UInts) -> Floats:
    """Return the total amount of `counts` wins, with amounts taken from each seller's table; shape (rows, DRAWS).

    tables  shuffled amounts, shape (rows, entries); the number of entries is a power of two
    bits    64 random bits for each sum, shape of `counts`

    A sum takes every `step`-th entry from `start` on, both decided by its bits. An odd step visits all entries of a
    table of 2^k before one is repeated, so no random number per win is needed.
    """
    table_size = tables.shape[1]
    flat_counts = counts.ravel()
    total = int(flat_counts.sum())
    if not total:
        return np.zeros(counts.shape)
    ends = np.cumsum(flat_counts)
    sum_index = np.repeat(np.arange(len(flat_counts)), flat_counts)
    occurrence = np.arange(total) - (ends - flat_counts)[sum_index]
    start = (bits & np.uint64(table_size - 1)).astype(np.int64).ravel()
    step = (((bits >> np.uint64(32)) & np.uint64(table_size - 1)) | np.uint64(1)).astype(np.int64).ravel()
    position = (start[sum_index] + occurrence * step[sum_index]) & (table_size - 1)
    amounts = tables.ravel()[(sum_index // counts.shape[1]) * table_size + position]
    return sum_by_index(sum_index, amounts, len(flat_counts)).reshape(counts.shape)


@dataclass(frozen=True)
class OpenDeals:
    """Open deals; shape (n,) each.

    row               row of the result: the seller's index
    probabilities     win probability
    amounts           amount if won
    amount_is_guess   whether the amount is estimated from other wins, and so varies as much as they do
    hashes            permanent random bits of each deal
    """

    row: Ints
    probabilities: Floats
    amounts: Floats
    amount_is_guess: Bools
    hashes: UInts

    def select(self, mask: Bools, row_indexes: Ints) -> OpenDeals:
        """Return the selected deals, with their rows replaced by `row_indexes`, which is indexed by row."""
        return OpenDeals(
            row_indexes[self.row[mask]],
            self.probabilities[mask],
            self.amounts[mask],
            self.amount_is_guess[mask],
            self.hashes[mask],
        )


def sum_open_deals(deals: OpenDeals, tables: Floats) -> Floats:
    """Return the amount won from open deals; shape (rows, DRAWS).

    tables  shuffled amounts of wins of each row, shape (rows, entries); the number of entries is a power of two

    Each deal is won in as close to DRAWS × p draws as whole numbers allow, placed by a step coprime to DRAWS. So its
    probability is exact (up to 1 / DRAWS), any two deals are practically independent, and the cost is proportional to
    the number of wins and not to deals × DRAWS.
    """
    win_counts = np.floor(deals.probabilities * DRAWS + to_uniform(mix_bits(deals.hashes))).astype(np.int64)
    start = (deals.hashes % np.uint64(DRAWS)).astype(np.int64)
    step = _COPRIME_STEPS[((deals.hashes >> np.uint64(20)) % np.uint64(len(_COPRIME_STEPS))).astype(np.int64)]
    deal_index = np.repeat(np.arange(len(win_counts)), win_counts)
    occurrence = np.arange(len(deal_index)) - (np.cumsum(win_counts) - win_counts)[deal_index]
    draw = ((start[deal_index] + occurrence * step[deal_index]) % DRAWS).astype(np.int64)
    row, amounts = deals.row[deal_index], deals.amounts[deal_index]
    is_guess = deals.amount_is_guess[deal_index]
    if is_guess.any():
        position = mix_bits(deals.hashes[deal_index[is_guess]] + occurrence[is_guess].astype(np.uint64)) & np.uint64(
            tables.shape[1] - 1
        )
        sampled = tables[row[is_guess], position.astype(np.int64)]
        amounts[is_guess] *= sampled / np.maximum(tables.mean(axis=1), 1e-9)[row[is_guess]]
    return sum_by_index(row * DRAWS + draw, amounts, len(tables) * DRAWS).reshape(-1, DRAWS)
