"""Mutations of people's judgement beside the forecast."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import MoneyBasis
from graph.base.input_mapping import MoneyInput, PeriodInput, to_input
from graph.base.lazy_types import ForecastCallRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.forecasting import forecast_calls
from resolvers.forecasting.inputs import ForecastCallInput


@strawberry.input(
    description="""`scope`: the viewer unless given, or a team or the company. `period`: a month or a quarter that is not
over, the current month unless given. `amount` is in the company's currency; null withdraws what was submitted."""
)
class SubmitForecastInput:
    scope: ID | None = UNSET
    period: PeriodInput | None = UNSET
    basis: MoneyBasis = MoneyBasis.REVENUE
    amount: MoneyInput | None = UNSET
    note: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="As for `submitForecast`; `note` says why. `amount: null` withdraws the adjustment.")
class AdjustForecastInput:
    scope: ID
    period: PeriodInput | None = UNSET
    basis: MoneyBasis = MoneyBasis.REVENUE
    amount: MoneyInput | None = UNSET
    note: str
    idempotency_key: str | None = UNSET


@payload("What is expected now.")
class ForecastCallPayload:
    call: ForecastCallRef | None


@strawberry.type
class ForecastMutation:
    @mutation(
        """Say what a period will bring: an employee for themselves, a manager for a team, a director for the company. What
was said before stays in `Forecast.calls`, and after the period it is compared with the actual amount."""
    )
    async def submit_forecast(self, info: Info, input: SubmitForecastInput) -> ForecastCallPayload:
        call = await forecast_calls.submit_forecast(info.context, to_input(ForecastCallInput, input))
        return ForecastCallPayload(call=call)

    @mutation(
        """Say what is to be expected of an employee, a team or the company in place of the machine's forecast, which stays
as it is beside it."""
    )
    async def adjust_forecast(self, info: Info, input: AdjustForecastInput) -> ForecastCallPayload:
        call = await forecast_calls.adjust_forecast(info.context, to_input(ForecastCallInput, input))
        return ForecastCallPayload(call=call)
