"""From what is expected of each seller to a thousand draws of what he brings in."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from domain.forecasting import random_variates
from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.cooperative import Steps
from domain.forecasting.random_variates import DRAWS, SHUFFLED, Seeds

_AT_ONCE: Final = 32  # sellers, drawn together: no step takes long
_LEAST: Final = 0.05  # of what is expected, that the error all sellers share leaves
_COMMON, _OWN = 3, 4  # purposes of random numbers; those of what comes are 10 and more


def shocks(seeds: Seeds, common: float, own: float) -> Steps[Floats]:
    """Work out what the errors do to each draw of each seller, 1 on average; shape (sellers, DRAWS).

    common  standard deviation of what all have in common: normal, as relative errors are counted
    own     the same of what is each one's own: log-normal
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
    """Work out what the wins bring in that are expected of each seller; shape (sellers, DRAWS), whole numbers.

    expected  how many wins, on average; shape (sellers,);  shocked  what `shocks` gives
    tables    of each seller, equally likely amounts of a win, shape (sellers, entries); None to count the wins
    purpose   tells one use of random numbers from another
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
    """Return the draws with the expected means, as whole numbers: what was drawn of the rare is evened out."""
    of_draws = drawn.mean(axis=1)
    factor = np.where(of_draws != 0, means / np.where(of_draws != 0, of_draws, 1.0), 0.0)
    return np.rint(drawn * factor[:, None])


def shuffled(tables: Floats, rows: Ints) -> Floats:
    """Return the amounts of some sellers, in an order without meaning."""
    return tables[rows[:, None], SHUFFLED]


def pieces(sellers: int) -> list[Ints]:
    return [np.arange(start, min(start + _AT_ONCE, sellers)) for start in range(0, sellers, _AT_ONCE)]


def word(name: str) -> int:
    """Return the number that a seller's random numbers begin with."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
