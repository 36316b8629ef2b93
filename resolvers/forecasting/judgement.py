"""Judgement beside the machine's forecast: the categories of deals, what people submitted, and adjustments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools
from domain.forecasting.categories import DEFAULT_CATEGORY, ForecastCategory
from domain.forecasting.deal_table import DealTable
from domain.ledger.record_facts import DealStatus
from domain.permissions import Action
from models.crm import pipelines
from models.forecasting import forecast_calls
from models.forecasting.deal_columns import CATEGORIES, STATE_CODES
from models.forecasting.forecast_calls import CallKind, ForecastCall
from models.forecasting.pipeline_snapshots import forecast_key
from models.organization.scopes import ScopeKey, ScopeRow
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.forecasting.forecasts import Forecast
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.scopes import Scope, load_scope_rows

MAX_PAGE_SIZE: Final = 1000  # calls, or deals of a driver
_ROLLED_UP: Final = tuple(category for category in ForecastCategory if category is not ForecastCategory.OMITTED)


@dataclass(frozen=True)
class CategoryTotal:
    """The deals of a category that are due in a period; amounts in the smallest unit.

    without_amount  how many of them state no amount
    cumulative      the amount with those of all surer categories; None for OMITTED
    """

    category: ForecastCategory
    deals: int
    amount: int
    without_amount: int
    cumulative: int | None


@dataclass(frozen=True)
class CategoryTotalView:
    """A total with the forecast that it stands beside."""

    total: CategoryTotal
    forecast: Forecast


@dataclass(frozen=True)
class Judgement:
    """What people expect of a scope in the period of a forecast.

    submissions  those that hold, of the scope itself and of the teams and employees in it, as far as the viewer sees them
    submitted    the sum of the submissions of the employees among them; None without any
    adjustment   the one that holds, for viewers who may adjust
    history      all calls of the scope itself, the newest first, those of adjustments as the last line says
    """

    categories: tuple[CategoryTotal, ...]
    submissions: tuple[ForecastCall, ...]
    submitted: int | None
    adjustment: ForecastCall | None
    history: tuple[ForecastCall, ...]

    @property
    def state(self) -> object:
        """All that a client sees, to detect changes: calls are never changed, so their ids say it."""
        adjustment_id = self.adjustment and self.adjustment.id
        return self.categories, [call.id for call in (*self.submissions, *self.history)], adjustment_id


@dataclass(frozen=True, eq=False)
class JudgementRequest:
    """A forecast of which the judgement is asked; each request is a key of its own."""

    forecast: Forecast


async def load_judgements(context: RequestContext, requests: Sequence[JudgementRequest]) -> list[Judgement]:
    """Return the judgement beside each forecast, in a fixed number of statements for each period and basis."""
    forecasts = {id(request.forecast): request.forecast for request in requests}
    stage_categories = {
        stage.id: stage.forecast_category or DEFAULT_CATEGORY for stage in await pipelines.fetch_all_stages()
    }
    calls: dict[str, list[ForecastCall]] = {}
    for forecast in forecasts.values():
        key = forecast_key(forecast.period, forecast.basis)
        if key not in calls:
            calls[key] = await forecast_calls.fetch_of_period(
                forecast.period.start, forecast.period.end, forecast.basis
            )
    rows = await load_scope_rows(context, {call.scope for of_period in calls.values() for call in of_period})
    engine, judgements, today = get_forecast_engine(context), dict[int, Judgement](), await context.today()
    for forecast_id, forecast in forecasts.items():
        open_deals = (
            await engine.get_open_deals(forecast.snapshot, forecast.basis) if forecast.period.end >= today else None
        )
        totals = await engine.run_in_worker(partial(_sum_categories, forecast, open_deals, stage_categories, today))
        of_period = calls[forecast_key(forecast.period, forecast.basis)]
        judgements[forecast_id] = _build_judgement(context, forecast, totals, of_period, rows)
    return [judgements[id(request.forecast)] for request in requests]


def _build_judgement(
    context: RequestContext,
    forecast: Forecast,
    totals: tuple[CategoryTotal, ...],
    calls: Sequence[ForecastCall],
    rows: Mapping[ScopeKey, ScopeRow],
) -> Judgement:
    can_adjust = scopes.can_act_on(context, Action.ADJUST_FORECAST, forecast.scope)
    visible = [call for call in calls if call.kind is CallKind.SUBMISSION or can_adjust]
    history = tuple(call for call in visible if call.scope == forecast.scope.key and _can_view(context, forecast.scope))
    submissions = [
        call
        for scope, call in _latest_by_scope(calls, CallKind.SUBMISSION).items()
        if call.amount is not None
        and _is_within(context, scope, forecast)
        and _can_view(context, Scope(scope, rows[scope]))
    ]
    submissions.sort(key=lambda call: (call.scope != forecast.scope.key, call.owner_kind, call.owner_id))
    of_employees = [
        call.amount for call in submissions if call.scope.employee_id is not None and call.amount is not None
    ]
    adjustment = _latest_by_scope(history, CallKind.ADJUSTMENT).get(forecast.scope.key)
    return Judgement(
        totals,
        tuple(submissions),
        sum(of_employees) if of_employees else None,
        None if adjustment is None or adjustment.amount is None else adjustment,
        history,
    )


def _latest_by_scope(calls: Sequence[ForecastCall], kind: CallKind) -> dict[ScopeKey, ForecastCall]:
    """Return the newest call of a kind of each scope."""
    return {call.scope: call for call in reversed(calls) if call.kind is kind}


def _can_view(context: RequestContext, scope: Scope) -> bool:
    """Return whether the viewer may see calls of the scope: as its forecast, but devices see none."""
    return scopes.can_act_on(context, Action.VIEW_FORECAST, scope)


def _is_within(context: RequestContext, scope: ScopeKey, forecast: Forecast) -> bool:
    """Return whether a scope is that of the forecast, or a team or an employee in it now."""
    group = forecast.scope.key
    if scope.employee_id is not None and scope != group and not group.is_company:
        index = forecast.snapshot.sellers.index_by_id.get(scope.employee_id)
        return index is not None and bool(forecast.members[index])
    return scope.is_within(group, context.tree)


def _sum_categories(
    forecast: Forecast,
    open_deals: DealTable | None,
    stage_categories: Mapping[int, ForecastCategory],
    today: date,
) -> tuple[CategoryTotal, ...]:
    """Return the totals of all categories, the surest first."""
    columns, _ = forecast.snapshot.open_deals
    if open_deals is None:
        open_deals_due, categories = np.zeros(0, np.int64), np.zeros(0, np.int64)
        amounts = np.zeros(0)
    else:
        open_deals_due = np.flatnonzero(_is_due(forecast, open_deals, today) & forecast.members[open_deals.seller])
        rows = np.searchsorted(columns.id, open_deals.key[open_deals_due])
        default = CATEGORIES.index(DEFAULT_CATEGORY)
        stages, indexes = np.unique(columns.stage[rows], return_inverse=True)
        of_stage = np.array(
            [CATEGORIES.index(stage_categories.get(stage, DEFAULT_CATEGORY)) for stage in stages.tolist()],
            dtype=np.int64,
        )
        of_deal = columns.category[rows]
        categories = np.where(of_deal >= 0, of_deal, of_stage[indexes] if len(stages) else default)
        amounts = open_deals.stated_worth[open_deals_due]
    totals, cumulative = list[CategoryTotal](), 0
    for category in ForecastCategory:
        selected = categories == CATEGORIES.index(category)
        without_amount = int(np.isnan(amounts[selected]).sum())
        count, amount = int(selected.sum()), round(float(np.nansum(amounts[selected])))
        if category is ForecastCategory.CLOSED:
            count, amount, without_amount = _count_won(forecast), forecast.booked, 0
        cumulative += amount
        totals.append(
            CategoryTotal(category, count, amount, without_amount, cumulative if category in _ROLLED_UP else None)
        )
    return tuple(totals)


def _is_due(forecast: Forecast, deals: DealTable, today: date) -> Bools:
    """Return which deals are due in the period: undated ones, too, and overdue ones in a period that has begun."""
    first = 0 if forecast.period.start <= today else forecast.period.start.toordinal()
    expected_close = deals.expected_close
    is_within = (expected_close >= first) & (expected_close <= forecast.period.end.toordinal())
    return np.asarray(is_within | (expected_close == NEVER))


def _count_won(forecast: Forecast) -> int:
    columns, sellers = forecast.snapshot.deals, forecast.snapshot.sellers
    winners = np.array(sellers.ids)[forecast.members]
    is_won = (columns.state == STATE_CODES[DealStatus.WON]) & (columns.deleted == NEVER)
    first, last = forecast.period.start.toordinal(), forecast.period.end.toordinal()
    return int((is_won & (columns.closed >= first) & (columns.closed <= last) & np.isin(columns.winner, winners)).sum())
