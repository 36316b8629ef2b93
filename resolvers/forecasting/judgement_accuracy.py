"""How good people's calls were in past periods, beside what the machine had expected on the same mornings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.permissions import Action
from models.forecasting import forecast_calls
from models.forecasting.deal_tables import Basis
from models.forecasting.forecast_calls import CallKind, ForecastCall
from models.ledger import scores
from models.organization.scopes import ScopeKey
from resolvers.forecasting.accuracy import MAX_ORIGINS, QUARTERLY_MIN_DAYS, Accuracy
from resolvers.forecasting.forecasts import BOOKED_METRICS, Forecast
from resolvers.request import scopes
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class ScopeAccuracy(Accuracy):
    """The accuracy of the machine in a scope, with a forecast of that scope."""

    forecast: Forecast


@dataclass(frozen=True)
class JudgementAccuracy:
    """Errors of the last calls of past periods, percent of the actual amounts.

    periods       how many periods had such a call, and a forecast of the same morning
    wape, bias_percent  of the calls
    machine_wape  of the machine
    """

    periods: int
    wape: float
    bias_percent: float
    machine_wape: float


@dataclass(frozen=True, eq=False)
class JudgementAccuracyRequest:
    """A forecast of the scope that is asked about, and the kind of calls; each request is a key of its own."""

    forecast: Forecast
    kind: CallKind


async def measure_judgements(
    context: RequestContext, requests: Sequence[JudgementAccuracyRequest]
) -> list[JudgementAccuracy | None]:
    """Return the accuracy of calls for each request; None without a past one, or if the viewer may not see them."""
    today, calls, totals = await context.today(), dict[Basis, list[ForecastCall]](), dict[_Outcome, int]()
    for basis in {request.forecast.basis for request in requests}:
        keys = {request.forecast.scope.key for request in requests if request.forecast.basis is basis}
        calls[basis] = await forecast_calls.fetch_of_ended_periods(keys, today, basis)
        periods = sorted({(call.first_day, call.last_day) for call in calls[basis]})
        metric = BOOKED_METRICS[basis]
        totals_of_periods = await scores.totals_of_scopes([(metric, *period) for period in periods], keys)
        for period, of_period in zip(periods, totals_of_periods, strict=True):
            totals |= {(basis, scope, *period): total for scope, total in of_period.items()}
    return [_measure(context, request, calls[request.forecast.basis], totals) for request in requests]


_Outcome = tuple[Basis, ScopeKey, date, date]


def _measure(
    context: RequestContext,
    request: JudgementAccuracyRequest,
    calls: Sequence[ForecastCall],
    totals: dict[_Outcome, int],
) -> JudgementAccuracy | None:
    forecast, scope = request.forecast, request.forecast.scope
    action = Action.ADJUST_FORECAST if request.kind is CallKind.ADJUSTMENT else Action.VIEW_FORECAST
    if not scopes.can_act_on(context, action, scope):
        return None
    is_long = forecast.period.days >= QUARTERLY_MIN_DAYS
    latest: dict[tuple[date, date], ForecastCall] = {}
    for call in calls:  # the newest first
        is_same_length = ((call.last_day - call.first_day).days + 1 >= QUARTERLY_MIN_DAYS) == is_long
        if call.kind is request.kind and call.scope == scope.key and is_same_length:
            latest.setdefault((call.first_day, call.last_day), call)
    scored = [
        (call.amount, call.machine_expected, totals.get((forecast.basis, scope.key, *period), 0))
        for period, call in sorted(latest.items(), reverse=True)
        if call.amount is not None and call.machine_expected is not None
    ][:MAX_ORIGINS]
    actual_total = sum(abs(actual) for *_, actual in scored)
    if not actual_total:
        return None
    return JudgementAccuracy(
        len(scored),
        100 * sum(abs(amount - actual) for amount, _, actual in scored) / actual_total,
        100 * sum(amount - actual for amount, _, actual in scored) / actual_total,
        100 * sum(abs(machine - actual) for _, machine, actual in scored) / actual_total,
    )
