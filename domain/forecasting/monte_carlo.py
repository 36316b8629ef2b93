"""Monte Carlo sampling: turns expected wins per seller into `DRAWS` draws of the won amount.

All functions work on batches of sellers and yield in between, so that no single step blocks the worker for long.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from domain.forecasting import random_variates
from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.cooperative import Steps
from domain.forecasting.random_variates import DRAWS, TABLE_ORDER, RandomStreams

_BATCH_SIZE: Final = 32  # sellers per step
_MIN_MULTIPLIER: Final = 0.05  # floor of the multiplier that all sellers share
_COMMON_STREAM, _SELLER_STREAM = 3, 4  # purposes of random numbers; `sample_wins` uses 10 and above


def error_multipliers(streams: RandomStreams, common_sd: float, seller_sd: float) -> Steps[Floats]:
    """Draw the relative forecast error of each seller, 1 on average; shape (sellers, DRAWS).

    common_sd  standard deviation of the error shared by all sellers; normal, as relative errors are measured
    seller_sd  standard deviation of each seller's own error; log-normal
    """
    z = random_variates.normal_quantiles(
        random_variates.stratified_levels(streams.common_bits(_COMMON_STREAM)[None])[0]
    )
    shared = np.maximum(1 + common_sd * z, _MIN_MULTIPLIER)
    shared /= shared.mean()
    multipliers = np.empty((len(streams.sellers), DRAWS))
    for rows in seller_batches(len(multipliers)):
        z = random_variates.normal_quantiles(
            random_variates.stratified_levels(streams.seller_bits(_SELLER_STREAM, rows))
        )
        multipliers[rows] = shared * np.exp(seller_sd * z - seller_sd**2 / 2)
        yield
    return multipliers


def sample_wins(
    expected: Floats, multipliers: Floats, tables: Floats | None, streams: RandomStreams, purpose: int
) -> Steps[Floats]:
    """Draw the total amount of each seller's wins; shape (sellers, DRAWS), whole numbers.

    expected     mean number of wins, shape (sellers,)
    multipliers  result of `error_multipliers`
    tables       equally likely amounts of a win of each seller, shape (sellers, entries); None to count the wins
    purpose      number of this use of random numbers
    """
    totals = np.zeros((len(expected), DRAWS))
    for rows in seller_batches(len(expected)):
        level = random_variates.stratified_levels(streams.seller_bits(10 * purpose, rows))
        wins = random_variates.poisson_quantiles(expected[rows, None] * multipliers[rows], level)
        if tables is None:
            totals[rows] = rescale_to_mean(wins.astype(np.float64), expected[rows])
        else:
            batch_totals = random_variates.sum_new_wins(
                wins, shuffle_tables(tables, rows), streams.seller_bits(10 * purpose + 1, rows)
            )
            totals[rows] = rescale_to_mean(batch_totals, expected[rows] * tables[rows].mean(axis=1))
        yield
    return totals


def rescale_to_mean(draws: Floats, means: Floats) -> Floats:
    """Return the draws of each row, scaled to its mean in `means`, as whole numbers; removes sampling noise."""
    drawn_means = draws.mean(axis=1)
    factor = np.where(drawn_means != 0, means / np.where(drawn_means != 0, drawn_means, 1.0), 0.0)
    return np.rint(draws * factor[:, None])


def shuffle_tables(tables: Floats, rows: Ints) -> Floats:
    """Return the amount tables of the sellers `rows`, in the fixed shuffled order."""
    return tables[rows[:, None], TABLE_ORDER]


def seller_batches(seller_count: int) -> list[Ints]:
    return [np.arange(start, min(start + _BATCH_SIZE, seller_count)) for start in range(0, seller_count, _BATCH_SIZE)]


def hash_seller_key(key: str) -> int:
    """Return the 64-bit hash of a seller's key, which seeds the seller's random numbers."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
