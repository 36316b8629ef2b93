"""The grid of the count model: the combinations of its parameters, with their priors, and the covariance of each.

See `count_model` for the parameters and the sources.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from domain.forecasting.arrays import Floats, Ints


class _Noise(NamedTuple):
    """Noise of the totals: phi relative to that of the sellers, omega, and the prior."""

    evenness: float
    omega: float
    prior: float


class _Trend(NamedTuple):
    """A trend: standard deviation of the logarithm per month, months of the past it is learnt from, damping, prior."""

    sd: float
    memory_months: int
    damping: float
    prior: float


_NOISES: Final = (
    _Noise(1.0, 0.01, 0.6),
    _Noise(1.0, 0.05, 0.16),
    _Noise(1.0, 0.15, 0.08),
    _Noise(1.0, 0.4, 0.04),
    _Noise(1.0, 1.0, 0.02),
    _Noise(0.25, 0.01, 0.1),
)
_DRIFTS: Final = ((0.003, 0.66), (0.03, 0.18), (0.12, 0.16))  # q, of the logarithm per month, and its prior
_TRENDS: Final = (_Trend(0.001, 12, 0.9, 0.6), _Trend(0.06, 12, 0.9, 0.1), _Trend(0.05, 10_000, 0.99, 0.3))
_SMALL_TREND_SD: Final = 0.01  # larger trends, and other first months, are not tried where nothing could tell them:
_LARGE_OMEGA: Final = 0.4  # with noise from here on, and with the largest drift, which looks like growth
_BEGIN_SDS: Final = ((0.0, 0.6), (1.0, 0.4))  # tau_b, and its prior
_BEGIN_DECAY: Final = 0.5  # r, per month
_BEGIN_MIN_MONTHS: Final = 6  # months of data from which b is fitted
_QUARTER_SDS: Final = (0.02, 0.25)  # tau_s
_YEAR_SDS: Final = (0.02, 0.2)  # tau_c
_WAVE_PART: Final = 0.5  # part of the variance c that is a wave: neighbouring months are alike
_NO_STEP: Final = math.inf
_STAFFING: Final = ((0.0, 0.65), (1.0, 0.35))  # a, and its prior
_STEP_SD: Final = 0.4  # tau_j, of the logarithm
_STEP_PRIOR: Final = 0.05  # that there was a step, in any one of the months
_STEP_FIRST_MONTH: Final = 6  # months of data before a step: earlier, anything may be a beginning
_STEP_MEMORY_MONTHS: Final = 14  # months in which steps are looked for; the level of earlier ones is long known
_START_SD: Final = 1.0  # of the first level, as a logarithm relative to the mean rate
_YEARLY_MIN_MONTHS: Final = 18  # months of data from which c is fitted


@dataclass(frozen=True)
class Grid:
    """The points of the grid, shape (G,) each.

    trend     index into `_TRENDS`
    staffing  exponent a of what the sellers are able to bring
    step      months from the first observed one to the step of the level, `_NO_STEP` for none
    """

    phi: Floats
    omega: Floats
    drift: Floats
    trend: Ints
    begin_sd: Floats
    quarter_sd: Floats
    year_sd: Floats
    staffing: Floats
    step: Floats
    prior: Floats

    def select(self, rows: slice) -> Grid:
        return Grid(*(getattr(self, field.name)[rows] for field in fields(self)))

    def covariance(self, months: Ints, first: int, last: int) -> Floats:
        """Return the prior's covariance of log rates; shape (G, months, months).

        first, last  the first and the last observed month
        """
        steps = (months - first).astype(np.float64)
        result = _START_SD**2 + np.multiply.outer(self.drift**2, np.minimum.outer(steps, steps))
        for index, trend in enumerate(_TRENDS):
            factors = _trend_factors(months - last, trend)
            result += np.multiply.outer((self.trend == index) * trend.sd**2, np.outer(factors, factors))
        result += np.multiply.outer(self.begin_sd**2, np.diag(_BEGIN_DECAY ** (2 * steps)))
        is_after = np.greater_equal(steps, self.step[:, None])
        result += _STEP_SD**2 * (is_after[:, :, None] & is_after[:, None, :])
        distance = months[:, None] - months
        result += np.multiply.outer(self.quarter_sd**2, distance % 3 == 0)
        wave = np.cos(distance * (2 * np.pi / 12))
        result += np.multiply.outer(self.year_sd**2, _WAVE_PART * wave + (1 - _WAVE_PART) * (distance % 12 == 0))
        return np.asarray(result)


def make_grid(month_count: int, dispersion: float, *, has_staff: bool) -> Grid:
    begin_sds = _BEGIN_SDS if month_count >= _BEGIN_MIN_MONTHS else _BEGIN_SDS[:1]
    year_sds = _YEAR_SDS if month_count >= _YEARLY_MIN_MONTHS else (0.0,)
    points = [
        (
            dispersion * noise.evenness,
            noise.omega,
            drift,
            trend,
            begin,
            *season,
            staffing,
            _NO_STEP,
            noise.prior * drift_prior * begin_prior * _TRENDS[trend].prior * staffing_prior,
        )
        for (staffing, staffing_prior), noise, (drift, drift_prior), trend, (begin, begin_prior), *season in product(
            _STAFFING if has_staff else _STAFFING[:1],
            _NOISES,
            _DRIFTS,
            range(len(_TRENDS)),
            begin_sds,
            _QUARTER_SDS,
            year_sds,
        )
        if (drift < _DRIFTS[-1][0] and noise.omega < _LARGE_OMEGA)
        or (not staffing and _TRENDS[trend].sd < _SMALL_TREND_SD and begin == _BEGIN_SDS[0][0])
    ]
    steps = range(max(_STEP_FIRST_MONTH, month_count - _STEP_MEMORY_MONTHS), month_count - 1)
    points += [
        (
            dispersion * _NOISES[0].evenness,
            _NOISES[0].omega,
            _DRIFTS[0][0],
            0,
            _BEGIN_SDS[0][0],
            quarter_sd,
            year_sds[0],
            _STAFFING[0][0],
            step,
            _STEP_PRIOR / (len(steps) * len(_QUARTER_SDS)),
        )
        for step, quarter_sd in product(steps, _QUARTER_SDS)
    ]
    phi, omega, drift, trend, begin_sd, quarter_sd, year_sd, staffing, step, prior = np.array(points).T
    return Grid(phi, omega, drift, trend.astype(np.int64), begin_sd, quarter_sd, year_sd, staffing, step, prior)


def _trend_factors(steps: Ints, trend: _Trend) -> Floats:
    """Return what the trend is multiplied by, so many months after the last observed one."""
    damping = trend.damping
    ahead = damping * (1 - damping ** np.maximum(steps, 0)) / (1 - damping)
    return np.asarray(np.where(steps > 0, ahead, np.maximum(steps, -trend.memory_months)), dtype=np.float64)
