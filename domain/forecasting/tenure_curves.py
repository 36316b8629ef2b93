"""Forecast model: rates of sellers that begin, need some months until they sell as much as the others, and leave.

The events of seller i in block b of 30 days have the mean

    lambda_i c(t_ib) g_b x_ib

with the rate lambda_i of an experienced seller, the curve c of the blocks t since the seller's first event,
the level g_b of the company, and the part x_ib of the block in which the seller was there. The curve rises from a first
value to 1, or is 1 from the beginning, and lambda_i has a Gamma prior around the mean of all. The evidence of each curve
of a small grid has a closed form, and the prediction is the mean over the grid: what the company's newcomers used to
sell in their first months is not decided but averaged over. Sellers that were there when the record began are no
newcomers, and the event with which the others begin is not counted, as there is no beginning without one.

After a silence of s blocks a seller is still there with the probability

    1 / (1 + mu / (lambda + mu) (exp((lambda + mu) s) - 1))

with the rate mu at which sellers leave, so it is noticed sooner of a seller with many events. Lumps of events count as
one: lambda is divided by the dispersion.

Source: Gelman et al., "Bayesian Data Analysis" (2013), section 2.6, for the Gamma-Poisson model; Grünwald & van Ommen,
"Inconsistency of Bayesian inference for misspecified linear models, and a proposal for repairing it" (2017), for the
learning rate below 1; Schmittlein, Morrison & Colombo, "Counting your customers" (1987), for the silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints, sum_by_index
from domain.forecasting.forecast_model import EventHistory

_BLOCK_DAYS: Final = 30
_MAX_BLOCKS: Final = 24
_BEGIN_DAYS: Final = 60  # sellers whose first event is so soon after the first of all are no newcomers
_HALF_LIFE_BLOCKS: Final = 9.0  # after which an event counts half for a seller's rate, not for the curves
_CURVES: Final = tuple(product((0.1, 0.5), (3.0, 6.0, 12.0)))  # first value, and blocks until 1
_NO_CURVE_PRIOR: Final = 0.5
_PRIOR_EVENTS: Final = 1.0  # prior weight, in events, of the mean rate
_LEVEL_PRIOR_EVENTS: Final = 10.0  # the same of an unchanged level of the company
_LEARNING_RATE: Final = 0.5  # of the log-likelihood
_ITERATIONS: Final = 4  # of levels and rates, which depend on each other
_MIN_EVENTS: Final = 0.5  # floor of expectations that are divided by
_MIN_EXPOSURE: Final = 1e-6  # blocks; the same
_VETERAN_BLOCKS: Final = 1000.0  # tenure of a seller who is no newcomer, longer than any curve
_WINDOW_POINTS: Final = np.array([1 / 6, 1 / 2, 5 / 6])  # of a window, at which the curves are taken
_FREE_DAYS: Final = 14  # of silence that say nothing: everybody has days off
_LEAVING_RATE: Final = 1 / 60  # prior of mu, per block
_LEAVING_PRIOR_LEAVERS: Final = 1.0  # that it counts for
_JOINING_BLOCKS: Final = 12  # last blocks, in which newcomers are counted
_JOINING_PRIOR_BLOCKS: Final = 3.0  # without newcomers that its prior counts for
_MAX_EXPONENT: Final = 50.0


class Capacity(NamedTuple):
    """Events per block that the sellers are able to bring, at a constant level of the company, and the variance of it."""

    mean: float
    variance: float


@dataclass(frozen=True)
class Tenures:
    """When sellers began and, if they are not expected any more, ended; shape (sellers,) each.

    first_day, last_day  days on which they were there;  is_newcomer  whether they began after the record did
    last_event           day of the last event, 0 without one
    """

    first_day: Ints
    last_day: Ints
    is_newcomer: Bools
    last_event: Ints

    def blocks_until(self, days: Floats) -> Floats:
        """Return the blocks that the sellers had been there on `days`, of shape (sellers, n) or (1, n); (sellers, n)."""
        blocks = np.maximum(days - self.first_day[:, None] + 1, 0) / _BLOCK_DAYS
        return np.where(self.is_newcomer[:, None], blocks, _VETERAN_BLOCKS)


def find_tenures(history: EventHistory) -> Tenures:
    """Return the tenures known at the end of `history.day`."""
    is_newcomer = (history.start > history.first + _BEGIN_DAYS) & (history.start <= history.day)
    last_event = np.zeros(len(history.start), dtype=np.int64)
    np.maximum.at(last_event, history.sellers, history.days)
    return Tenures(
        np.where(is_newcomer, history.start + 1, history.first),
        np.where(history.is_expected, history.day, last_event),
        is_newcomer,
        last_event,
    )


class TenureCurves:
    """Rates by the time since a seller's first event."""

    def fit(self, history: EventHistory) -> FittedTenureCurves:
        tenures = find_tenures(history)
        count, blocks = len(history.start), (history.day - history.first + 1) // _BLOCK_DAYS
        blocks = min(_MAX_BLOCKS, max(1, blocks))
        begin = np.maximum(tenures.first_day, history.day - blocks * _BLOCK_DAYS + 1)
        block_end = history.day - _BLOCK_DAYS * np.arange(blocks)
        first = np.maximum(begin[:, None], block_end - _BLOCK_DAYS + 1)
        last = np.minimum(tenures.last_day[:, None], block_end)
        presence = np.clip(last - first + 1, 0, None) / _BLOCK_DAYS
        use = history.days >= begin[history.sellers]
        cell = history.sellers[use] * blocks + (history.day - history.days[use]) // _BLOCK_DAYS
        events = sum_by_index(cell, history.amounts[use], count * blocks).reshape(count, blocks)
        curves = _CURVES if tenures.is_newcomer.any() else ()
        rates, weights, dispersion = _fit_curves(
            events, _curve_values(curves, tenures.blocks_until((first + last) / 2)) * presence
        )
        has_left = ~history.is_expected & (tenures.last_event >= begin)
        leaving = (np.count_nonzero(has_left) + _LEAVING_PRIOR_LEAVERS) / (
            float(presence.sum()) + _LEAVING_PRIOR_LEAVERS / _LEAVING_RATE
        )
        last_sign = np.maximum(tenures.last_event, tenures.first_day - 1)
        silence = np.maximum(history.day - last_sign - _FREE_DAYS, 0) / _BLOCK_DAYS
        is_recent = tenures.is_newcomer & (history.start > history.day - _JOINING_BLOCKS * _BLOCK_DAYS)
        observed = max(0.0, min(_JOINING_BLOCKS, (history.day - history.first - _BEGIN_DAYS) / _BLOCK_DAYS))
        return FittedTenureCurves(
            history.day,
            tenures,
            curves,
            rates,
            weights,
            np.where(history.is_expected, _presence_probability(weights @ rates / dispersion, leaving, silence), 0.0),
            np.count_nonzero(is_recent) / (observed + _JOINING_PRIOR_BLOCKS),
            leaving,
        )


