"""Tail model of amounts: the largest wins are replaced by what a fitted tail says of them.

A single giant years ago would otherwise count as often as it is in the data. The exceedances over a high threshold
follow a generalized Pareto distribution; the j-th largest of k is replaced by its quantile at (j - 0.5) / k. Giants
that come again and again are no exceptions: with n the effective number of giants, (sum x)^2 / sum x^2, the data have
the weight (n - 1) / (n + 3) and the fitted tail the rest. So a single giant hardly raises the mean, and many do.

Source: Pickands, "Statistical inference using extreme order statistics" (1975), for the tail; Zhang & Stephens, "A new
and efficient estimation method for the generalized Pareto distribution" (2009), for the estimate of the shape; Vehtari
et al., "Pareto smoothed importance sampling" (2024), for replacing the largest values and shrinking the shape.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_TAIL_SHARE: Final = 0.1  # share of the wins that are in the tail
_MIN_TAIL_WINS: Final = 10  # wins in the tail, below which it is left as it is
_PRIOR_SHAPE: Final = 0.2  # between an exponential tail and a log-normal one with giants
_PRIOR_WINS: Final = 10.0  # wins in the tail that this prior counts for
_PRIOR_GIANTS: Final = 4.0  # giants of about the same size, beside one, from which data and fit have the same weight
_MAX_SHAPE: Final = 0.7  # the mean of a tail with a shape of 1 is infinite


def smooth_tail(amounts: Floats) -> Floats:
    """Return the amounts, which are in rising order, with the largest ones replaced; in rising order too."""
    size = int(_TAIL_SHARE * len(amounts))
    if size < _MIN_TAIL_WINS:
        return amounts
    threshold = amounts[-size - 1]
    excess = amounts[-size:] - threshold
    if excess[size // 4] <= 0:  # amounts that repeat, like list prices, have no tail
        return amounts
    shape, scale = fit_tail(excess)
    levels = (np.arange(size) + 0.5) / size
    fitted = scale * ((1 - levels) ** -shape - 1) / shape
    others = excess.sum() ** 2 / (excess**2).sum() - 1  # how many wins of its size stand beside the typical giant
    trust = others / (others + _PRIOR_GIANTS)
    return np.concatenate([amounts[:-size], threshold + trust * excess + (1 - trust) * fitted])


def fit_tail(excess: Floats) -> tuple[float, float]:
    """Return shape and scale of the generalized Pareto distribution of exceedances, which are in rising order.

    The posterior mean of b = -shape / scale over a grid, with the profile likelihood and a weak prior (Zhang & Stephens).
    """
    size = len(excess)
    count = 30 + int(size**0.5)
    quarter = excess[int(size / 4 + 0.5) - 1] or excess[excess > 0][0]
    grid = 1 / excess[-1] + (1 - np.sqrt(count / (np.arange(count) + 0.5))) / (3 * quarter)
    grid = grid[grid != 0]  # where shape and scale have no ratio
    shapes = np.log1p(-grid[:, None] * excess).mean(axis=1)
    profile = size * (np.log(-grid / shapes) - shapes - 1)
    weights = np.exp(profile - profile.max())
    b = float(grid @ weights / weights.sum())
    shape = float(np.log1p(-b * excess).mean())
    scale = -shape / b
    shrunk = (size * shape + _PRIOR_WINS * _PRIOR_SHAPE) / (size + _PRIOR_WINS)
    shape = min(_MAX_SHAPE, shrunk) if abs(shrunk) > _MIN_ABSOLUTE_SHAPE else _MIN_ABSOLUTE_SHAPE
    return shape, scale


_MIN_ABSOLUTE_SHAPE: Final = 1e-6  # a shape of 0 is the limit of small ones
