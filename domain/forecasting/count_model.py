"""Seasonal count model: forecasts monthly event counts, with an uncertainty that holds for little data.

Monthly counts y ~ NB(mu, omega), with variance mu + omega² mu²:

    log mu_m = log exposure_m + level_m + g t(m - now) + s[position in the quarter] + c[calendar month]
    level_m  = level_(m-1) + N(0, q²),   g ~ N(0, tau_g²)
    s ~ N(0, tau_s²),   c ~ N(0, tau_c²), c only from 18 months on

The trend is local and damped: t(h) = max(h, -12) for the past, so that older months say nothing about it, and
0.9 + 0.9² + ... + 0.9^h ahead.

For every point of a small grid of (omega, q, tau_g, tau_s, tau_c) the posterior mode is found by Newton's method and the
evidence by Laplace's approximation. The result is the average over the grid, weighted by evidence times prior:
whether there is a season is not decided but averaged over.

Source: MacKay, "Bayesian Interpolation" (1992), for evidence by Laplace; Harvey, "Forecasting, Structural Time Series
Models and the Kalman Filter" (1989), for level and season; Gardner & McKenzie, "Forecasting trends in time series"
(1985), for the damped trend; Athanasopoulos et al., "Forecasting with temporal
hierarchies" (2017), for the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats, Ints, sum_by_index
from domain.forecasting.seasonality import DAYS_PER_MONTH

_OMEGA_GRID: Final = ((0.05, 0.40), (0.15, 0.45), (0.4, 0.12), (1.0, 0.03))  # value, prior
_DRIFT_GRID: Final = (0.02, 0.08, 0.2)  # q, of the logarithm per month
_QUARTER_SD_GRID: Final = (0.02, 0.25)  # tau_s
_YEAR_SD_GRID: Final = (0.02, 0.2)  # tau_c
_TREND_SD: Final = 0.01  # tau_g, of the logarithm per month
_GROWTH_SD: Final = 0.06  # the same of a company that grows; not with the largest drift, which growth looks like
_GROWTH_PRIOR: Final = 0.6  # prior weight of that, relative to the same level without it
_TREND_MONTHS: Final = 12  # months from which the trend is learnt
_TREND_DAMPING: Final = 0.9  # factor of the trend for each month ahead
_YEARLY_MIN_MONTHS: Final = 18  # months of data from which c is fitted
_MAX_MONTHS: Final = 36  # months; older ones say little about the level
_MAX_LOG_VARIANCE: Final = (
    0.1  # cap of a log variance in the log-normal mean, so that a wide posterior does not inflate the mean
)
_MIN_EXPOSURE: Final = 1e-9  # months; a month of which nothing is left has no logarithm
_LEVELS: Final = (
    *((q, _TREND_SD, 1.0) for q in _DRIFT_GRID),
    *((q, _GROWTH_SD, _GROWTH_PRIOR) for q in _DRIFT_GRID[:2]),
)
_log_gamma: Final = np.vectorize(math.lgamma, otypes=[np.float64])


@dataclass(frozen=True)
class VolumeForecast:
    """Forecast of the months ahead.

    means   expected count of each month, shape (H,)
    log_sd  standard deviation of the logarithm of their sum
    """

    means: Floats
    log_sd: float

    @property
    def total(self) -> float:
        return float(self.means.sum())


@dataclass(frozen=True)
class CountPosterior:
    """Posterior of the count model, for G grid points and p parameters (levels, slope, seasons).

    modes               shape (G, p);  covariances (G, p, p);  drifts, omegas (G,)
    evidence            weight of each grid point, shape (G,), sums to 1
    log_base_rate       logarithm of the mean monthly rate
    last_month          last observed month;  month_count  number of observed months
    quarterly, yearly   whether the parameters include s, and c
    """

    modes: Floats
    covariances: Floats
    drifts: Floats
    omegas: Floats
    evidence: Floats
    log_base_rate: float
    last_month: int
    month_count: int
    months_per_step: float
    quarterly: bool
    yearly: bool

    def forecast(self, months: Ints, exposure: Floats) -> VolumeForecast:
        """Return the forecast of `months`, of which `exposure` is the length in average months; shape (H,) both."""
        horizon = len(months)
        design = np.zeros((horizon, self.modes.shape[1]))
        design[:, self.month_count - 1] = 1
        design[:, self.month_count] = _trend(months - self.last_month, self.months_per_step)
        if self.quarterly:
            design[np.arange(horizon), self.month_count + 1 + months % 3] = 1
        if self.yearly:
            design[np.arange(horizon), self.month_count + 4 + months % 12] = 1
        steps = np.maximum(months - self.last_month, 0)
        covariance = design @ self.covariances @ design.T
        covariance += (self.drifts**2)[:, None, None] * np.minimum.outer(steps, steps)
        logs = self.modes @ design.T + np.log(np.maximum(exposure, _MIN_EXPOSURE)) + self.log_base_rate
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        means = np.exp(logs + np.minimum(variance, _MAX_LOG_VARIANCE) / 2)
        totals = means.sum(axis=1)
        shares = means / totals[:, None]
        spread = np.einsum("gh,ghk,gk->g", shares, covariance, shares) + self.omegas**2 * (shares**2).sum(axis=1)
        mean_log_total = float(self.evidence @ np.log(totals))
        log_variance = float(self.evidence @ (spread + (np.log(totals) - mean_log_total) ** 2))
        return VolumeForecast(self.evidence @ means, math.sqrt(log_variance))


def fit_counts(
    months: Ints, observed: Floats, exposure: Floats, *, seasonal: bool = True, months_per_step: float = 1.0
) -> CountPosterior:
    """Fit the model to consecutive months and return the posterior.

    months, observed, exposure  shape (M,): month number, count, and the observed part of it in average months
    seasonal                    False for blocks that are not months: level and trend only
    months_per_step             length of such a block
    """
    months, observed, exposure = months[-_MAX_MONTHS:], observed[-_MAX_MONTHS:], exposure[-_MAX_MONTHS:]
    size = len(months)
    quarterly, yearly = seasonal, seasonal and size >= _YEARLY_MIN_MONTHS
    points = [
        (omega, omega_prior * prior, q, tau_g, tau_s, tau_c)
        for omega, omega_prior in _OMEGA_GRID
        for q, tau_g, prior in _LEVELS
        for tau_s in (_QUARTER_SD_GRID if quarterly else (1.0,))
        for tau_c in (_YEAR_SD_GRID if yearly else (1.0,))
    ]
    omegas, priors, drifts, tau_g, tau_s, tau_c = np.array(points).T
    drifts = drifts * months_per_step**0.5
    parts = [(1, tau_g), *[(3, tau_s)] * quarterly, *[(12, tau_c)] * yearly]
    design, precision = _design(months, quarterly, yearly, months_per_step), _precision(size, drifts, parts)
    log_base_rate = math.log(max(float(observed.sum()), 0.5) / float(exposure.sum()))
    offset = np.log(exposure) + log_base_rate
    modes, hessian, means = _newton(design, precision, offset, observed, omegas)
    nb_shape = 1 / omegas[:, None] ** 2
    log_gammas = np.array([_log_gamma(observed + 1 / omega**2) - math.lgamma(1 / omega**2) for omega in omegas])
    log_likelihood = (
        log_gammas + nb_shape * np.log(nb_shape / (nb_shape + means)) + observed * np.log(means / (nb_shape + means))
    )
    penalty = np.einsum("gi,gij,gj->g", modes, precision, modes)
    log_volume_ratio = np.linalg.slogdet(precision)[1] - np.linalg.slogdet(hessian)[1]
    log_evidence = np.log(priors) + log_likelihood.sum(axis=1) - penalty / 2 + log_volume_ratio / 2
    evidence = np.exp(log_evidence - log_evidence.max())
    return CountPosterior(
        modes,
        np.linalg.inv(hessian).astype(np.float64),
        drifts,
        omegas,
        evidence / evidence.sum(),
        log_base_rate,
        int(months[-1]),
        size,
        months_per_step,
        quarterly,
        yearly,
    )


def count_in_blocks(days: Ints, amounts: Floats, weights: Floats, first: int, length: int) -> tuple[Floats, Floats]:
    """Count events in blocks of `length` days, back from the last day.

    days, amounts  ordinals on which events occurred, in any order, and how many
    weights        weight of each day from `first` on, shape (D,); the last block ends with the last of them

    Returns the count of each whole block, oldest first (at least one block), and its exposure in average months.
    """
    size = len(weights)
    block_count = size // length
    edges = size - length * np.arange(block_count, -1, -1)
    daily_counts = np.append(sum_by_index(days - first, amounts, size), 0.0)
    return np.add.reduceat(daily_counts, edges)[:-1], np.add.reduceat(np.append(weights, 0.0), edges)[
        :-1
    ] / DAYS_PER_MONTH


def _trend(steps: Ints, months_per_step: float) -> Floats:
    """Return what the trend is multiplied by, so many steps after the last one."""
    months = steps * months_per_step
    ahead = _TREND_DAMPING * (1 - _TREND_DAMPING ** np.maximum(months, 0)) / (1 - _TREND_DAMPING)
    return np.asarray(np.where(months > 0, ahead, np.maximum(months, -_TREND_MONTHS)), dtype=np.float64)


def _design(months: Ints, quarterly: bool, yearly: bool, months_per_step: float) -> Floats:
    size = len(months)
    columns = [np.eye(size), _trend(months - months[-1], months_per_step)[:, None]]
    if quarterly:
        columns.append((months[:, None] % 3 == np.arange(3)).astype(np.float64))
    if yearly:
        columns.append((months[:, None] % 12 == np.arange(12)).astype(np.float64))
    return np.concatenate(columns, axis=1)


def _precision(size: int, drifts: Floats, parts: Sequence[tuple[int, Floats]]) -> Floats:
    """Return the prior's precision, shape (G, p, p): a random walk that starts near the mean, a trend, seasons.

    parts  number of parameters and their standard deviation at each grid point, of the trend and of each season
    """
    steps = np.diff(np.eye(size), axis=0)
    walk = np.zeros((size, size))
    walk += steps.T @ steps
    parameter_count = size + sum(part_size for part_size, _ in parts)
    precision = np.zeros((len(drifts), parameter_count, parameter_count))
    precision[:, :size, :size] = walk / (drifts**2)[:, None, None]
    precision[:, 0, 0] += 1.0
    start = size
    for part_size, tau in parts:
        index = np.arange(start, start + part_size)
        precision[:, index, index] = (1 / tau**2)[:, None]
        start += part_size
    return precision


def _newton(
    design: Floats, precision: Floats, offset: Floats, observed: Floats, omegas: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the posterior modes (G, p), the negative Hessians there (G, p, p), and the means (G, M).

    Newton's method for all grid points at once. Steps are clipped: from zero, with counts far from the mean, a full
    step of the logarithms overshoots. The expected information mu / (1 + omega² mu) replaces the observed one, so that
    the Hessian is positive definite everywhere.
    """
    squares = omegas[:, None] ** 2
    modes = np.zeros((len(omegas), design.shape[1]))
    for _ in range(40):
        means = np.exp(modes @ design.T + offset)
        slope = ((observed - means) / (1 + squares * means)) @ design - np.einsum("gij,gj->gi", precision, modes)
        hessian = precision + np.matmul(design.T * (means / (1 + squares * means))[:, None, :], design)
        step = np.clip(np.linalg.solve(hessian, slope[..., None])[..., 0], -2.0, 2.0)
        modes = modes + step
        if np.abs(step).max() < 1e-8:
            break
    means = np.exp(modes @ design.T + offset)
    return modes, precision + np.matmul(design.T * (means / (1 + squares * means))[:, None, :], design), means
