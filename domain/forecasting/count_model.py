"""Seasonal count model: forecasts monthly event counts, with an uncertainty that holds for little data.

Monthly counts y with mean mu and variance phi mu + omega² mu²: phi is 1 for chance and below for a more even business,
omega the noise that does not average out over many events. The logarithm of mu is a Gaussian process,

    log mu_m = log exposure_m + a log staff_m + level_m + j [m >= step] + g t(m - now) + b_m + s[position in the quarter]
             + c[calendar month]
    level_m  = level_(m-1) + N(0, q²),   g ~ N(0, tau_g²),   b_m ~ N(0, tau_b² r^(2 (m - first)))
    s ~ N(0, tau_s²),   j ~ N(0, tau_j²),   c ~ N(0, tau_c²), c only from 18 months on, one half of it a wave over the year

The trend is damped: t(h) = d + d² + ... + d^h ahead, and t(h) = max(h, -memory) for the past. A trend of the last year
(d = 0.9) and one that has held as long as there are data (d = 0.99) are both tried. From 6 months on, the first ones may
be anything, which is b: where a record begins with no deals, wins come only when the first deals have become old enough,
and this is no growth. There may have been a step j in one of the months after, as when a large part of the business was
taken over: from two months after it on, it is told from growth and from a level that drifts.

Where sellers have begun or left, staff is what those of a month are able to bring (`tenure_curves`). Their number may
decide what the company wins (a = 1), or the market may, which they divide between them (a = 0).

phi is that of the sellers (`measure_dispersion`), or less: totals that are planned are more even than their parts. For
every point of a small grid of (phi, omega, q, trend, tau_b, tau_s, tau_c, a, step) the mode is found by Newton's method
and the evidence by Laplace's approximation. The result is the average over the grid, weighted by evidence times prior:
whether there is a season or growth, and whether the level drifts or has jumped, is not decided but averaged over.

Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), sections 3.4 and 5.4, for mode and
evidence; Nelder & Pregibon, "An extended quasi-likelihood function" (1987), for counts more even than chance; Harvey,
"Forecasting, Structural Time Series Models and the Kalman Filter" (1989), for level and season; Gardner & McKenzie,
"Forecasting trends in time series" (1985), for the damped trend; McCullagh & Nelder, "Generalized Linear Models"
(1989), section 4.5, for the dispersion; Adams & MacKay, "Bayesian online changepoint detection" (2007), for the step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.cooperative import Steps, run_to_completion
from domain.forecasting.count_grid import Grid, make_grid

_MAX_MONTHS: Final = 36  # months; older ones say little about the level
_MAX_LOG_VARIANCE: Final = (
    0.1  # cap of a log variance in the log-normal mean, so that a wide posterior does not inflate the mean
)
_MIN_EXPOSURE: Final = 1e-9  # months; a month of which nothing is left has no logarithm
_MAX_STEP: Final = 2.0  # of Newton's method, in logarithms
_POINTS_PER_STEP: Final = 96  # of the grid
_TOLERANCE: Final = 1e-4  # of the modes, which are logarithms
_MAX_ITERATIONS: Final = 40
_CORRECTION: Final = 1 / 6  # events added to a count where its variance is needed, as it may be 0
_MIN_EXPECTED: Final = 1.0  # events that a seller's month must have been expected to have, to be compared
_PRIOR_FREEDOM: Final = 15.0  # degrees of freedom that the prior of the dispersion, chance, counts for
_MIN_DISPERSION: Final = 0.1


@dataclass(frozen=True)
class VolumeForecast:
    """Forecast of the months ahead.

    means   expected count of each month, shape (H,)
    log_sd  standard deviation of the logarithm of their sum, without the part of chance
    """

    means: Floats
    log_sd: float

    @property
    def total(self) -> float:
        return float(self.means.sum())


class Staff(NamedTuple):
    """What sellers are able to bring in some months, in any unit, shape (H,); and the log variance of the sum."""

    capacity: Floats
    log_variance: float


@dataclass(frozen=True)
class CountPosterior:
    """Posterior of the count model at G grid points, for M observed months.

    grid           the points
    evidence       weight of each, shape (G,), sums to 1
    slopes         of the log-likelihood at the mode, shape (G, M)
    precisions     by which the observations reduce the prior's covariance, shape (G, M, M)
    log_base_rate  logarithm of the mean monthly rate, shape (G,)
    months         the observed months
    """

    grid: Grid
    evidence: Floats
    slopes: Floats
    precisions: Floats
    log_base_rate: Floats
    months: Ints

    @property
    def dispersion(self) -> float:
        """The variance of the total relative to its mean, phi."""
        return float(self.evidence @ self.grid.phi)

    @property
    def has_staff(self) -> bool:
        """Whether the model was fitted to what sellers were able to bring, which the forecast then needs, too."""
        return bool(self.grid.staffing.any())

    def forecast(self, months: Ints, exposure: Floats, staff: Staff | None = None) -> VolumeForecast:
        """Return the forecast of `months`, of which `exposure` is the length in average months; shape (H,) both.

        staff  of these months, if the model was fitted to what sellers were able to bring
        """
        if staff is None:
            staff = Staff(np.ones(len(months)), 0.0)
        size = len(self.months)
        joint = self.grid.covariance(np.concatenate([self.months, months]), int(self.months[0]), int(self.months[-1]))
        cross = joint[:, size:, :size]
        covariance = joint[:, size:, size:] - cross @ self.precisions @ cross.transpose(0, 2, 1)
        logs = (
            (cross @ self.slopes[:, :, None])[:, :, 0]
            + np.log(np.maximum(exposure, _MIN_EXPOSURE))
            + self.grid.staffing[:, None] * np.log(staff.capacity)
            + self.log_base_rate[:, None]
        )
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        means = np.exp(logs + np.minimum(variance, _MAX_LOG_VARIANCE) / 2)
        totals = means.sum(axis=1)
        shares = means / totals[:, None]
        spread = np.einsum("gh,ghk,gk->g", shares, covariance, shares) + self.grid.omega**2 * (shares**2).sum(axis=1)
        spread = spread + self.grid.staffing * staff.log_variance
        mean_log_total = float(self.evidence @ np.log(totals))
        log_variance = float(self.evidence @ (spread + (np.log(totals) - mean_log_total) ** 2))
        return VolumeForecast(self.evidence @ means, math.sqrt(log_variance))


def measure_dispersion(by_month: Floats) -> float:
    """Return phi, the variance of sellers' monthly counts relative to their mean: 1 for chance, below for an even business.

    by_month  counts of consecutive months, shape (M, sellers)

    Pearson's statistic over the degrees of freedom, of the tables of two neighbouring months by sellers, in which both
    the month and the seller may have any mean. So neither growth nor season nor slow changes of the shares count, and
    what all sellers have in common, omega, does not either. It is shrunk towards chance, and at most that: customers with
    several orders at once make lumps, which are no property of the total.
    """
    first, second = by_month[:-1], by_month[1:]
    statistic = freedom = 0.0
    use = np.ones(first.shape, dtype=np.bool_)
    for is_final in (False, True):
        before, after = first * use, second * use
        totals = (before + after) / np.maximum((before + after).sum(axis=1, keepdims=True), 1.0)
        expected = [totals * counts.sum(axis=1, keepdims=True) for counts in (before, after)]
        if not is_final:
            use = np.minimum(*expected) >= _MIN_EXPECTED
            continue
        squares = (before - expected[0]) ** 2
        statistic = float(sum((squares / np.maximum(e, _MIN_EXPECTED))[use].sum() for e in expected))
        freedom = float(np.maximum(use.sum(axis=1) - 1, 0).sum())
    return float(np.clip((statistic + _PRIOR_FREEDOM) / (freedom + _PRIOR_FREEDOM), _MIN_DISPERSION, 1.0))


def fit_counts(
    months: Ints, observed: Floats, exposure: Floats, dispersion: float = 1.0, staff: Floats | None = None
) -> CountPosterior:
    """Fit the model to consecutive months and return the posterior.

    months, observed, exposure  shape (M,): month number, count, and the observed part of it in average months
    dispersion                  phi of the sellers
    staff                       what the sellers were able to bring in each month, in any unit; shape (M,). None if it did not change
    """
    return run_to_completion(fit_counts_in_steps(months, observed, exposure, dispersion, staff))


def fit_counts_in_steps(
    months: Ints, observed: Floats, exposure: Floats, dispersion: float = 1.0, staff: Floats | None = None
) -> Steps[CountPosterior]:
    """Do the same in steps, some points of the grid in each."""
    months, observed, exposure = months[-_MAX_MONTHS:], observed[-_MAX_MONTHS:], exposure[-_MAX_MONTHS:]
    grid = make_grid(len(months), dispersion, has_staff=staff is not None)
    log_staff = np.log(staff[-_MAX_MONTHS:]) if staff is not None else np.zeros(len(months))
    log_exposure = np.log(exposure) + grid.staffing[:, None] * log_staff
    log_base_rate = math.log(max(float(observed.sum()), 0.5)) - np.log(np.exp(log_exposure).sum(axis=1))
    offset = log_exposure + log_base_rate[:, None]
    parts = []
    for start in range(0, len(grid.prior), _POINTS_PER_STEP):
        rows = slice(start, start + _POINTS_PER_STEP)
        parts.append(_fit_points(grid.select(rows), months, observed, offset[rows]))
        yield
    slopes, precisions, log_evidence = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    evidence = np.exp(log_evidence - log_evidence.max())
    return CountPosterior(grid, evidence / evidence.sum(), slopes, precisions, log_base_rate, months)


def _fit_points(grid: Grid, months: Ints, observed: Floats, offset: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slopes and precisions as in `CountPosterior`, and the logarithm of the evidence of each point."""
    covariance = grid.covariance(months, int(months[0]), int(months[-1]))
    variances = _Variances(grid.phi[:, None], grid.omega[:, None] ** 2)
    logs, slopes = _find_modes(variances, covariance, observed, offset)
    means = np.exp(logs + offset)
    root, matrix = _curvature(variances, covariance, means)
    identity = np.broadcast_to(np.eye(len(months)), matrix.shape)
    precisions = root[:, :, None] * np.linalg.solve(matrix, identity * root[:, None, :])
    log_evidence = (
        np.log(grid.prior)
        + variances.log_likelihood(observed, means)
        - (slopes * logs).sum(axis=1) / 2
        - np.linalg.slogdet(matrix)[1] / 2
    )
    return slopes, precisions, log_evidence


