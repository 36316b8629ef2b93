"""Forecast queries: the forecast of an employee, a team or the company, and its open deals.

The booked amount comes from the ledger, the rest from the process's `ForecastEngine`. Forecasts requested together are
computed in a fixed number of statements. A what-if scenario uses the same deals with some of them taken as won or
lost; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import partial
from typing import Final

import numpy as np

from domain.errors.operation_errors import ResourceNotFound
from domain.forecasting.arrays import Bools
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable
from domain.forecasting.distribution import is_too_wide
from domain.forecasting.forecast import MAX_HORIZON_DAYS, Confidence, SellerForecasts
from domain.permissions import Action
from domain.primitives.money import from_minor
from domain.primitives.periods import Period
from models.crm import deals as deal_rows
from models.crm.deals import Deal
from models.forecasting.deal_tables import Basis
from models.goals import goals
from models.ledger import scores
from models.organization.scopes import COMPANY, ScopeKey
from resolvers.forecasting import what_if
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey, resolve_query_period
from resolvers.request.scopes import Scope, ScopeArgument

BOOKED_METRICS: Final[Mapping[Basis, str]] = {Basis.REVENUE: "deals_won_amount", Basis.PROFIT: "deals_won_profit"}


_SCOPES_PER_STEP: Final = 40  # forecasts that are built without a turn for other computations


class MoneyBasis(StrEnum):
    REVENUE = "REVENUE"
    PROFIT = "PROFIT"

    @property
    def basis(self) -> Basis:
        return Basis(self.value)


@dataclass(frozen=True)
class ForecastQuery:
    """Parameters of a forecast; the period is resolved for each execution, since "this month" changes.

    win, lose    global ids of deals to be taken as won within the period, and as lost
    with_target  whether the target is needed, or the probability to reach it
    with_judgement  whether live forecasts are sent again when people's judgement beside them changes
    """

    period: PeriodKey | None = None
    money: MoneyBasis = MoneyBasis.REVENUE
    win: tuple[str, ...] = ()
    lose: tuple[str, ...] = ()
    with_target: bool = True
    with_judgement: bool = False

    @property
    def basis(self) -> Basis:
        return self.money.basis


@dataclass(frozen=True)
class OpenPipeline:
    """The open deals of a scope as they stand, which is no forecast.

    amount          total of the amounts that they state, in the smallest unit of the company's currency
    without_amount  how many of them state none
    """

    deals: int
    amount: int
    without_amount: int


@dataclass(frozen=True)
class Forecast:
    """A forecast; amounts in the smallest unit. Means are exact: parts add up to the whole before rounding."""

    scope: Scope
    period: Period
    basis: Basis
    currency: str
    booked: int
    pipeline: Fraction
    undated: Fraction
    expected: Fraction
    low: float
    median: float
    high: float
    target: int | None
    attainment_probability: float | None
    confidence: Confidence
    as_of: datetime
    snapshot: DealSnapshot
    seller_forecasts: SellerForecasts | None
    members: Bools
    open_pipeline: OpenPipeline | None  # None if the period is over

    def to_money(self, amount: float | Fraction) -> Decimal:
        return from_minor(round(amount), self.currency)

    @property
    def new_business(self) -> Fraction:
        """The rest of the rounded total, so that the displayed parts add up."""
        return Fraction(round(self.expected) - self.booked - round(self.pipeline))

    @property
    def state(self) -> object:
        """All values that a client sees, to detect changes: equal if only time has passed."""
        parts = (self.booked, self.pipeline, self.undated, self.expected, self.low, self.median, self.high)
        rounded = tuple(round(part) for part in parts)
        rest = (self.target, self.attainment_probability, self.confidence, self.open_pipeline)
        return rounded, self.scope.row.name, self.period, *rest


async def get_forecast(context: RequestContext, scope: ScopeArgument, query: ForecastQuery) -> Forecast:
    """Return the forecast of a scope.

    scope  a resolved scope, a global id, or None for the widest scope of which the viewer may see the forecast

    Raises NotFound if the viewer may not see the scope's forecast or it does not exist, BadInput for an invalid query.
    """
    resolved_scope = scope if isinstance(scope, Scope) else await _resolve_scope(context, scope)
    if resolved_scope is None or not can_view_forecast(context, resolved_scope):
        raise ResourceNotFound(
            "There is no such scope: give the id of a team, an employee or the company.", field="scope"
        )
    return await context.load_for_viewer(load_forecasts, (resolved_scope, query))


async def get_scope_forecast(context: RequestContext, scope: Scope, query: ForecastQuery) -> Forecast | None:
    """Return the forecast as a field of the scope; None if the viewer may not see it."""
    return await get_forecast(context, scope, query) if can_view_forecast(context, scope) else None


def can_view_forecast(context: RequestContext, scope: Scope) -> bool:
    """Return whether the viewer may see the scope's forecast; a wallboard only those of teams and the company."""
    action = Action.VIEW_FORECAST_TOTALS if scope.key.employee_id is None else Action.VIEW_FORECAST
    return scopes.can_act_on(context, action, scope)


