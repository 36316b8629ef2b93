"""How good forecasts were: errors of the mean, of the range, and of the whole distribution.

source  Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation" (2007);
        Bracher et al., "Evaluating epidemic forecasts in an interval format" (2021), for the weighted
        interval score, here of the 80 % interval and the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.forecasting.arrays import Floats

_LEVELS: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Scored:
    """One forecast with what came; amounts in any one unit."""

    low: float
    median: float
    high: float
    mean: float
    came: float


@dataclass(frozen=True)
class Scores:
    """How many forecasts did.

    wape      sum of |mean - came| over the sum of what came;  wape_median the same of the median
    wis       sum of the weighted interval scores over the sum of what came: small when narrow and right
    bias      sum of (mean - came) over the sum of what came: above zero when too much was promised
    coverage  share of what came that lay within low..high; 0.8 is perfect
    """

    count: int
    wape: float
    wape_median: float
    wis: float
    bias: float
    coverage: float


def scores(made: Sequence[Scored]) -> Scores | None:
    """Return the scores; None where nothing came at all, as nothing can be related to it."""
    if not made:
        return None
    low, median, high, mean, came = np.array([(m.low, m.median, m.high, m.mean, m.came) for m in made]).T
    total = float(np.abs(came).sum())
    if not total:
        return None
    pinball = sum(_pinball(came, at, level) for at, level in zip((low, median, high), _LEVELS, strict=True))
    return Scores(
        len(made),
        float(np.abs(mean - came).sum()) / total,
        float(np.abs(median - came).sum()) / total,
        float(np.sum(pinball)) * 2 / len(_LEVELS) / total,
        float((mean - came).sum()) / total,
        float(((low <= came) & (came <= high)).mean()),
    )


def _pinball(came: Floats, at: Floats, level: float) -> Floats:
    """Return the quantile loss; twice its mean over the levels is the weighted interval score."""
    return np.where(came >= at, level * (came - at), (1 - level) * (at - came))