@dataclass(frozen=True)
class FittedTenureCurves:
    """The rates by G curves.

    day      at the end of which all of this was known
    rates    lambda of each seller, shape (G, sellers);  weights  of the curves, shape (G,), sum to 1
    present  probability that each seller is still there, 0 where no events are expected; shape (sellers,)
    joining  newcomers per block;  leaving  mu
    """

    day: int
    tenures: Tenures
    curves: tuple[tuple[float, float], ...]
    rates: Floats
    weights: Floats
    present: Floats
    joining: float
    leaving: float

    @property
    def has_changes(self) -> bool:
        """Whether sellers have begun or left since the record began."""
        return bool((self.tenures.is_newcomer | (self.present == 0) & (self.tenures.last_event > 0)).any())

    def predict(self, first: int, last: int) -> Floats:
        return np.asarray(self.present * self._rates_on(first + _WINDOW_POINTS[None] * (last - first)).mean(axis=1))

    def past_capacity(self, first: int, last: int) -> float:
        """Return the mean events per block from day `first` to day `last`, which are not after `day`."""
        tenures = self.tenures
        begin, end = np.maximum(tenures.first_day, first), np.minimum(tenures.last_day, last)
        days_there = np.clip(end - begin + 1, 0, None)
        is_expected = tenures.last_day == self.day
        days_silent = np.clip(end - np.maximum(begin, tenures.last_event + 1) + 1, 0, None) * is_expected
        parts = (days_there - days_silent * (1 - self.present)) / (last - first + 1)
        return float(self._rates_on(((begin + end) / 2)[:, None])[:, 0] @ parts)

    def capacity(self, first: int, last: int) -> Capacity:
        """Return the capacity of the days from `first` to `last`, which are after `day`.

        Sellers go on to leave, and newcomers to begin, at the same rates as so far.
        """
        blocks = ((first + last) / 2 - self.day) / _BLOCK_DAYS
        stays = self.present * np.exp(-self.leaving * blocks)
        rates = self._rates_on(first + _WINDOW_POINTS[None] * (last - first)).mean(axis=1)
        mean_rates = (self.rates @ self.present) / max(float(self.present.sum()), _MIN_EXPOSURE)
        new_rate = float(self.weights @ (mean_rates * _curve_values(self.curves, _WINDOW_POINTS * blocks).mean(axis=1)))
        new = self.joining * blocks
        return Capacity(
            float(rates @ stays) + new_rate * new, float(rates**2 @ (stays * (1 - stays))) + new_rate**2 * new
        )

    def _rates_on(self, days: Floats) -> Floats:
        """Return the mean rates over all curves; shapes as in `Tenures.blocks_until`."""
        values = _curve_values(self.curves, self.tenures.blocks_until(days))
        return np.asarray(np.einsum("g,gs,gsn->sn", self.weights, self.rates, values))


