"""Statistics: time series of metrics over a period compared with the previous one, and figures of its closed deals.

Counts and amounts are the same as those of leaderboards and goals, read from the ledger, and so is the average
amount of a win: the total of the wins' amounts divided by their number, late corrections included in both. Win
rate and sales cycle cover the deals closed within the period by their present state, late corrections left out
of wins and losses: a win or loss belongs to the employee credited with it, and to their team on that day.

Every figure has the same figure of the period's counterpart beside it, see `domain.primitives.counterparts`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from domain.analytics.time_series import (
    ALL_PARTS,
    ClosedDeals,
    Interval,
    Point,
    StatisticsParts,
    average_amount,
    build_points,
    max_point_count,
)
from domain.errors.operation_errors import BadInput
from domain.ledger.metrics import Metric
from domain.permissions import Action
from domain.primitives.calendar import Calendar
from domain.primitives.counterparts import Counterpart, find_counterpart
from domain.primitives.periods import Period, shift_period
from domain.primitives.units import Unit, from_smallest
from models.analytics import statistics
from models.organization.scopes import ScopeKey
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.metric_lookup import find_metric
from resolvers.request.periods import PeriodKey, resolve_query_period
from resolvers.request.scopes import Scope, ScopeArgument
from resolvers.request.validation import raise_bad_input

_WIN_COUNT, _WIN_AMOUNT = "deals_won", "deals_won_amount"  # the metrics of which the average amount is made
MAX_POINTS: Final = 10_000  # of all series of a scope; five times as many of all scopes and queries loaded together


@dataclass(frozen=True)
class StatisticsQuery:
    """The arguments of statistics, and the parts that the answer needs; metrics None for all."""

    period: PeriodKey | None = None
    interval: Interval = Interval.DAY
    metrics: tuple[str, ...] | None = None
    parts: StatisticsParts = ALL_PARTS


@dataclass(frozen=True)
class MetricSeries:
    """One metric over the period, in its smallest unit.

    daily  by day of the period
    """

    metric: Metric
    total: int
    previous: int
    daily: Mapping[date, int]
    period: Period
    interval: Interval
    calendar: Calendar
    currency: str

    @property
    def points(self) -> list[Point]:
        return build_points(self.daily, self.period, self.interval, self.calendar)

    def in_metric_unit(self, amount: int) -> Decimal:
        """Convert an amount of the smallest unit to the metric's unit."""
        return from_smallest(amount, self.metric.unit, self.currency)


@dataclass(frozen=True)
class DealFigures:
    """Figures of the wins and losses of a period, or of its counterpart.

    won_amount, won_count  the totals of the ledger
    """

    closed: ClosedDeals
    won_amount: int
    won_count: int
    currency: str

    @property
    def average_amount(self) -> Decimal | None:
        average = average_amount(self.won_amount, self.won_count)
        return None if average is None else from_smallest(average, Unit.MONEY, self.currency)


@dataclass(frozen=True)
class Statistics:
    period: Period
    series: Sequence[MetricSeries]
    deals: DealFigures
    previous_deals: DealFigures


async def resolve_statistics(
    context: RequestContext, scope_request: ScopeArgument, query: StatisticsQuery
) -> Statistics:
    """Return the statistics of a scope, by default the widest of the viewer. Raises NotFound, BadInput."""
    scope = await scopes.require_scope(context, scope_request, Action.VIEW_CARD)
    return await context.load_for_viewer(load_statistics, (scope, query))


async def statistics_of_scope(context: RequestContext, scope: Scope, query: StatisticsQuery) -> Statistics | None:
    """Return the statistics of a scope; None if the viewer may not see its card."""
    if not scopes.can_act_on(context, Action.VIEW_CARD, scope):
        return None
    return await context.load_for_viewer(load_statistics, (scope, query))