async def _resolve_scope(context: RequestContext, global_id: str | None) -> Scope | None:
    if global_id is not None:
        return await scopes.find_scope(context, global_id)
    return await scopes.widest_scope(context, Action.VIEW_FORECAST_TOTALS) or await scopes.widest_scope(
        context, Action.VIEW_FORECAST
    )


async def load_forecasts(context: RequestContext, requests: Sequence[tuple[Scope, ForecastQuery]]) -> list[Forecast]:
    """Return the forecasts of pairs of scope and query; the viewer's permission must have been checked."""
    snapshot = await get_forecast_engine(context).snapshot(context)
    builders: dict[ForecastQuery, _ForecastBuilder] = {}
    for query in {query for _, query in requests}:
        keys = {scope.key for scope, other in requests if other == query}
        builders[query] = await _prepare_builder(context, snapshot, query, keys)
    forecasts: list[Forecast] = []
    for start in range(0, len(requests), _SCOPES_PER_STEP):
        step = [(builders[query], scope) for scope, query in requests[start : start + _SCOPES_PER_STEP]]
        forecasts += await get_forecast_engine(context).run_in_worker(partial(_build_all, step))
    return forecasts


def _build_all(builders_and_scopes: Sequence[tuple[_ForecastBuilder, Scope]]) -> list[Forecast]:
    return [builder.build(scope) for builder, scope in builders_and_scopes]


async def load_employee_totals(
    context: RequestContext, query: ForecastQuery, employees: Sequence[ScopeKey]
) -> Mapping[ScopeKey, tuple[int, int]]:
    """Return what the forecasts of these employees say, computed for all of them together.

    Returns what is booked and what is expected in all, in the smallest unit.
    """
    engine = get_forecast_engine(context)
    builder = await _prepare_builder(context, await engine.snapshot(context), query, {COMPANY})
    expected = await engine.run_chunked(builder.compute_expected_of_sellers())
    return {
        key: (booked, round(booked + expected.get(key.id, 0)))
        for key in employees
        for booked in [builder.by_employee.get(key.id, 0)]
    }


@dataclass(frozen=True)
class _ForecastBuilder:
    """Everything that the forecasts of all scopes share for one query."""

    context: RequestContext
    snapshot: DealSnapshot
    period: Period
    basis: Basis
    today: date
    by_employee: Mapping[int, int]  # booked amounts
    by_team: Mapping[int, int]
    targets: Mapping[ScopeKey, int]
    confidence: Confidence
    seller_forecasts: SellerForecasts | None  # None if the period is over or there is too little history
    open_deals: DealTable | None  # None if the period is over
    currency: str

    def build(self, scope: Scope) -> Forecast:
        if scope.key.employee_id is not None:
            booked = self.by_employee.get(scope.key.employee_id, 0)
        else:
            teams = scope.team_ids(self.context)
            booked = sum(amount for team, amount in self.by_team.items() if teams is None or team in teams)
        members = self.snapshot.sellers.mask_of_scope(scope.key, self.context.tree)
        target = self.targets.get(scope.key)
        booked_only = Forecast(
            scope, self.period, self.basis, self.currency, booked, Fraction(0), Fraction(0), Fraction(booked),
            booked, booked, booked, target, self._settled_probability(booked, target), self.confidence, self.context.now(),
            self.snapshot, self.seller_forecasts, members, self._sum_open_pipeline(members),
        )  # fmt: skip
        return booked_only if self.seller_forecasts is None else self._with_expected(booked_only, self.seller_forecasts)

    def compute_expected_of_sellers(self) -> Steps[Mapping[int, Fraction]]:
        """Compute what each seller is expected to win beyond what is booked, by employee id."""
        if self.seller_forecasts is None:
            return {}
        ids = self.snapshot.sellers.ids
        expected: dict[int, Fraction] = {}
        for start in range(0, len(ids), _SCOPES_PER_STEP):
            indexes = np.arange(start, min(start + _SCOPES_PER_STEP, len(ids)))
            means = self.seller_forecasts.means_of_sellers(indexes)
            expected.update(zip(ids[start : start + _SCOPES_PER_STEP], means, strict=True))
            yield
        return expected

    def _sum_open_pipeline(self, members: Bools) -> OpenPipeline | None:
        if self.open_deals is None:
            return None
        amounts = self.open_deals.stated_worth[self.open_deals.open & members[self.open_deals.seller]]
        is_stated = ~np.isnan(amounts)
        return OpenPipeline(len(amounts), round(float(amounts[is_stated].sum())), int((~is_stated).sum()))

    def _settled_probability(self, booked: int, target: int | None) -> float | None:
        """Return the probability of reaching the target from the booked amount alone; None if that is not decided."""
        if target is None or (self.confidence is Confidence.NONE and self.period.end >= self.today):
            return None
        return float(booked >= target)

    def _with_expected(self, booked_only: Forecast, seller_forecasts: SellerForecasts) -> Forecast:
        distribution = seller_forecasts.aggregate(booked_only.members)
        low, median, high = (booked_only.booked + quantile for quantile in distribution.quantiles)
        is_member = booked_only.members[seller_forecasts.deal_sellers]
        is_overdue = seller_forecasts.is_overdue(self.today.toordinal())
        too_wide = self.confidence is Confidence.NORMAL and is_too_wide(low, high)
        return replace(
            booked_only,
            pipeline=Fraction(distribution.from_open),
            undated=Fraction(float(seller_forecasts.contributions[is_member & is_overdue].sum())),
            expected=booked_only.booked + distribution.mean,
            low=low,
            median=median,
            high=high,
            attainment_probability=None
            if booked_only.target is None
            else distribution.probability_of_at_least(booked_only.target - booked_only.booked),
            confidence=Confidence.LOW if too_wide else self.confidence,
        )


