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
from domain.forecasting.random_variates import DRAWS, SHUFFLED, Seeds

_AT_ONCE: Final = 32  # sellers per step
_LEAST: Final = 0.05  # floor of the multiplier that all sellers share
_COMMON, _OWN = 3, 4  # purposes of random numbers; `sample_wins` uses 10 and above


def shocks(seeds: Seeds, common: float, own: float) -> Steps[Floats]:
    """Draw the relative forecast error of each seller, 1 on average; shape (sellers, DRAWS).

    common_sd  standard deviation of the error shared by all sellers; normal, as relative errors are measured
    seller_sd  standard deviation of each seller's own error; log-normal
    """
    z = random_variates.quantile(random_variates.levels(seeds.common(_COMMON)[None])[0])
    shared = np.maximum(1 + common * z, _LEAST)
    shared /= shared.mean()
    found = np.empty((len(seeds.sellers), DRAWS))
    for rows in pieces(len(found)):
        z = random_variates.quantile(random_variates.levels(seeds.each(_OWN, rows)))
        found[rows] = shared * np.exp(own * z - own**2 / 2)
        yield
    return found


def coming(expected: Floats, shocked: Floats, tables: Floats | None, seeds: Seeds, purpose: int) -> Steps[Floats]:
    """Draw the total amount of each seller's wins; shape (sellers, DRAWS), whole numbers.

    expected     mean number of wins, shape (sellers,)
    multipliers  result of `error_multipliers`
    tables       equally likely amounts of a win of each seller, shape (sellers, entries); None to count the wins
    purpose      number of this use of random numbers
    """
    found = np.zeros((len(expected), DRAWS))
    for rows in pieces(len(expected)):
        level = random_variates.levels(seeds.each(10 * purpose, rows))
        wins = random_variates.poisson(expected[rows, None] * shocked[rows], level)
        if tables is None:
            found[rows] = to_mean(wins.astype(np.float64), expected[rows])
        else:
            drawn = random_variates.of_new(wins, shuffled(tables, rows), seeds.each(10 * purpose + 1, rows))
            found[rows] = to_mean(drawn, expected[rows] * tables[rows].mean(axis=1))
        yield
    return found


def to_mean(drawn: Floats, means: Floats) -> Floats:
    """Return the draws of each row, scaled to its mean in `means`, as whole numbers; removes sampling noise."""
    of_draws = drawn.mean(axis=1)
    factor = np.where(of_draws != 0, means / np.where(of_draws != 0, of_draws, 1.0), 0.0)
    return np.rint(drawn * factor[:, None])


def shuffled(tables: Floats, rows: Ints) -> Floats:
    """Return the amount tables of the sellers `rows`, in the fixed shuffled order."""
    return tables[rows[:, None], SHUFFLED]


def pieces(sellers: int) -> list[Ints]:
    return [np.arange(start, min(start + _AT_ONCE, sellers)) for start in range(0, sellers, _AT_ONCE)]


def word(name: str) -> int:
    """Return the 64-bit hash of a seller's key, which seeds the seller's random numbers."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