async def load_statistics(
    context: RequestContext, requests: Sequence[tuple[Scope, StatisticsQuery]]
) -> list[Statistics]:
    """Load the statistics of pairs of scope and query, in their order; each query once for all its scopes.

    The permissions have been checked. Raises BadInput for invalid queries or too many points.
    """
    results: dict[tuple[Scope, StatisticsQuery], Statistics] = {}
    total_points = 0
    for query in {query for _, query in requests}:
        period, metrics = await _resolve_query(context, query)
        query_scopes = {scope for scope, other in requests if other == query}
        query_points = max_point_count(period, query.interval) * len(metrics)
        total_points += query_points * len(query_scopes)
        _check_size(query_points, total_points)
        results |= await _load_for_query(context, query_scopes, query, period, metrics)
    return [results[request] for request in requests]


async def _load_for_query(
    context: RequestContext,
    query_scopes: Collection[Scope],
    query: StatisticsQuery,
    period: Period,
    metrics: Sequence[Metric],
) -> dict[tuple[Scope, StatisticsQuery], Statistics]:
    company, parts = await context.company(), query.parts
    metric_keys = [metric.key for metric in metrics] if parts.totals or parts.previous_totals else []
    if parts.average or parts.previous_average:
        metric_keys += [key for key in (_WIN_COUNT, _WIN_AMOUNT) if key not in metric_keys]
    statistics_by_owner: dict[ScopeKey, statistics.OwnerStatistics] = {}
    for counterpart, owners in (await _group_by_counterpart(context, query_scopes, period, parts)).items():
        statistics_by_owner |= await statistics.read_statistics(
            owners, context.tree, metric_keys, period, counterpart, parts
        )

    def build(scope: Scope) -> Statistics:
        owner = statistics_by_owner[scope.key]
        series = []
        for metric in metrics:
            if context.viewer.can_see_total(metric.key, scope.key, scope.employee):
                total, previous = owner.totals[metric.key], owner.previous_totals[metric.key]
                daily, interval, calendar = owner.daily.get(metric.key, {}), query.interval, company.calendar
                series.append(
                    MetricSeries(metric, total, previous, daily, period, interval, calendar, company.currency)
                )
        figures, previous_figures = [
            DealFigures(closed, amounts[_WIN_AMOUNT], amounts[_WIN_COUNT], company.currency)
            for closed, amounts in ((owner.closed, owner.totals), (owner.previous_closed, owner.previous_totals))
        ]
        return Statistics(period, series, figures, previous_figures)

    return {(scope, query): build(scope) for scope in query_scopes}


async def _group_by_counterpart(
    context: RequestContext, query_scopes: Collection[Scope], period: Period, parts: StatisticsParts
) -> dict[Counterpart | None, list[ScopeKey]]:
    """Group the owners by what they are compared with, if they are: an employee by their own working days."""
    if not parts.previous:
        return {None: [scope.key for scope in query_scopes]}
    calendar, now = await context.calendar(), context.now()
    today, previous = calendar.day_of(now), shift_period(period, -1, calendar)
    groups: dict[Counterpart | None, list[ScopeKey]] = {}
    for scope in query_scopes:
        own_calendar = calendar
        if scope.key.employee_id is not None and period.contains(today):
            own_calendar = (await context.work_schedule()).calendar_of(scope.key.employee_id, previous.start, today)
        groups.setdefault(find_counterpart(period, now, own_calendar), []).append(scope.key)
    return groups


async def _resolve_query(context: RequestContext, query: StatisticsQuery) -> tuple[Period, list[Metric]]:
    period = await resolve_query_period(context, query.period)
    if query.metrics is None:
        return period, list((await context.metrics()).values())
    with raise_bad_input():
        return period, [await find_metric(context, key, "metrics") for key in dict.fromkeys(query.metrics)]


def _check_size(query_points: int, total_points: int) -> None:
    if query_points > MAX_POINTS or total_points > 5 * MAX_POINTS:
        raise BadInput(
            "These are more than {most} points: ask for a longer interval, fewer metrics or a shorter period.",
            field="interval",
            most=MAX_POINTS,
        )
