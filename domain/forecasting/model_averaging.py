"""Two models are better than one, as long as their errors say how far to trust each.

At the end of each recent month both are asked, knowing only what was known then, and set
against what came. The one that erred less weighs more; how wrong the two together still
were is how wide the forecast has to be. How much comes in all, and how it is shared out among
the sellers, are two questions, and a model may be good at one and not at the other: each has
a weight of its own. With few month ends to look at, all this is held back towards equal
weights and towards the width that the models claim themselves.

source  Bates & Granger, "The combination of forecasts" (1969): weights by inverse squared errors;
        Claeskens et al., "The forecast combination puzzle" (2016), for holding them back to equal ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_ERROR: Final = 0.10  # of a model, until it is known better, relative to what comes
_ERRORS: Final = 3.0  # month ends that this counts for
_SELLER_ERROR: Final = 0.10  # of each seller by himself
_SELLER_ERRORS: Final = 2.0
_TOGETHER: Final = 0.8  # of a model's own claim: what is left of its error in the mean of two
_WORST: Final = 0.5  # what a single error may count for, and the common error be
_FEWEST: Final = 0.5  # wins: so that nothing is divided by an expectation of none


@dataclass(frozen=True)
class Errors:
    """What month ends showed.

    weight     of the second model in how much comes, 0 to 1
    sharing    of the second model in how it is shared out among the sellers
    excess     mean squared relative error of both together, less what chance alone makes of so many wins
    effective  how many month ends that is worth: windows of several months overlap
    own        standard deviation of what each seller has of his own, relative to what he is expected to bring
    """

    weight: float
    sharing: float
    excess: float
    effective: float
    own: float

    def common(self, log_sd: float) -> float:
        """Return the standard deviation of the error that all sellers share; `log_sd`: the models' own claim."""
        claimed = (_TOGETHER * log_sd) ** 2
        variance = (self.effective * self.excess + _ERRORS * claimed) / (self.effective + _ERRORS)
        return min(_WORST, float(variance**0.5))


NOTHING_SEEN: Final = Errors(0.5, 0.5, 0.0, 0.0, _SELLER_ERROR)


def errors(first: Sequence[Floats], second: Sequence[Floats], came: Sequence[Floats], months: int) -> Errors:
    """Return what the month ends showed; each sequence has one array of shape (sellers,) for each of them.

    first, second  wins that each model expected;  came  what came
    months         the length of the windows: those that begin a month apart overlap
    """
    if not came:
        return NOTHING_SEEN
    effective = 1 + (len(came) - 1) / months
    total = np.array([max(1.0, float(each.sum())) for each in came])
    a, b = (np.array([float(each.sum()) for each in expected]) for expected in (first, second))
    of_a, of_b = (_held_back(_excess(expected, total), effective, _ERROR, _ERRORS) for expected in (a, b))
    weight = of_a / (of_a + of_b)
    together = (1 - weight) * a + weight * b
    shared = [np.array(expected) / np.maximum(each, _FEWEST)[:, None] for expected, each in ((first, a), (second, b))]
    of_a, of_b = (
        _held_back(_excess_of_shares(share, came), effective, _SELLER_ERROR, _SELLER_ERRORS) for share in shared
    )
    sharing = of_a / (of_a + of_b)
    share = (1 - sharing) * shared[0] + sharing * shared[1]
    own = _held_back(_excess_of_shares(share, came), effective, _SELLER_ERROR, _SELLER_ERRORS)
    return Errors(weight, sharing, max(0.0, _excess(together, total)), effective, min(_WORST, own**0.5))


def _excess(expected: Floats, came: Floats) -> float:
    relative = np.clip(came / np.maximum(expected, _FEWEST) - 1, -_WORST, _WORST)
    return float(np.mean(relative**2 - 1 / came))


def _excess_of_shares(share: Floats, came: Sequence[Floats]) -> float:
    """Return the mean squared relative error of the sellers' parts of what came, less what chance alone makes."""
    actual = np.array(came)
    expected = share * actual.sum(axis=1, keepdims=True)
    return float(((actual - expected) ** 2 - expected).sum()) / max(float((expected**2).sum()), _FEWEST)


def _held_back(excess: float, effective: float, prior: float, count: float) -> float:
    return (effective * max(0.0, excess) + count * prior**2) / (effective + count)
