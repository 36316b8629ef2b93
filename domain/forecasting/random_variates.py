"""Drawing futures: for each seller and each of a thousand draws, what his wins bring in.

Every random number is a hash of what it is for (the question, the seller, the draw), not
the next one of a stream. So the same question has the same answer, and a change of one
seller's deals leaves everybody else's draws as they were. Draws are whole numbers of the
smallest unit: teams and company are sums of the same draws, equal to the last cent.

source  Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (2014), for the hash;
        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), for counters instead of streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, Words, summed
from domain.forecasting.deal_value_model import TABLE

DRAWS: Final = 1000
_STEPS: Final = np.array([step for step in range(1, DRAWS) if step % 2 and step % 5], dtype=np.int64)  # prime to DRAWS
_NUMBERS: Final[Words] = np.arange(DRAWS, dtype=np.uint64)
SHUFFLED: Final = np.random.Generator(np.random.PCG64(20)).permutation(TABLE)  # an order without meaning


def mixed(words: Words) -> Words:
    """Return 64 well mixed bits for each word: the finalizer of SplitMix64."""
    z = words + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(words: Words) -> Floats:
    """Return a number strictly between 0 and 1 for each word."""
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)


@dataclass(frozen=True)
class Seeds:
    """Where randomness comes from: the question, and each seller; shape (sellers,)."""

    question: int
    sellers: Words

    def common(self, purpose: int) -> Words:
        """Return a word for each draw, the same for all sellers; shape (DRAWS,)."""
        root = mixed(np.array([self.question * 1_000_003 + purpose], dtype=np.uint64))
        return mixed(root + _NUMBERS)

    def each(self, purpose: int, rows: Ints) -> Words:
        """Return a word for each of these sellers and each draw; shape (rows, DRAWS)."""
        root = mixed(self.sellers[rows] ^ mixed(np.array([self.question * 1_000_003 + purpose], dtype=np.uint64)))
        return mixed(root[:, None] + _NUMBERS)


def levels(words: Words) -> Floats:
    """Return for each row the same DRAWS evenly spread numbers between 0 and 1, each row in an order of its own."""
    order = np.argsort(words, axis=-1)
    ranks = np.empty(words.shape, dtype=np.float64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(DRAWS) + 0.5, words.shape), axis=-1)
    return ranks / DRAWS


def poisson(means: Floats, level: Floats) -> Ints:
    """Return the Poisson quantiles at the levels; both of the same shape.

    By inversion up to a mean of 30; beyond, the rounded quantile of a normal with a correction for the skew
    (Cornish & Fisher, 1937), which is exact enough there.
    """
    found = np.zeros(means.shape, dtype=np.int64)
    small = means < 30
    mean, u = means[small], level[small]
    term = np.exp(-mean)
    reached, k = term.copy(), np.zeros(len(mean), dtype=np.int64)
    n = 0
    going = u > reached
    while going.any() and n < 120:
        n += 1
        term = term * mean / n
        reached = reached + term
        k[going] = n
        going = u > reached
    found[small] = k
    big, z = means[~small], quantile(level[~small])
    found[~small] = np.maximum(0, np.rint(big + np.sqrt(big) * z + (z * z - 1) / 6)).astype(np.int64)
    return found


def quantile(level: Floats) -> Floats:
    """Return the standard normal quantile, to about 1e-9 (Acklam's rational approximation)."""
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
    middle = np.polyval(a, r) * q / np.polyval((*b, 1.0), r)
    tail = np.sqrt(-2 * np.log(np.minimum(p, 1 - p)))
    outer = np.polyval(c, tail) / np.polyval((*d, 1.0), tail)
    return np.where(np.abs(q) <= 0.47575, middle, np.where(q < 0, outer, -outer))


def of_new(counts: Ints, tables: Floats, words: Words) -> Floats:
    """Return what so many wins bring in, their amounts taken from each seller's table; shape of `counts` (rows, DRAWS).

    tables  (rows, entries of a power of two), in an order without meaning
    words   a word for each sum: it decides where in the table it begins and by which step it goes on
    """
    entries = tables.shape[1]
    flat = counts.ravel()
    many = int(flat.sum())
    if not many:
        return np.zeros(counts.shape)
    ends = np.cumsum(flat)
    which = np.repeat(np.arange(len(flat)), flat)
    number = np.arange(many) - (ends - flat)[which]
    start = (words & np.uint64(entries - 1)).astype(np.int64).ravel()
    step = (((words >> np.uint64(32)) & np.uint64(entries - 1)) | np.uint64(1)).astype(np.int64).ravel()
    at = (start[which] + number * step[which]) & (entries - 1)
    amounts = tables.ravel()[(which // counts.shape[1]) * entries + at]
    return summed(which, amounts, len(flat)).reshape(counts.shape)


@dataclass(frozen=True)
class Opened:
    """Open deals; shape (n,) each.

    row      of the answer: whose it is
    chances  its probability to be won;  amounts  what it would bring in
    vague    whether that is only a guess from other wins, and so as spread as they are
    words    a word for each deal that is its own for ever
    """

    row: Ints
    chances: Floats
    amounts: Floats
    vague: Bools
    words: Words

    def of(self, rows: Ints) -> Opened:
        """Return the deals of consecutive rows, counted from the first of them."""
        use = (self.row >= rows[0]) & (self.row <= rows[-1])
        return Opened(self.row[use] - rows[0], self.chances[use], self.amounts[use], self.vague[use], self.words[use])


def of_open(deals: Opened, tables: Floats) -> Floats:
    """Return what open deals bring in; shape (rows, DRAWS).

    tables  what wins bring in, of each row, in an order without meaning; shape (rows, entries of a power of two)

    Each deal is won in as near DRAWS × p of the draws as whole numbers allow, spread by a step prime to
    their number: its own probability is exact, and any two deals are as good as independent.
    """
    often = np.floor(deals.chances * DRAWS + uniform(mixed(deals.words))).astype(np.int64)
    start = (deals.words % np.uint64(DRAWS)).astype(np.int64)
    step = _STEPS[((deals.words >> np.uint64(20)) % np.uint64(len(_STEPS))).astype(np.int64)]
    which = np.repeat(np.arange(len(often)), often)
    number = np.arange(len(which)) - (np.cumsum(often) - often)[which]
    draw = ((start[which] + number * step[which]) % DRAWS).astype(np.int64)
    row, amounts = deals.row[which], deals.amounts[which]
    guessed = deals.vague[which]
    if guessed.any():
        at = mixed(deals.words[which[guessed]] + number[guessed].astype(np.uint64)) & np.uint64(tables.shape[1] - 1)
        mine = tables[row[guessed], at.astype(np.int64)]
        amounts[guessed] *= mine / np.maximum(tables.mean(axis=1), 1e-9)[row[guessed]]
    return summed(row * DRAWS + draw, amounts, len(tables) * DRAWS).reshape(-1, DRAWS)
