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
from typing import Any, Final

import numpy as np

from domain.errors.operation_errors import BadInput, NotFound
from domain.errors.user_errors import Refusal
from domain.forecasting.arrays import Bools
from domain.forecasting.forecast import FARTHEST, Confidence, Outlook, wide
from domain.permissions import Action
from domain.primitives.money import from_minor
from domain.primitives.periods import Period
from models.crm import deals as deal_rows
from models.crm.deals import Deal
from models.forecasting.deal_tables import Basis
from models.goals import goals
from models.goals.goals import OwnerKind
from models.ledger import scores
from models.organization import people
from resolvers.forecasting import what_if
from resolvers.forecasting.forecast_engine import Known, forecaster
from resolvers.request import scopes
from resolvers.request.context import Context
from resolvers.request.periods import period as period_of
from resolvers.request.scopes import Asked, Scope

METRICS: Final[Mapping[Basis, str]] = {Basis.REVENUE: "deals_won_amount", Basis.PROFIT: "deals_won_profit"}


class MoneyBasis(StrEnum):
    REVENUE = "REVENUE"
    PROFIT = "PROFIT"


@dataclass(frozen=True)
class Question:
    """Parameters of a forecast; the period is resolved for each execution, since "this month" changes.

    win, lose  global ids of deals to be taken as won within the period, and as lost
    """

    period: tuple[tuple[str, Any], ...] | None = None  # the fields of the PeriodInput as sorted pairs
    money: MoneyBasis = MoneyBasis.REVENUE
    win: tuple[str, ...] = ()
    lose: tuple[str, ...] = ()

    @property
    def basis(self) -> Basis:
        return Basis(self.money.value)


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
    known: Known
    outlook: Outlook | None
    members: Bools

    def shown(self, amount: float | Fraction) -> Decimal:
        return from_minor(round(amount), self.currency)

    @property
    def new_business(self) -> Fraction:
        """The rest of the rounded total, so that the displayed parts add up."""
        return Fraction(round(self.expected) - self.booked - round(self.pipeline))

    @property
    def state(self) -> object:
        """All values that a client sees, to detect changes: equal if only time has passed."""
        parts = (self.booked, self.pipeline, self.undated, self.expected, self.low, self.median, self.high)
        shown = tuple(round(part) for part in parts)
        return shown, self.scope.row.name, self.period, self.target, self.attainment_probability, self.confidence


async def asked(context: Context, scope: Asked, question: Question) -> Forecast:
    """Return the forecast of a scope.

    scope  a resolved scope, a global id, or None for the widest scope of which the viewer may see the forecast

    Raises NotFound if the viewer may not see the scope's forecast or it does not exist, BadInput for an invalid query.
    """
    meant = scope if isinstance(scope, Scope) else await _meant(context, scope)
    if meant is None or not reaches(context, meant):
        raise NotFound("There is no such scope: give the id of a team, an employee or the company.", field="scope")
    return await context.ask(answers, (meant.kind, meant.number, question))


async def of_scope(context: Context, scope: Scope, question: Question) -> Forecast | None:
    """Return the forecast as a field of the scope; None if the viewer may not see it."""
    return await asked(context, scope, question) if reaches(context, scope) else None


def reaches(context: Context, scope: Scope) -> bool:
    """Return whether the viewer may see the scope's forecast; a wallboard only those of teams and the company."""
    action = Action.VIEW_FORECAST if scope.kind is OwnerKind.EMPLOYEE else Action.VIEW_FORECAST_TOTALS
    return scopes.reaches(context, action, scope)


async def _meant(context: Context, id_: str | None) -> Scope | None:
    if id_ is not None:
        return await scopes.find(context, id_)
    return await scopes.widest(context, Action.VIEW_FORECAST_TOTALS) or await scopes.widest(
        context, Action.VIEW_FORECAST
    )


async def answers(context: Context, asked_: Sequence[tuple[OwnerKind, int, Question]]) -> list[Forecast]:
    """Return the forecasts of (owner kind, owner id, query); the viewer's permission must have been checked."""
    known = await forecaster(context).known(context)
    rows = await _rows(context, {(kind, number) for kind, number, _ in asked_})
    found: dict[Question, _Answers] = {}
    for question in {question for *_, question in asked_}:
        found[question] = await _prepared(context, known, question)
    wanted = [(found[question], Scope(kind, number, rows[kind, number])) for kind, number, question in asked_]
    return await forecaster(context).in_thread(lambda: [answers_.of(scope) for answers_, scope in wanted])