@dataclass(frozen=True)
class _Variances:
    """The variance of a count with mean mu, phi mu + omega² mu²; phi and omega² of each grid point, shape (G, 1)."""

    phi: Floats
    square: Floats

    def relative(self, means: Floats) -> Floats:
        """Return the variance over the mean; shape of `means`, (G, M)."""
        return self.phi + self.square * means

    def log_likelihood(self, observed: Floats, means: Floats) -> Floats:
        """Return the extended quasi-log-likelihood of the counts at each grid point, shape (G,).

        It is -(D + log V(y)) / 2 a month, with the variance V and the deviance D = 2 ∫ (y - u) / V(u) du from mu to y.
        For phi = 1 it is Stirling's approximation of the negative binomial.
        """
        count = np.maximum(observed, 1e-12)
        deviance = 2 * (
            count / self.phi * np.log(count * self.relative(means) / (means * self.relative(count)))
            - np.log(self.relative(count) / self.relative(means)) / self.square
        )
        shifted = observed + _CORRECTION
        return np.asarray(-(deviance + np.log(shifted * self.relative(shifted))).sum(axis=1) / 2)


def _curvature(variances: _Variances, covariance: Floats, means: Floats) -> tuple[Floats, Floats]:
    """Return the root of the expected information W, shape (G, M), and I + W^½ K W^½, shape (G, M, M).

    The expected information, the mean over `variances.relative`, replaces the observed one, so that it is positive.
    """
    root = np.sqrt(means / variances.relative(means))
    return root, np.eye(means.shape[1]) + root[:, :, None] * covariance * root[:, None, :]


