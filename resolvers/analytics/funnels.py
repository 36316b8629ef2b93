"""Funnels: open deals in each stage now, and outcomes of the deals that entered it within a period, with a benchmark.

Deals that were imported without a stage history do not tell in which stage they were lost. If a
pipeline has no others in a period, they are shown in its first stage: created, then won or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.analytics import funnel as arithmetic
from domain.analytics.funnel import ALL_PARTS, FunnelParts, StayGroup
from domain.errors.operation_errors import ResourceNotFound
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from domain.primitives.money import convert
from domain.primitives.periods import Period
from domain.primitives.units import Unit, from_smallest
from models.analytics import funnels
from models.analytics.funnels import StageOpenDeals
from models.crm.pipelines import Stage
from models.organization.company import ExchangeRateTable
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached
from resolvers.request.periods import PeriodKey, resolve_query_period
from resolvers.request.scopes import Scope, ScopeArgument


@dataclass(frozen=True)
class FunnelQuery:
    """The arguments of a funnel, and the parts that the answer needs; the pipeline as a global id."""

    period: PeriodKey | None = None
    pipeline: str | None = None
    parts: FunnelParts = ALL_PARTS


@dataclass(frozen=True)
class FunnelStage:
    """One stage: the deals open in it now, and the analysis of those that entered it within the period.

    Figures of parts that the query does not need are empty.
    """

    stage: Stage
    open_deals: StageOpenDeals
    open_amount: Decimal
    analysis: arithmetic.StageAnalysis


@dataclass(frozen=True)
class Funnel:
    scope: Scope
    period: Period
    stages: Sequence[FunnelStage]

    @property
    def weakest(self) -> FunnelStage | None:
        weakest = arithmetic.find_weakest([stage.analysis for stage in self.stages])
        return None if weakest is None else next(stage for stage in self.stages if stage.analysis is weakest)


@dataclass(frozen=True)
class _DefaultPipelineState:
    """The pipeline that an answer shows because none was asked for; see `AnswerState`. Deals of others may change it."""

    pipeline_id: int | None

    async def is_current(self) -> bool:
        return await funnels.find_default_pipeline_id() == self.pipeline_id


async def resolve_funnel(context: RequestContext, scope_request: ScopeArgument, query: FunnelQuery) -> Funnel:
    """Return the funnel of a scope, by default the widest of the viewer. Raises NotFound, BadInput."""
    scope = await scopes.require_scope(context, scope_request, Action.VIEW_CARD)
    return await context.load_for_viewer(load_funnels, (scope, query))


async def funnel_of_scope(context: RequestContext, scope: Scope, query: FunnelQuery) -> Funnel | None:
    """Return the funnel of a scope; None if the viewer may not see its card."""
    if not scopes.can_act_on(context, Action.VIEW_CARD, scope):
        return None
    return await context.load_for_viewer(load_funnels, (scope, query))


async def load_funnels(context: RequestContext, requests: Sequence[tuple[Scope, FunnelQuery]]) -> list[Funnel]:
    """Load the funnels of pairs of scope and query, in their order; each query once for all its scopes.

    The permissions have been checked. Raises NotFound, BadInput.
    """
    results: dict[tuple[Scope, FunnelQuery], Funnel] = {}
    for query in {query for _, query in requests}:
        query_scopes = [scope for scope, other in requests if other == query]
        for scope, funnel in zip(query_scopes, await _load_for_query(context, query_scopes, query), strict=True):
            results[scope, query] = funnel
    return [results[request] for request in requests]


async def _load_for_query(context: RequestContext, query_scopes: Sequence[Scope], query: FunnelQuery) -> list[Funnel]:
    period, parts = await resolve_query_period(context, query.period), query.parts
    today = await context.today()
    stages, open_deals = await funnels.stages_with_open_deals(
        [scope.key for scope in query_scopes], context.tree, _decode_pipeline_id(query.pipeline), parts
    )
    if not stages and query.pipeline is not None:
        raise _pipeline_not_found()
    if query.pipeline is None and context.answer_basis is not None:
        context.answer_basis.states.append(_DefaultPipelineState(stages[0].pipeline_id if stages else None))
    groups = await _load_visible_groups(context, query_scopes, stages, period, parts) if parts.outcomes else []
    rates = await _load_rates(context, open_deals.values())
    return [
        _build_funnel(context, scope, period, stages, groups, open_deals[scope.key], rates, today)
        for scope in query_scopes
    ]


async def _load_rates(context: RequestContext, open_deals: Iterable[Mapping[int, StageOpenDeals]]) -> ExchangeRateTable:
    company = await context.company()
    currencies = {
        currency for by_stage in open_deals for stage_deals in by_stage.values() for currency in stage_deals.amounts
    }
    return await context.rates() if currencies - {company.currency} else ExchangeRateTable([], company.currency)


def _decode_pipeline_id(global_id: str | None) -> int | None:
    if global_id is None:
        return None
    pair = decode_global_id(global_id)
    if pair is None or pair[0] != "Pipeline":
        raise _pipeline_not_found()
    return pair[1]


def _pipeline_not_found() -> ResourceNotFound:
    return ResourceNotFound("There is no such pipeline.", field="pipeline")


async def _load_visible_groups(
    context: RequestContext,
    query_scopes: Sequence[Scope],
    stages: Sequence[Stage],
    period: Period,
    parts: FunnelParts,
) -> Sequence[StayGroup]:
    """Return the outcomes of the deals of all sellers that the viewer may see; of employees alone if that suffices."""
    if not stages:
        return []
    pipeline_id, days, today = stages[0].pipeline_id, (period.start, period.end), await context.today()
    employee_ids = [scope.key.employee_id for scope in query_scopes if scope.key.employee_id is not None]
    of_employees_alone = not parts.others and len(employee_ids) == len(query_scopes)
    seller_ids = employee_ids if of_employees_alone else None
    groups = await funnels.stay_groups(
        pipeline_id, days, today, with_days=parts.days, seller_ids=seller_ids
    ) or await funnels.created_deal_groups(
        pipeline_id, stages[0].id, days, today, with_days=parts.days, seller_ids=seller_ids
    )
    return groups if of_employees_alone else await _filter_visible(context, groups)


async def _filter_visible(context: RequestContext, groups: Sequence[StayGroup]) -> Sequence[StayGroup]:
    """Return the groups of sellers and teams with visible cards: a benchmark of others would tell what they do."""
    visible_ids = await filter_reached(context, Action.VIEW_CARD, {group.seller_id for group in groups})
    return [
        group
        for group in groups
        if group.seller_id in visible_ids or context.viewer.can_on_team(Action.VIEW_CARD, group.team_id)
    ]


def _build_funnel(
    context: RequestContext,
    scope: Scope,
    period: Period,
    stages: Sequence[Stage],
    groups: Sequence[StayGroup],
    open_deals: Mapping[int, StageOpenDeals],
    rates: ExchangeRateTable,
    today: date,
) -> Funnel:
    day = min(period.end, max(period.start, today))
    employee_id, team_ids = scope.key.employee_id, scope.key.team_ids(context.tree.on(day))

    def is_own(group: StayGroup) -> bool:
        if employee_id is not None:
            return group.seller_id == employee_id
        return team_ids is None or group.team_id in team_ids

    analyses = arithmetic.analyze_stages(
        [stage.id for stage in stages], groups, is_own, compared=not scope.key.is_company
    )
    funnel_stages = []
    for stage, analysis in zip(stages, analyses, strict=True):
        stage_deals = open_deals.get(stage.id, StageOpenDeals())
        funnel_stages.append(FunnelStage(stage, stage_deals, _open_amount(stage_deals, rates, today), analysis))
    return Funnel(scope, period, funnel_stages)


def _open_amount(open_deals: StageOpenDeals, rates: ExchangeRateTable, today: date) -> Decimal:
    """Return the amount of open deals in the company's currency at the latest rates; without a rate it counts as 0."""
    total = 0
    for currency, amount in open_deals.amounts.items():
        rate = rates.latest_rate(currency, today)
        total += convert(amount, currency, rates.company_currency, rate) if rate is not None else 0
    return from_smallest(total, Unit.MONEY, rates.company_currency)
