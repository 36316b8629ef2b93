"""Error metrics of forecasts: WAPE, weighted interval score (WIS), bias, and coverage of the 80 % interval.

Source: Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation" (2007); Bracher et al.,
"Evaluating epidemic forecasts in an interval format" (2021), for the weighted interval score, here of the 80 %
interval and the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_QUANTILE_LEVELS: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class ForecastOutcome:
    """One forecast (p10, p50, p90 and mean) with the actual value, all in the same unit."""

    low: float
    median: float
    high: float
    mean: float
    actual: float


@dataclass(frozen=True)
class ErrorMetrics:
    """Error metrics of `count` forecasts; sums are relative to the sum of the absolute actual values.

    wape         weighted absolute percentage error: sum of |mean - actual|
    wape_median  the same of the median
    wis          sum of the weighted interval scores; small for narrow and correct intervals
    bias         sum of (mean - actual); above zero if too much was forecast
    coverage     share of actual values within low..high; 0.8 is ideal
    """

    count: int
    wape: float
    wape_median: float
    wis: float
    bias: float
    coverage: float


def compute_error_metrics(outcomes: Sequence[ForecastOutcome]) -> ErrorMetrics | None:
    """Return the error metrics; None without forecasts or if all actual values are zero."""
    if not outcomes:
        return None
    low, median, high, mean, actual = np.array(
        [(outcome.low, outcome.median, outcome.high, outcome.mean, outcome.actual) for outcome in outcomes]
    ).T
    total = float(np.abs(actual).sum())
    if not total:
        return None
    pinball = sum(
        _pinball_loss(actual, quantile, level)
        for quantile, level in zip((low, median, high), _QUANTILE_LEVELS, strict=True)
    )
    return ErrorMetrics(
        len(outcomes),
        float(np.abs(mean - actual).sum()) / total,
        float(np.abs(median - actual).sum()) / total,
        float(np.sum(pinball)) * 2 / len(_QUANTILE_LEVELS) / total,
        float((mean - actual).sum()) / total,
        float(((low <= actual) & (actual <= high)).mean()),
    )


def _pinball_loss(actual: Floats, quantile: Floats, level: float) -> Floats:
    """Return the pinball (quantile) loss; twice its mean over the levels is the weighted interval score."""
    return np.where(actual >= quantile, level * (actual - quantile), (1 - level) * (quantile - actual))