def _presence_probability(rates: Floats, leaving: float, silence: Floats) -> Floats:
    total = rates + leaving
    odds = leaving / total * np.expm1(np.minimum(total * silence, _MAX_EXPONENT))
    return np.asarray(1 / (1 + odds))


def _curve_values(curves: tuple[tuple[float, float], ...], tenure: Floats) -> Floats:
    """Return c after these blocks of tenure; shape (1 + curves, *tenure), the first without a curve."""
    values = [begin + (1 - begin) * np.minimum(tenure / blocks, 1) for begin, blocks in curves]
    return np.array([np.ones(tenure.shape), *values])


def _fit_curves(events: Floats, effort: Floats) -> tuple[Floats, Floats, float]:
    """Return the rates of the sellers by each curve, shape (G, sellers), the curves' weights, and the dispersion.

    events  by seller and block, the last one first; shape (sellers, B)
    effort  c x, shape (G, sellers, B)

    The levels are those of the mode, since all sellers tell them. The dispersion is that of the best curve.
    """
    by_seller, by_block, total = events.sum(axis=1), events.sum(axis=0), max(float(events.sum()), _MIN_EVENTS)
    level = np.ones((len(effort), effort.shape[2]))
    for iteration in range(_ITERATIONS + 1):
        exposure = np.einsum("gsb,gb->gs", effort, level)
        prior_exposure = _PRIOR_EVENTS * np.maximum(exposure.sum(axis=1, keepdims=True), _MIN_EXPOSURE) / total
        rates = (by_seller + _PRIOR_EVENTS) / (exposure + prior_exposure)
        if iteration < _ITERATIONS:
            expected = np.einsum("gsb,gs->gb", effort, rates)
            level = (by_block + _LEVEL_PRIOR_EVENTS) / (expected + _LEVEL_PRIOR_EVENTS)
    means = effort * rates[:, :, None] * level[:, None, :]
    squares = ((events - means) ** 2 / np.maximum(means, _MIN_EVENTS)).sum(axis=(1, 2))
    dispersion = max(1.0, float(squares.min()) / max(1, int(np.count_nonzero(effort[0]))))
    log_evidence = (
        (events * np.log(np.maximum(effort * level[:, None, :], _MIN_EXPOSURE))).sum(axis=(1, 2))
        + len(by_seller) * _PRIOR_EVENTS * np.log(prior_exposure[:, 0])
        - ((by_seller + _PRIOR_EVENTS) * np.log(exposure + prior_exposure)).sum(axis=1)
    )
    others = len(effort) - 1
    prior = np.append(_NO_CURVE_PRIOR, np.full(others, (1 - _NO_CURVE_PRIOR) / max(1, others)))
    log_weights = np.log(prior) + _LEARNING_RATE * log_evidence / dispersion
    weights = np.exp(log_weights - log_weights.max())
    discount = 0.5 ** (np.arange(len(by_block)) / _HALF_LIFE_BLOCKS)
    recent_exposure = np.einsum("gsb,gb->gs", effort, level * discount)
    rates = (events @ discount + _PRIOR_EVENTS) / (recent_exposure + prior_exposure)
    return rates, weights / weights.sum(), dispersion
