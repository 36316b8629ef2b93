"""Inputs of forecast calls."""

from __future__ import annotations

from dataclasses import dataclass

from domain.primitives.unset import UNSET, Unset
from resolvers.forecasting.forecasts import MoneyBasis
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey


@dataclass(frozen=True, kw_only=True)
class ForecastCallInput:
    """What is expected of a scope in a period.

    scope   global id; None for the viewer
    period  None for the current month
    amount  None withdraws what was expected so far
    """

    scope: str | None = None
    period: PeriodKey | None = None
    basis: MoneyBasis = MoneyBasis.REVENUE
    amount: Money | Unset | None = UNSET
    note: str | None = None
