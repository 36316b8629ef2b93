"""Weighted averaging of two models by their past errors.

At recent month ends both models forecast the window after it, knowing only what was known then. The model with the
smaller errors has the larger weight, and the remaining error of the combination gives the width of the forecast. The
total and its distribution over the sellers have separate weights, since a model may be good at one and bad at the
other. With few month ends everything is shrunk towards equal weights, and towards the width that the models claim.

Source: Bates & Granger, "The combination of forecasts" (1969), for weights by inverse squared errors; Claeskens et
al., "The forecast combination puzzle" (2016), for shrinking them to equal weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_ERROR: Final = 0.10  # prior of a model's relative error
_ERRORS: Final = 3.0  # month ends that this prior counts for
_SELLER_ERROR: Final = 0.10  # prior of a single seller's relative error
_SELLER_ERRORS: Final = 2.0  # month ends that this prior counts for
_TOGETHER: Final = 0.8  # part of a model's claimed error that remains in the mean of two models
_WORST: Final = 0.5  # cap of a single month end's relative error, and of the resulting standard deviations
_FEWEST: Final = 0.5  # wins; floor of expectations that are divided by


@dataclass(frozen=True)
class Errors:
    """Errors of the two models at recent month ends.

    weight           weight of the second model in the total, 0 to 1
    share_weight     weight of the second model in the distribution over the sellers, 0 to 1
    excess           mean squared relative error of the combination, less the part that chance explains
    effective_count  number of independent month ends this is worth: windows of several months overlap
    seller_sd        standard deviation of the relative error of a single seller
    """

    weight: float
    sharing: float
    excess: float
    effective: float
    own: float

    def common(self, log_sd: float) -> float:
        """Return the standard deviation of the error that all sellers share; `log_sd` is what the model claims."""
        claimed = (_TOGETHER * log_sd) ** 2
        variance = (self.effective * self.excess + _ERRORS * claimed) / (self.effective + _ERRORS)
        return min(_WORST, float(variance**0.5))


NOTHING_SEEN: Final = Errors(0.5, 0.5, 0.0, 0.0, _SELLER_ERROR)


def errors(first: Sequence[Floats], second: Sequence[Floats], came: Sequence[Floats], months: int) -> Errors:
    """Measure the errors of two models; each sequence has one array of shape (sellers,) per month end.

    first, second  wins that each model expected
    actual         observed wins
    months         length of the windows; windows that begin a month apart overlap
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
    """Return the mean squared relative error of the sellers' shares of the observed wins, less what chance explains."""
    actual = np.array(came)
    expected = share * actual.sum(axis=1, keepdims=True)
    return float(((actual - expected) ** 2 - expected).sum()) / max(float((expected**2).sum()), _FEWEST)


def _held_back(excess: float, effective: float, prior: float, count: float) -> float:
    return (effective * max(0.0, excess) + count * prior**2) / (effective + count)
