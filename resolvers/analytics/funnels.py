"""Funnels: open deals in each stage now, and outcomes of the deals that entered it within a period, with a benchmark.

Deals that were imported without a stage history do not tell in which stage they were lost. If a
pipeline has no others in a period, they are shown in its first stage: created, then won or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from domain.analytics import funnel as arithmetic
from domain.analytics.funnel import Stays
from domain.errors.operation_errors import BadInput, NotFound
from domain.errors.user_errors import Refusal
from domain.permissions import Action
from domain.primitives.global_ids import decoded
from domain.primitives.money import convert
from domain.primitives.periods import Period
from domain.primitives.units import Unit, shown
from models.analytics import funnels
from models.analytics.funnels import Open
from models.crm.pipelines import Stage
from models.goals.goals import OwnerKind
from models.organization.company import Rates
from resolvers.request import scopes
from resolvers.request.context import Context
from resolvers.request.periods import period as period_of
from resolvers.request.scopes import Asked, Scope


@dataclass(frozen=True)
class Question:
    """The arguments of a funnel; the period as sorted pairs of a PeriodInput, the pipeline as a global id."""

    period: tuple[tuple[str, Any], ...] | None = None
    pipeline: str | None = None


@dataclass(frozen=True)
class FunnelStage:
    """One stage: the deals open in it now, and the analysis of those that entered it within the period."""

    stage: Stage
    open: Open
    open_amount: Decimal
    fared: arithmetic.Stage


@dataclass(frozen=True)
class Funnel:
    scope: Scope
    period: Period
    stages: Sequence[FunnelStage]
    weakest: FunnelStage | None


async def asked(context: Context, asked: Asked, question: Question) -> Funnel:
    """Return the funnel of a scope, by default the widest of the viewer. Raises NotFound, BadInput."""
    scope = await scopes.within_reach(context, asked, Action.VIEW_CARD)
    return await context.ask(answers, (scope, question))


async def of_scope(context: Context, scope: Scope, question: Question) -> Funnel | None:
    """Return the funnel of a scope; None if the viewer may not see its card."""
    if not scopes.reaches(context, Action.VIEW_CARD, scope):
        return None
    return await context.ask(answers, (scope, question))


async def answers(context: Context, asked: Sequence[tuple[Scope, Question]]) -> list[Funnel]:
    """Load the funnels of pairs of scope and query, in their order; each query once for all its scopes.

    The permissions have been checked. Raises NotFound, BadInput.
    """
    found: dict[tuple[Scope, Question], Funnel] = {}
    for question in {question for _, question in asked}:
        scopes_ = [scope for scope, its in asked if its == question]
        for scope, funnel in zip(scopes_, await _answered(context, scopes_, question), strict=True):
            found[scope, question] = funnel
    return [found[each] for each in asked]


async def _answered(context: Context, asked: Sequence[Scope], question: Question) -> list[Funnel]:
    try:
        period = await period_of(context, dict(question.period) if question.period else None, "period")
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    company, today = await context.company(), await context.today()
    stages, open_ = await funnels.stages([(scope.kind, scope.number) for scope in asked], _number(question.pipeline))
    if not stages and question.pipeline is not None:
        raise _no_such_pipeline()
    stays = await _stays(stages, period, today)
    foreign = {currency for owner in open_.values() for each in owner.values() for currency in each.amounts}
    rates = await context.rates() if foreign - {company.currency} else Rates([], company.currency)
    return [
        _funnel(context, scope, period, stages, stays, open_[scope.kind, scope.number], rates, today) for scope in asked
    ]


def _number(pipeline: str | None) -> int | None:
    if pipeline is None:
        return None
    pair = decoded(pipeline)
    if pair is None or pair[0] != "Pipeline":
        raise _no_such_pipeline()
    return pair[1]


def _no_such_pipeline() -> NotFound:
    return NotFound("There is no such pipeline.", field="pipeline")


async def _stays(stages: Sequence[Stage], period: Period, today: date) -> list[Stays]:
    if not stages:
        return []
    pipeline, days = stages[0].pipeline_id, (period.start, period.end)
    return await funnels.stays(pipeline, days, today) or await funnels.created(pipeline, stages[0].id, days, today)


def _funnel(
    context: Context,
    scope: Scope,
    period: Period,
    stages: Sequence[Stage],
    stays: Sequence[Stays],
    open_: Mapping[int, Open],
    rates: Rates,
    today: date,
) -> Funnel:
    teams = scope.teams(context) or frozenset()

    def mine(each: Stays) -> bool:
        match scope.kind:
            case OwnerKind.EMPLOYEE:
                return each.seller == scope.number
            case OwnerKind.TEAM:
                return each.team in teams
        return True

    fared = arithmetic.read([stage.id for stage in stages], stays, mine, compared=scope.kind is not OwnerKind.COMPANY)
    found = {
        each.stage: FunnelStage(
            stage, open_.get(stage.id, Open()), _worth(open_.get(stage.id, Open()), rates, today), each
        )
        for stage, each in zip(stages, fared, strict=True)
    }
    weakest = arithmetic.weakest(fared)
    return Funnel(scope, period, list(found.values()), found[weakest.stage] if weakest else None)


def _worth(open_: Open, rates: Rates, today: date) -> Decimal:
    """Return the amount of open deals in the company's currency at the latest rates; without a rate it counts as 0."""
    total = 0
    for currency, amount in open_.amounts.items():
        rate = rates.on(currency, today)
        total += convert(amount, currency, rates.own, rate) if rate is not None else 0
    return shown(total, Unit.MONEY, rates.own)