def _find_modes(variances: _Variances, covariance: Floats, observed: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Return the modes of the log rates relative to `offset`, and the slopes of the log-likelihood there; (G, M) both.

    Newton's method for all grid points at once (Rasmussen & Williams, algorithm 3.1), from the observed logarithms; those
    that have converged are left out of further steps. Steps are clipped, since with counts far from the mean a full step
    of the logarithms overshoots.
    """
    logs = np.log(np.maximum(observed, 0.5)) - offset
    slopes, rows = np.empty_like(logs), np.arange(len(covariance))
    for _ in range(_MAX_ITERATIONS):
        before, means = logs[rows], np.exp(logs[rows] + offset[rows])
        moving = _Variances(variances.phi[rows], variances.square[rows])
        root, matrix = _curvature(moving, covariance[rows], means)
        target = root**2 * before + (observed - means) / moving.relative(means)
        projected = (covariance[rows] @ target[:, :, None])[:, :, 0]
        slopes[rows] = target - root * np.linalg.solve(matrix, (root * projected)[:, :, None])[:, :, 0]
        step = np.clip((covariance[rows] @ slopes[rows][:, :, None])[:, :, 0] - before, -_MAX_STEP, _MAX_STEP)
        logs[rows] = before + step
        rows = rows[np.abs(step).max(axis=1) >= _TOLERANCE]
        if not len(rows):
            break
    return logs, slopes
