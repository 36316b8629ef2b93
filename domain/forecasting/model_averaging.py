"""Weighted averaging of two models by their past errors.

At recent month ends both models forecast the window after it, knowing only what was known then. The errors relative to
what a model claimed then, times what it claims now, are its variance, and the model with the smaller one has the larger
weight: counts tell little of a young company, where the open deals are known. The remaining error of the combination
gives the width of the forecast. The total and its distribution over the sellers have separate weights, since a model may
be good at one and bad at the other. With few month ends everything is shrunk towards what the models claim.

Source: Bates & Granger, "The combination of forecasts" (1969), for weights by inverse squared errors; Claeskens et
al., "The forecast combination puzzle" (2016), for shrinking them to the weights that are known before any test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_PRIOR_ERROR: Final = 0.10  # prior of a model's relative error in a month; those of several months average out
_PRIOR_MONTH_ENDS: Final = 3.0  # month ends that this prior counts for
_PRIOR_SCALE_MONTH_ENDS: Final = 4.0  # month ends that the width the models claim counts for
_PRIOR_SELLER_ERROR: Final = 0.10  # prior of a single seller's relative error
_PRIOR_SELLER_MONTH_ENDS: Final = 2.0  # month ends that this prior counts for
_CLAIM_FACTOR: Final = 0.8  # part of a model's claimed error that remains in the mean of two models
_MAX_ERROR: Final = 0.5  # cap of a single month end's relative error, and of the resulting standard deviations
_MIN_WINS: Final = 0.5  # wins; floor of expectations that are divided by


@dataclass(frozen=True)
class ModelErrors:
    """Errors of the two models at recent month ends.

    first_scale      mean squared error of the first model's total relative to its variance before any test, about 1
    second_scale     the same of the second model's
    months           length of the windows
    share_weight     weight of the second model in the distribution over the sellers, 0 to 1
    scale            mean squared error of the combination relative to the variance that was claimed then, about 1
    effective_count  number of independent month ends this is worth: windows of several months overlap
    seller_sd        standard deviation of the relative error of a single seller
    dispersion       variance of the sellers' wins relative to their number: 1 for chance, below for an even business
    evenness         that of the total relative to this: below 1 if the total is more even than its parts, as plans are
    """

    first_scale: float
    second_scale: float
    months: int
    share_weight: float
    scale: float
    effective_count: float
    seller_sd: float
    dispersion: float
    evenness: float

    def weight(self, log_sd: float, second_log_sd: float) -> float:
        """Return the weight of the second model in the total, 0 to 1, from the log sds that both models claim now."""
        if not self.effective_count:
            return _UNTESTED_WEIGHT
        sds = np.array([log_sd]), np.array([second_log_sd])
        return float(_weigh(self.first_scale, self.second_scale, *sds, self.months)[0])

    def common_sd(self, log_sd: float, expected: Floats) -> float:
        """Return the standard deviation of the relative error that all sellers share.

        log_sd    what the count model claims for the total;  expected  wins of each seller, shape (sellers,)

        The error of the total is made of this one, of chance, and of what the sellers' own errors bring to it.
        """
        total = max(float(expected.sum()), _MIN_WINS)
        chance = self.dispersion * self.evenness / total
        of_sellers = self.seller_sd**2 * float(((expected / total) ** 2).sum())
        variance = self.scale * (_claimed_variance(log_sd) + chance) - chance - of_sellers
        return min(_MAX_ERROR, math.sqrt(max(0.0, variance)))


_UNTESTED_WEIGHT: Final = 1 / 3  # of the second model in the total before any test: the pipeline has more to learn
NO_EVIDENCE: Final = ModelErrors(1.0, 1.0, 1, 0.5, 1.0, 0.0, _PRIOR_SELLER_ERROR, 1.0, 1.0)


def measure_errors(
    first: Sequence[Floats],
    second: Sequence[Floats],
    actual: Sequence[Floats],
    months: int,
    *,
    log_sds: Sequence[float],
    second_log_sds: Sequence[float],
    dispersion: float,
    evenness: float,
) -> ModelErrors:
    """Measure the errors of two models; each sequence has one array of shape (sellers,) per month end.

    first, second  wins that each model expected
    actual         observed wins
    months         length of the windows; windows that begin a month apart overlap
    log_sds        standard deviation of the logarithm of the total that the first model claimed, of each month end
    second_log_sds  the same of the second model
    dispersion     variance of a seller's wins relative to their mean
    evenness       that of the total relative to this, at most 1
    """
    if not actual:
        return NO_EVIDENCE
    effective_count = 1 + (len(actual) - 1) / months
    total = np.array([max(1.0, float(wins.sum())) for wins in actual])
    first_totals, second_totals = (np.array([float(wins.sum()) for wins in expected]) for expected in (first, second))
    first_scale, second_scale = (
        _shrink(
            max(0.0, _excess_error(expected, total, dispersion * evenness, _model_variance(np.array(sds), months))),
            effective_count,
            1.0,
            _PRIOR_MONTH_ENDS,
        )
        for expected, sds in ((first_totals, log_sds), (second_totals, second_log_sds))
    )
    weight = _weigh(first_scale, second_scale, np.array(log_sds), np.array(second_log_sds), months)
    claimed = np.array([_claimed_variance(log_sd) for log_sd in log_sds]) + dispersion * evenness / total
    combined = (1 - weight) * first_totals + weight * second_totals
    shares = [
        np.array(expected) / np.maximum(totals, _MIN_WINS)[:, None]
        for expected, totals in ((first, first_totals), (second, second_totals))
    ]
    first_error, second_error = (
        _shrink(
            max(0.0, _excess_share_error(model_share, actual, dispersion)),
            effective_count,
            _PRIOR_SELLER_ERROR,
            _PRIOR_SELLER_MONTH_ENDS,
        )
        for model_share in shares
    )
    share_weight = first_error / (first_error + second_error)
    combined_share = (1 - share_weight) * shares[0] + share_weight * shares[1]
    seller_variance = _shrink(
        _excess_share_error(combined_share, actual, dispersion),
        effective_count,
        _PRIOR_SELLER_ERROR,
        _PRIOR_SELLER_MONTH_ENDS,
    )
    return ModelErrors(
        first_scale,
        second_scale,
        months,
        share_weight,
        (effective_count * float((_relative_errors(combined, total) ** 2 / claimed).mean()) + _PRIOR_SCALE_MONTH_ENDS)
        / (effective_count + _PRIOR_SCALE_MONTH_ENDS),
        effective_count,
        min(_MAX_ERROR, max(0.0, seller_variance) ** 0.5),
        dispersion,
        evenness,
    )


def _model_variance(log_sds: Floats, months: int) -> Floats:
    """Return the variance of a model's relative error before any test: for three parts what the model claims."""
    return np.asarray((3 * log_sds**2 + _PRIOR_ERROR**2 / months) / 4)