async def _prepare_builder(
    context: RequestContext, snapshot: DealSnapshot, query: ForecastQuery, keys: Collection[ScopeKey]
) -> _ForecastBuilder:
    """Read and draw what the forecasts of the scopes `keys` share for one query."""
    period = await resolve_query_period(context, query.period)
    today, company = await context.today(), await context.company()
    metric = BOOKED_METRICS[query.basis]
    employee_ids = [key.employee_id for key in keys if key.employee_id is not None]
    booked = await scores.totals_by_employee_and_team(
        metric=metric,
        first_day=period.start,
        last_day=period.end,
        employee_ids=employee_ids if len(employee_ids) == len(keys) else None,
    )
    scenario = await what_if.apply_what_if(context, snapshot, query.win, query.lose, period, query.basis)
    for employee_and_team, amount in scenario.booked.items():
        booked[employee_and_team] = booked.get(employee_and_team, 0) + amount
    snapshot = scenario.snapshot
    members = snapshot.sellers.mask_of_scopes(keys, context.tree)
    seller_forecasts, confidence = await _forecast_sellers(context, snapshot, query.basis, period, today, members)
    open_deals = (
        await get_forecast_engine(context).get_open_deals(snapshot, query.basis) if period.end >= today else None
    )
    targets = await goals.targets_by_owner(keys if query.with_target else (), metric, period.start, period.end)
    by_employee, by_team = Counter[int](), Counter[int]()
    for (employee, team), amount in booked.items():
        by_employee[employee] += amount
        by_team[team] += amount
    return _ForecastBuilder(
        context, snapshot, period, query.basis, today, by_employee, by_team, targets, confidence, seller_forecasts,
        open_deals, company.currency,
    )  # fmt: skip


async def _forecast_sellers(
    context: RequestContext, snapshot: DealSnapshot, basis: Basis, period: Period, today: date, members: Bools
) -> tuple[SellerForecasts | None, Confidence]:
    if period.end < today:
        return None, Confidence.NORMAL
    engine = get_forecast_engine(context)
    model = await engine.fit_model(snapshot, basis)
    first, last = max(period.start, today).toordinal(), period.end.toordinal()
    if model.confidence is Confidence.NONE or last - snapshot.today > MAX_HORIZON_DAYS:
        return None, Confidence.NONE
    return await engine.forecast_sellers(snapshot, basis, first, last, context.now(), members), model.confidence


@dataclass(frozen=True)
class DealForecast:
    """An open deal's contribution to a forecast."""

    deal: Deal
    win_probability: float
    expected: Decimal


async def list_deal_forecasts(context: RequestContext, forecast: Forecast, first: int) -> list[DealForecast]:
    """Return the `first` open deals of a forecast by contribution, largest first; none if deals are not visible."""
    validation.check_page_size(first, 1000)
    seller_forecasts = forecast.seller_forecasts
    if seller_forecasts is None or not scopes.can_act_on(context, Action.VIEW_CARD, forecast.scope):
        return []
    member_deals = np.flatnonzero(forecast.members[seller_forecasts.deal_sellers])
    order = member_deals[
        np.lexsort([seller_forecasts.deal_keys[member_deals], -seller_forecasts.contributions[member_deals]])
    ][:first]
    rows = await deal_rows.load_by_ids(seller_forecasts.deal_keys[order].tolist())
    return [
        DealForecast(
            row,
            float(seller_forecasts.win_probabilities[index]),
            forecast.to_money(float(seller_forecasts.contributions[index])),
        )
        for row, index in zip(rows, order.tolist(), strict=True)
        if row is not None
    ]


async def compute_eventual_win_probabilities(context: RequestContext, deal_ids: Sequence[int]) -> list[float | None]:
    """Return for each open deal (by id) the probability that it is ever won; None if there is too little history."""
    engine = get_forecast_engine(context)
    snapshot = await engine.snapshot(context)
    model = await engine.fit_model(snapshot, Basis.REVENUE)
    if model.confidence is Confidence.NONE:
        return [None] * len(deal_ids)
    open_deals = await engine.get_open_deals(snapshot, Basis.REVENUE)
    key = ("ever", snapshot.present_version, snapshot.today)
    probabilities = await engine.compute(
        key, lambda: model.compute_eventual_win_probabilities(open_deals, np.flatnonzero(open_deals.open))
    )
    probability_by_id = dict(zip(open_deals.key[open_deals.open].tolist(), probabilities.tolist(), strict=True))
    return [probability_by_id.get(deal_id) for deal_id in deal_ids]
