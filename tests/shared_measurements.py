"""Lets tests of one process measure past goals once: most of them forecast the same half year of deals.

What was said at a month end depends on the model's inputs alone, so it is kept under a digest of all of them.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable
from typing import Any, Final
from weakref import WeakKeyDictionary

import pytest

from domain.forecasting import past_goals
from domain.forecasting.cooperative import Steps
from domain.forecasting.forecast import FittedModel
from domain.forecasting.goal_calibration import PastGoals
from domain.forecasting.metric_forecast import FittedMetricModel

_MAX_GOALS: Final = 10_000
_goals: dict[Hashable, PastGoals] = {}
_digests: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()


def _inputs_of_deals(model: FittedModel) -> tuple[Any, ...]:
    trainer = model.trainer
    return model.past_deals, model.sellers, model.day, trainer.table, trainer.day, trainer.calendar, trainer.active


def _inputs_of_metric(model: FittedMetricModel) -> tuple[Any, ...]:
    return model._history, model.names, model.active, model.is_count, model.day, model.calendar


def _share(
    measure: Callable[[Any, int, int], Steps[PastGoals]], inputs_of: Callable[[Any], tuple[Any, ...]]
) -> Callable[[Any, int, int], Steps[PastGoals]]:
    """Return the function with its results kept: equal inputs of the model, month and months give the same goals."""

    def measure_once(model: Any, month: int, months: int) -> Steps[PastGoals]:
        digest = _digests.get(model)
        if digest is None:
            digest = _digests[model] = hashlib.sha256(pickle.dumps(inputs_of(model))).digest()
        key = digest, month, months
        if key not in _goals:
            if len(_goals) >= _MAX_GOALS:
                _goals.clear()
            _goals[key] = yield from measure(model, month, months)
        return _goals[key]

    return measure_once


def share_past_goals(patch: pytest.MonkeyPatch) -> None:
    """Let models of deals and of metrics take over what equal models have measured, until the patch is undone."""
    patch.setattr(past_goals, "_measure_goals", _share(past_goals._measure_goals, _inputs_of_deals))
    patch.setattr(FittedMetricModel, "_measure_goals", _share(FittedMetricModel._measure_goals, _inputs_of_metric))
