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

_PRIOR_ERROR: Final = 0.10  # prior of a model's relative error
_PRIOR_MONTH_ENDS: Final = 3.0  # month ends that this prior counts for
_PRIOR_SELLER_ERROR: Final = 0.10  # prior of a single seller's relative error
_PRIOR_SELLER_MONTH_ENDS: Final = 2.0  # month ends that this prior counts for
_CLAIM_FACTOR: Final = 0.8  # part of a model's claimed error that remains in the mean of two models
_MAX_ERROR: Final = 0.5  # cap of a single month end's relative error, and of the resulting standard deviations
_MIN_DISPERSION: Final = 0.1  # floor of the dispersion of wins
_PRIOR_DISPERSION_COUNT: Final = 15.0  # observed seller's windows that the prior, chance, counts for
_MIN_WINS: Final = 0.5  # wins; floor of expectations that are divided by


@dataclass(frozen=True)
class ModelErrors:
    """Errors of the two models at recent month ends.

    weight           weight of the second model in the total, 0 to 1
    share_weight     weight of the second model in the distribution over the sellers, 0 to 1
    excess           mean squared relative error of the combination, less the part that chance explains
    effective_count  number of independent month ends this is worth: windows of several months overlap
    seller_sd        standard deviation of the relative error of a single seller
    dispersion       variance of the sellers' wins relative to their number: 1 for chance, below for an even business
    """

    weight: float
    share_weight: float
    excess: float
    effective_count: float
    seller_sd: float
    dispersion: float = 1.0

    def common_sd(self, log_sd: float) -> float:
        """Return the standard deviation of the error that all sellers share; `log_sd` is what the model claims."""
        claimed = (_CLAIM_FACTOR * log_sd) ** 2
        variance = (self.effective_count * self.excess + _PRIOR_MONTH_ENDS * claimed) / (
            self.effective_count + _PRIOR_MONTH_ENDS
        )
        return min(_MAX_ERROR, float(variance**0.5))


NO_EVIDENCE: Final = ModelErrors(0.5, 0.5, 0.0, 0.0, _PRIOR_SELLER_ERROR)


def measure_errors(
    first: Sequence[Floats], second: Sequence[Floats], actual: Sequence[Floats], months: int
) -> ModelErrors:
    """Measure the errors of two models; each sequence has one array of shape (sellers,) per month end.

    first, second  wins that each model expected
    actual         observed wins
    months         length of the windows; windows that begin a month apart overlap
    """
    if not actual:
        return NO_EVIDENCE
    effective_count = 1 + (len(actual) - 1) / months
    total = np.array([max(1.0, float(wins.sum())) for wins in actual])
    dispersions = [
        _dispersion(np.array(expected) / np.maximum(np.sum(expected, axis=1, keepdims=True), _MIN_WINS), actual)
        for expected in (first, second)
    ]
    dispersion = float(np.clip(min(dispersions), _MIN_DISPERSION, 1.0))
    first_totals, second_totals = (np.array([float(wins.sum()) for wins in expected]) for expected in (first, second))
    first_error, second_error = (
        _shrink(_excess_error(expected, total, dispersion), effective_count, _PRIOR_ERROR, _PRIOR_MONTH_ENDS)
        for expected in (first_totals, second_totals)
    )
    weight = first_error / (first_error + second_error)
    combined = (1 - weight) * first_totals + weight * second_totals
    shares = [
        np.array(expected) / np.maximum(totals, _MIN_WINS)[:, None]
        for expected, totals in ((first, first_totals), (second, second_totals))
    ]
    first_error, second_error = (
        _shrink(
            _excess_share_error(model_share, actual), effective_count, _PRIOR_SELLER_ERROR, _PRIOR_SELLER_MONTH_ENDS
        )
        for model_share in shares
    )
    share_weight = first_error / (first_error + second_error)
    combined_share = (1 - share_weight) * shares[0] + share_weight * shares[1]
    seller_variance = _shrink(
        _excess_share_error(combined_share, actual), effective_count, _PRIOR_SELLER_ERROR, _PRIOR_SELLER_MONTH_ENDS
    )
    return ModelErrors(
        weight,
        share_weight,
        max(0.0, _excess_error(combined, total, dispersion)),
        effective_count,
        min(_MAX_ERROR, seller_variance**0.5),
        dispersion,
    )


def _excess_error(expected: Floats, actual: Floats, dispersion: float) -> float:
    relative = np.clip(actual / np.maximum(expected, _MIN_WINS) - 1, -_MAX_ERROR, _MAX_ERROR)
    return float(np.mean(relative**2 - dispersion / actual))


def _dispersion(share: Floats, actual: Sequence[Floats]) -> float:
    """Return the variance of the sellers' wins around their shares, relative to chance and shrunk towards it.

    Pearson's statistic over the degrees of freedom (McCullagh & Nelder, "Generalized Linear Models", 1989): without
    chance the shares would hold exactly.
    """
    actual_wins = np.array(actual)
    expected = share * actual_wins.sum(axis=1, keepdims=True)
    has_wins = expected >= _MIN_WINS
    freedom = float(has_wins.sum()) - len(actual_wins)
    if freedom <= 0:
        return 1.0
    statistic = float(((actual_wins - expected) ** 2 / np.maximum(expected, _MIN_WINS))[has_wins].sum())
    return (statistic + _PRIOR_DISPERSION_COUNT) / (freedom + _PRIOR_DISPERSION_COUNT)


def _excess_share_error(share: Floats, actual: Sequence[Floats]) -> float:
    """Return the mean squared relative error of the sellers' shares of the observed wins, less what chance explains."""
    actual_wins = np.array(actual)
    expected = share * actual_wins.sum(axis=1, keepdims=True)
    return float(((actual_wins - expected) ** 2 - expected).sum()) / max(float((expected**2).sum()), _MIN_WINS)


def _shrink(excess: float, effective_count: float, prior_error: float, prior_count: float) -> float:
    return (effective_count * max(0.0, excess) + prior_count * prior_error**2) / (effective_count + prior_count)
