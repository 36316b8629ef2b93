"""Submit what one expects of a period, and adjust a forecast; what was said before stays in the history."""

from __future__ import annotations

from typing import Final

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.forecasting.forecast import MAX_HORIZON_DAYS
from domain.permissions import Action
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.unset import UNSET
from models.db import row_store
from models.forecasting import forecast_calls, pipeline_snapshots
from models.forecasting.forecast_calls import CallKind, ForecastCall
from resolvers.forecasting.inputs import ForecastCallInput
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.periods import resolve_period
from resolvers.request.scopes import Scope

FORECASTS_TOPIC: Final = "forecasts"
_CALLED_PERIODS: Final = (PeriodKind.MONTH, PeriodKind.QUARTER)


async def submit_forecast(context: RequestContext, input: ForecastCallInput) -> ForecastCall:
    """Say what the viewer, a team of theirs or the company will bring in. An identical repeat changes nothing."""
    scope = await _resolve_scope(context, input.scope, Action.SUBMIT_FORECAST)
    if scope.employee is not None and scope.employee.id != context.viewer.id:
        raise Forbidden("Employees submit for themselves: adjust their forecast instead.", "input", "scope")
    return await _save(context, CallKind.SUBMISSION, scope, input)


async def adjust_forecast(context: RequestContext, input: ForecastCallInput) -> ForecastCall:
    """Say what is to be expected of a scope in place of the machine's forecast. An identical repeat changes nothing."""
    scope = await _resolve_scope(context, input.scope, Action.ADJUST_FORECAST)
    if not (input.note or "").strip():
        raise Required("Say in a note why the forecast is adjusted.", "input", "note")
    return await _save(context, CallKind.ADJUSTMENT, scope, input)


async def _resolve_scope(context: RequestContext, global_id: str | None, action: Action) -> Scope:
    viewer = context.viewer
    if global_id is None:
        if viewer.employee is None:
            raise Required("Name the `scope`: a device has no forecast of its own.", "input", "scope")
        scope: Scope | None = Scope.of_row(viewer.employee)
    else:
        scope = await scopes.find_scope(context, global_id)
    if scope is None or not scopes.can_see(context, scope):
        raise NotFound("There is no such scope: give the id of a team, an employee or the company.", "input", "scope")
    if not scopes.can_act_on(context, action, scope):
        raise Forbidden(
            "This forecast is beyond your reach: choose your own, or one of a team of yours.", "input", "scope"
        )
    if scope.employee is not None and not scope.employee.active:
        raise Conflict("This employee is not active: nothing can be expected of them.", "input", "scope")
    return scope


async def _save(context: RequestContext, kind: CallKind, scope: Scope, input: ForecastCallInput) -> ForecastCall:
    period = await _resolve_period(context, input)
    amount = await _clean_amount(context, input)
    note = validation.clean_note(input.note, "input", "note")
    basis = input.basis.basis
    latest = await forecast_calls.find_latest(kind, scope.key, period.start, period.end, basis)
    if amount is None and (latest is None or latest.amount is None):
        raise NotFound("Nothing is expected so far that could be withdrawn: give an amount.", "input", "amount")
    if latest is not None and (latest.amount, latest.note, latest.author_id) == (amount, note, context.viewer.id):
        return latest
    call = ForecastCall(
        kind=kind,
        owner_kind=scope.kind,
        owner_id=scope.id,
        first_day=period.start,
        last_day=period.end,
        basis=basis,
        amount=amount,
        note=note,
        machine_expected=await pipeline_snapshots.find_machine_forecast(
            await context.today(), scope.key, period, basis
        ),
        author_id=context.viewer.id,
        at=context.now(),
    )
    await row_store.insert(call)
    context.publish(FORECASTS_TOPIC)
    return call


async def _resolve_period(context: RequestContext, input: ForecastCallInput) -> Period:
    period = await resolve_period(context, input.period, "input", "period")
    if period.kind not in _CALLED_PERIODS:
        raise Invalid("Forecasts are submitted for a month or a quarter: give one of them.", "input", "period", "kind")
    today = await context.today()
    if period.end < today:
        raise Conflict("This period is over: what was expected of it stays as it is.", "input", "period")
    if (period.end - today).days > MAX_HORIZON_DAYS:
        raise OutOfRange("Give a period that ends at most {days} days ahead.", "input", "period", days=MAX_HORIZON_DAYS)
    return period


async def _clean_amount(context: RequestContext, input: ForecastCallInput) -> int | None:
    """Return the amount in the smallest unit of the company's currency; None withdraws."""
    if input.amount is UNSET:
        raise Required("Give an amount, or null to withdraw the one so far.", "input", "amount")
    if input.amount is None:
        return None
    company_currency = (await context.company()).currency
    amount, currency = validation.clean_money(input.amount, company_currency, "input", "amount")
    if currency != company_currency:
        raise Invalid(
            "Forecasts are in the company's currency: give the amount in {currency}.",
            "input",
            "amount",
            "currency",
            currency=company_currency,
        )
    return amount