def _weigh(first_scale: float, second_scale: float, log_sds: Floats, second_log_sds: Floats, months: int) -> Floats:
    """Return the weights of the second model by inverse variances; shape of `log_sds`."""
    first, second = (
        scale * _model_variance(sds, months) for scale, sds in ((first_scale, log_sds), (second_scale, second_log_sds))
    )
    return np.asarray(first / (first + second))


def _excess_error(expected: Floats, actual: Floats, dispersion: float, variance: Floats) -> float:
    return float(np.mean((_relative_errors(expected, actual) ** 2 - dispersion / actual) / variance))


def _relative_errors(expected: Floats, actual: Floats) -> Floats:
    return np.clip(actual / np.maximum(expected, _MIN_WINS) - 1, -_MAX_ERROR, _MAX_ERROR)


def _claimed_variance(log_sd: float) -> float:
    return (_CLAIM_FACTOR * log_sd) ** 2


def _excess_share_error(share: Floats, actual: Sequence[Floats], dispersion: float) -> float:
    """Return the mean squared relative error of the sellers' shares of the observed wins, less what chance explains."""
    actual_wins = np.array(actual)
    expected = share * actual_wins.sum(axis=1, keepdims=True)
    return float(((actual_wins - expected) ** 2 - dispersion * expected).sum()) / max(
        float((expected**2).sum()), _MIN_WINS
    )


def _shrink(excess: float, effective_count: float, prior_error: float, prior_count: float) -> float:
    return (effective_count * excess + prior_count * prior_error**2) / (effective_count + prior_count)
