"""Shares of the sellers in the volume to come: several models, weighed by their past errors.

Customers with orders in cycles, newcomers, growing sellers, and sellers that are the same for years need memories of
different length. Each model of `SHARE_MODELS` says the shares of a window as of earlier month ends, with what was
known then. The shares are the weighted mean of the models: weight ~ prior weight × exp(0.5 × log-likelihood of the
events that came / dispersion). The dispersion is that of the best model, since events of a seller come in lumps, and a
single lump says less than its number of events.

Source: Burnham & Anderson, "Model Selection and Multimodel Inference" (2002), for weights by the quasi-likelihood;
Grünwald & van Ommen, "Inconsistency of Bayesian inference for misspecified linear models, and a proposal for repairing
it" (2017), for the learning rate below 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats
from domain.forecasting.discounted_rates import DiscountedRates
from domain.forecasting.forecast_model import EventHistory, ForecastModel
from domain.forecasting.order_cycles import OrderCycles
from domain.forecasting.tenure_curves import TenureCurves
from domain.forecasting.window_blocks import WindowBlocks

SHARE_MODELS: Final[tuple[ForecastModel, ...]] = (
    DiscountedRates(9.0),
    DiscountedRates(3.0),
    DiscountedRates(36.0),
    WindowBlocks(1),
    OrderCycles(91),
    TenureCurves(),
)
_PRIOR_WEIGHTS: Final = np.array([0.3, 0.1, 0.1, 0.1, 0.1, 0.3])
_MIN_EVENTS: Final = 0.5  # floor of expectations that are divided by
_LEARNING_RATE: Final = 0.5  # of the log-likelihood: month ends are alike, so their evidence is less than it seems


def predict_shares(history: EventHistory, first: int, last: int) -> Floats:
    """Return each model's shares of the sellers in the window; shape (models, sellers), rows sum to 1, or to 0."""
    predictions = np.array([model.fit(history).predict(first, last) for model in SHARE_MODELS])
    totals = predictions.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(predictions, totals, out=np.zeros_like(predictions), where=totals > 0))


def weigh_models(shares: Sequence[Floats], actual: Sequence[Floats], months: int) -> Floats:
    """Return the models' weights, shape (models,), from their shares at month ends and the events that came.

    shares  shape (models, sellers) for each month end;  actual  shape (sellers,) for each
    months  length of the windows: those that begin a month apart overlap, and count for less
    """
    if not actual:
        return _PRIOR_WEIGHTS
    said, came = np.concatenate(shares, axis=1), np.concatenate(actual)
    totals = np.repeat([wins.sum() for wins in actual], [len(wins) for wins in actual])
    use = said[0] > 0
    said, came, totals = said[:, use], came[use], totals[use]
    expected = np.maximum(said * totals, _MIN_EVENTS)
    dispersion = ((came - expected) ** 2 / expected).mean(axis=1).min(initial=np.inf) if len(came) else 1.0
    log_likelihood = np.log(said) @ came / (months * max(1.0, float(dispersion)))
    weights = _PRIOR_WEIGHTS * np.exp(_LEARNING_RATE * (log_likelihood - log_likelihood.max()))
    return np.asarray(weights / weights.sum())