@dataclass(frozen=True)
class _Answers:
    """Everything that the forecasts of all scopes share for one query."""

    context: Context
    known: Known
    period: Period
    basis: Basis
    today: date
    by_employee: Mapping[int, int]  # booked amounts
    by_team: Mapping[int, int]
    targets: Mapping[tuple[OwnerKind, int], int]
    confidence: Confidence
    outlook: Outlook | None  # None if the period is over or there is too little history
    currency: str

    def of(self, scope: Scope) -> Forecast:
        teams = scope.teams(self.context)
        if scope.kind is OwnerKind.EMPLOYEE:
            booked = self.by_employee.get(scope.number, 0)
            members = self.known.staff.only(scope.number)
        else:
            booked = sum(amount for team, amount in self.by_team.items() if teams is None or team in teams)
            members = self.known.staff.in_teams(teams)
        target = self.targets.get((scope.kind, scope.number))
        plain = Forecast(
            scope, self.period, self.basis, self.currency, booked, Fraction(0), Fraction(0), Fraction(booked),
            booked, booked, booked, target, self._reached(booked, target), self.confidence, self.context.now(),
            self.known, self.outlook, members,
        )  # fmt: skip
        return plain if self.outlook is None else self._with_outlook(plain, self.outlook)

    def _reached(self, booked: int, target: int | None) -> float | None:
        """Return the probability of reaching the target from the booked amount alone; None if that is not decided."""
        if target is None or (self.confidence is Confidence.NONE and self.period.end >= self.today):
            return None
        return float(booked >= target)

    def _with_outlook(self, plain: Forecast, outlook: Outlook) -> Forecast:
        found = outlook.of(plain.members)
        low, median, high = (plain.booked + quantile for quantile in found.quantiles)
        mine = plain.members[outlook.sellers]
        overdue = outlook.overdue(self.today.toordinal())
        too_wide = self.confidence is Confidence.NORMAL and wide(low, high)
        return replace(
            plain,
            pipeline=Fraction(found.from_open),
            undated=Fraction(float(outlook.contributions[mine & overdue].sum())),
            expected=plain.booked + found.mean,
            low=low,
            median=median,
            high=high,
            attainment_probability=None if plain.target is None else found.reaches(plain.target - plain.booked),
            confidence=Confidence.LOW if too_wide else self.confidence,
        )


async def _rows(context: Context, keys: Collection[tuple[OwnerKind, int]]) -> dict[tuple[OwnerKind, int], Any]:
    wanted = [number for kind, number in keys if kind is OwnerKind.EMPLOYEE]
    employees = {row.id: row for row in await people.by_ids(wanted) if row} if wanted else {}
    company = await context.company()
    return {key: scopes.owner(context, *key, employees.get(key[1]), company) for key in keys}


async def _prepared(context: Context, known: Known, question: Question) -> _Answers:
    period = await _period(context, question)
    today, company = await context.today(), await context.company()
    metric = METRICS[question.basis]
    booked = await scores.by_employee_and_team(metric=metric, first=period.start, last=period.end)
    supposed = await what_if.supposed(context, known, question.win, question.lose, period, question.basis)
    for who, amount in supposed.booked.items():
        booked[who] = booked.get(who, 0) + amount
    known = supposed.known
    outlook, confidence = await _outlook(context, known, question.basis, period, today)
    targets = await goals.targets(metric, period.start, period.end)
    by_employee, by_team = Counter[int](), Counter[int]()
    for (employee, team), amount in booked.items():
        by_employee[employee] += amount
        by_team[team] += amount
    return _Answers(
        context, known, period, question.basis, today, by_employee, by_team, targets, confidence, outlook,
        company.currency,
    )  # fmt: skip


async def _outlook(
    context: Context, known: Known, basis: Basis, period: Period, today: date
) -> tuple[Outlook | None, Confidence]:
    if period.end < today:
        return None, Confidence.NORMAL
    desk = forecaster(context)
    fit = await desk.fit(known, basis)
    first, last = max(period.start, today).toordinal(), period.end.toordinal()
    if fit.confidence is Confidence.NONE or last - known.today > FARTHEST:
        return None, Confidence.NONE
    return await desk.outlook(known, basis, first, last), fit.confidence


async def _period(context: Context, question: Question) -> Period:
    try:
        return await period_of(context, dict(question.period) if question.period else None, "period")
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal


@dataclass(frozen=True)
class DealForecast:
    """An open deal's contribution to a forecast."""

    deal: Deal
    win_probability: float
    expected: Decimal


async def deals_of(context: Context, forecast: Forecast, first: int) -> list[DealForecast]:
    """Return the `first` open deals of a forecast by contribution, largest first; none if deals are not visible."""
    if not 1 <= first <= 1000:
        raise BadInput("first must be 1 to 1000.", field="first")
    outlook = forecast.outlook
    if outlook is None or not scopes.reaches(context, Action.VIEW_CARD, forecast.scope):
        return []
    mine = np.flatnonzero(forecast.members[outlook.sellers])
    order = mine[np.lexsort([outlook.keys[mine], -outlook.contributions[mine]])][:first]
    rows = await deal_rows.by_ids(outlook.keys[order].tolist())
    return [
        DealForecast(row, float(outlook.chances[at]), forecast.shown(float(outlook.contributions[at])))
        for row, at in zip(rows, order.tolist(), strict=True)
        if row is not None
    ]


async def chances_ever(context: Context, deals: Sequence[int]) -> list[float | None]:
    """Return for each open deal (by id) the probability that it is ever won; None if there is too little history."""
    desk = forecaster(context)
    known = await desk.known(context)
    fit = await desk.fit(known, Basis.REVENUE)
    if fit.confidence is Confidence.NONE:
        return [None] * len(deals)
    then = await desk.open_now(known, Basis.REVENUE)
    key = ("ever", known.present, known.today)
    chances = await desk.work(key, lambda: fit.ever(then, np.flatnonzero(then.open)))
    found = dict(zip(then.key[then.open].tolist(), chances.tolist(), strict=True))
    return [found.get(deal) for deal in deals]
