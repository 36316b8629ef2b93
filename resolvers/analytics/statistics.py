"""Statistics: time series of metrics over a period compared with the previous one, and figures of its closed deals.

Counts and amounts are the same as those of leaderboards and goals, read from the daily totals. Win
rate, average and median cover the deals closed within the period: a win or loss belongs to the
employee credited with it, and to their team on that day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from domain.analytics.time_series import Closed, Interval, Point, count, points
from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Refusal
from domain.ledger.metrics import WORK, Metric
from domain.permissions import Action
from domain.primitives.periods import Period, previous_comparable
from domain.primitives.units import Unit, shown
from models.analytics import statistics
from resolvers.request import scopes
from resolvers.request.context import Context
from resolvers.request.metric_lookup import metric as metric_of
from resolvers.request.periods import period as period_of
from resolvers.request.scopes import Asked, Scope

MOST_POINTS: Final = 10_000  # of all series of a scope; five times as many of all scopes and queries loaded together


@dataclass(frozen=True)
class Question:
    """The arguments of statistics; the period as sorted pairs of a PeriodInput, metrics None for all."""

    period: tuple[tuple[str, Any], ...] | None = None
    interval: Interval = Interval.DAY
    metrics: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Series:
    """One metric over the period, in its smallest unit."""

    metric: Metric
    total: int
    previous: int
    points: Sequence[Point]
    currency: str

    def shown(self, amount: int) -> Decimal:
        """Convert an amount of the smallest unit to the metric's unit."""
        return shown(amount, self.metric.unit, self.currency)


@dataclass(frozen=True)
class Statistics:
    period: Period
    series: Sequence[Series]
    closed: Closed
    currency: str

    @property
    def average(self) -> Decimal | None:
        average = self.closed.average
        return None if average is None else shown(average, Unit.MONEY, self.currency)


async def asked(context: Context, asked: Asked, question: Question) -> Statistics:
    """Return the statistics of a scope, by default the widest of the viewer. Raises NotFound, BadInput."""
    scope = await scopes.within_reach(context, asked, Action.VIEW_CARD)
    return await context.ask(answers, (scope, question))


async def of_scope(context: Context, scope: Scope, question: Question) -> Statistics | None:
    """Return the statistics of a scope; None if the viewer may not see its card."""
    if not scopes.reaches(context, Action.VIEW_CARD, scope):
        return None
    return await context.ask(answers, (scope, question))


async def answers(context: Context, asked: Sequence[tuple[Scope, Question]]) -> list[Statistics]:
    """Load the statistics of pairs of scope and query, in their order; each query once for all its scopes.

    The permissions have been checked. Raises BadInput for invalid queries or too many points.
    """
    found: dict[tuple[Scope, Question], Statistics] = {}
    together = 0
    for question in {question for _, question in asked}:
        period, metrics = await _meant(context, question)
        its = {scope for scope, other in asked if other == question}
        each = count(period, question.interval) * len(metrics)
        together += each * len(its)
        _check_size(each, together)
        found |= await _answered(context, its, question, period, metrics)
    return [found[one] for one in asked]


async def _answered(
    context: Context, asked: Collection[Scope], question: Question, period: Period, metrics: Sequence[Metric]
) -> dict[tuple[Scope, Question], Statistics]:
    company, today = await context.company(), await context.today()
    calendar = company.calendar
    before = previous_comparable(period, today, calendar)
    owners = [(scope.kind, scope.number) for scope in asked]
    stretches = [(each.start, each.end) for each in (period, before)]
    found = await statistics.read(owners, [metric.key for metric in metrics], *stretches)

    def series(scope: Scope, metric: Metric) -> Series:
        days = found[scope.kind, scope.number].daily.get(metric.key, {})
        chart = points(days, period, question.interval, calendar)
        previous = sum(value for day, value in days.items() if before.contains(day))
        return Series(metric, sum(point.value for point in chart), previous, chart, company.currency)

    return {
        (scope, question): Statistics(
            period,
            [series(scope, metric) for metric in metrics if _seen(context, scope, metric)],
            found[scope.kind, scope.number].closed,
            company.currency,
        )
        for scope in asked
    }


async def _meant(context: Context, question: Question) -> tuple[Period, list[Metric]]:
    try:
        period = await period_of(context, dict(question.period) if question.period else None, "period")
        if question.metrics is None:
            metrics = list((await context.metrics()).values())
        else:
            metrics = [await metric_of(context, key, "metrics") for key in dict.fromkeys(question.metrics)]
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    return period, metrics


def _check_size(each: int, together: int) -> None:
    if each > MOST_POINTS or together > 5 * MOST_POINTS:
        raise BadInput(
            f"These are more than {MOST_POINTS} points: ask for a longer interval, fewer metrics or a shorter period.",
            field="interval",
        )


def _seen(context: Context, scope: Scope, metric: Metric) -> bool:
    return metric.key != WORK or scopes.reaches(context, Action.VIEW_WORK_TIME, scope)
