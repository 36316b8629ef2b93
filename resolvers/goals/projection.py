"""Goal projection: the expected value at the end of the period, and the probability to reach the target.

Goals of won deals use the deal forecast; every other metric has a model fitted to its own history.
While there is too little history, the pace so far is continued, and there is no probability. The same is shown to a
viewer who may not see the owner's forecast, or the history that a model is fitted to.

The value of the running day is known up to now, so both add only what the day still has of its working hours: nothing
after their end. A model of history knows the employees' absences, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting.distribution import Distribution
from domain.forecasting.forecast import MAX_HORIZON_DAYS, Confidence, SellerForecasts
from domain.forecasting.metric_forecast import FittedMetricModel, MetricWindow
from domain.goals.progress import ProjectionBasis, calculate_percent
from domain.permissions import Action
from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.units import Unit
from models.forecasting.deal_tables import Basis, SellerIndex
from models.goals.goals import Goal
from models.organization.scopes import COMPANY, ScopeKey
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.forecasting.metric_history import MetricHistory
from resolvers.goals.progress import GoalState
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached

DEAL_METRICS: Final = {
    "deals_won": Basis.COUNT,
    "deals_won_amount": Basis.REVENUE,
    "deals_won_profit": Basis.PROFIT,
}
GOAL_PROBABILITY_TOPIC: Final = (
    "chances"  # topic: all goal probabilities have changed; "chances:ID": those of an employee
)

# by goal id: the model, the key of days and staff, the staff (referenced, so that its `id()` is not reused), and the
# distribution of the remaining value
ProjectionCache = dict[int, tuple[SellerForecasts | MetricWindow, tuple[int, int, int], SellerIndex, Distribution]]


@dataclass(frozen=True)
class GoalProjection:
    """The projection of a goal.

    value        expected final value, in the metric's smallest unit
    percent      100 × value / target
    probability  that the target is reached, 0 to 1; None while there is too little history
    """

    value: Fraction
    percent: float
    probability: float | None
    basis: ProjectionBasis


def projection_topics(context: RequestContext, rows: Sequence[Goal]) -> set[str]:
    """Return the topics on which the projections of these goals change although the goals themselves do not.

    In a live stream the process determines the sellers with a changed forecast, so that an employee's goals need
    not listen to changes of all deals.
    """
    names = set()
    for row in rows:
        if row.metric in DEAL_METRICS:
            per_employee = context.reference_cache is not None and row.scope.employee_id is not None
            names |= {GOAL_PROBABILITY_TOPIC, f"{GOAL_PROBABILITY_TOPIC}:{row.owner_id}"} if per_employee else {"deals"}
    return names


async def project_goals(
    context: RequestContext, rows: Sequence[GoalState], cache: ProjectionCache | None = None
) -> list[GoalProjection]:
    """Project each goal.

    cache  of a live stream: keeps the distributions of the remaining values, which are still valid when only the
           goals' present values have changed
    """
    today = await context.today()
    running = [row for row in rows if row.goal.last_day >= today]
    if not running:
        return [_ended_projection(row) for row in rows]
    engine, projection_cache = get_forecast_engine(context), {} if cache is None else cache
    snapshot = await engine.snapshot(context)
    metrics = {row.goal.metric for row in running} - DEAL_METRICS.keys()
    histories = await engine.get_metric_histories(context, snapshot, metrics) if metrics else {}
    owner_ids = {
        row.goal.owner_id
        for row in running
        if row.goal.scope.employee_id is not None and row.goal.metric in DEAL_METRICS
    }
    forecast_ids = await filter_reached(context, Action.VIEW_FORECAST, owner_ids)
    projections = []
    for row in rows:
        if row.goal.last_day < today:
            projections.append(_ended_projection(row))
        elif can_see_projection(context, row.goal.metric, row.goal.scope, forecast_ids):
            projections.append(await _project_goal(context, snapshot, histories, row, projection_cache))
        else:
            projections.append(_pace_projection(row))
    return projections


def can_see_projection(context: RequestContext, metric: str, scope: ScopeKey, forecast_ids: Collection[int]) -> bool:
    """Return whether the viewer may see what the projection of a goal is computed from.

    A projection of won deals tells the owner's forecast, and so needs the right to it. Other metrics are projected
    from the history of all employees, which leaderboards show unless the metric is private.

    forecast_ids  the employees with a forecast that the viewer may see
    """
    if metric not in DEAL_METRICS:
        return context.viewer.can_see_total(metric, COMPANY, None)
    if scope.employee_id is not None:
        return scope.employee_id in forecast_ids
    return context.viewer.can_in_scope(Action.VIEW_FORECAST_TOTALS, scope, None)


def _ended_projection(row: GoalState) -> GoalProjection:
    value = Fraction(row.progress.value)
    is_reached = row.progress.value >= row.progress.target
    return GoalProjection(value, row.progress.percent, float(is_reached), ProjectionBasis.VALUE)


def _pace_projection(row: GoalState) -> GoalProjection:
    """Return the projection that continues the pace so far, with a probability only if the target is reached."""
    progress = row.progress
    probability = 1.0 if progress.value >= progress.target else None
    return GoalProjection(progress.projected, progress.projected_percent, probability, progress.pace_projection_basis)


async def _project_goal(
    context: RequestContext,
    snapshot: DealSnapshot,
    histories: Mapping[str, MetricHistory],
    row: GoalState,
    cache: ProjectionCache,
) -> GoalProjection:
    goal, progress = row.goal, row.progress
    first, last = days_ahead(goal.period, snapshot)
    source = await find_forecast_source(
        context, snapshot, histories, goal.metric, row.unit, goal.scope, goal.period, row.as_of
    )
    if source is None:
        return _pace_projection(row)
    key = first, last, id(snapshot.sellers)
    cached = cache.get(goal.id)
    if cached is not None and cached[0] is source and cached[1] == key:
        remaining = cached[3]
    else:
        remaining = source.aggregate(snapshot.sellers.mask_of_scope(goal.scope, context.tree))
        cache[goal.id] = source, key, snapshot.sellers, remaining
    value = progress.value + remaining.mean
    return GoalProjection(
        value,
        calculate_percent(value, progress.target),
        remaining.probability_of_at_least(progress.target - progress.value),
        ProjectionBasis.HISTORY if isinstance(source, MetricWindow) else ProjectionBasis.FORECAST,
    )


def days_ahead(period: Period, snapshot: DealSnapshot) -> tuple[int, int]:
    """Return the ordinals of the first day, today or later, and of the last day of a period that is not over."""
    return max(period.start.toordinal(), snapshot.today), period.end.toordinal()


async def find_forecast_source(
    context: RequestContext,
    snapshot: DealSnapshot,
    histories: Mapping[str, MetricHistory],
    metric: str,
    unit: Unit,
    scope: ScopeKey,
    period: Period,
    as_of: datetime,
) -> SellerForecasts | MetricWindow | None:
    """Return the forecast of what remains of a period, for the sellers of the scope; None while there is too little history.

    Also None for a period that ends later than the forecast reaches.
    """
    engine = get_forecast_engine(context)
    first, last = days_ahead(period, snapshot)
    if last - snapshot.today > MAX_HORIZON_DAYS:
        return None
    basis = DEAL_METRICS.get(metric)
    members = snapshot.sellers.mask_of_scope(scope, context.tree)
    if basis is None:
        fit = await _fit_metric(context, snapshot, metric, histories[metric], unit)
        if fit.confidence is Confidence.NONE:
            return None
        window = Period(date.fromordinal(first), date.fromordinal(last), PeriodKind.CUSTOM)
        shares = (await context.work_schedule()).shares_left(snapshot.sellers.ids, window, as_of)
        metric_window = await engine.compute_latest(
            ("metric window", metric, fit, first, last),
            shares,
            lambda: fit.compute_window(first, last, np.array(shares)),
        )
        await engine.draw(metric_window, members)
        return metric_window
    if (await engine.fit_model(snapshot, basis)).confidence is Confidence.NONE:
        return None
    return await engine.forecast_sellers(snapshot, basis, first, last, as_of, members)


async def _fit_metric(
    context: RequestContext, snapshot: DealSnapshot, metric: str, history: MetricHistory, unit: Unit
) -> FittedMetricModel:
    """Return the model of the metric; fitted once a day, and again when its history has changed."""
    staff, calendar = snapshot.sellers, snapshot.calendar
    key = (history.until, history.last_entry_id, staff.keys, staff.active.tobytes(), calendar)
    return await get_forecast_engine(context).compute_from_last(
        ("metric", metric),
        key,
        lambda before: _train_metric_fit(history, staff, calendar, unit is Unit.COUNT, before),
    )


def _train_metric_fit(
    history: MetricHistory,
    staff: SellerIndex,
    calendar: Calendar,
    whole_numbers: bool,
    before: FittedMetricModel | None,
) -> FittedMetricModel:
    return FittedMetricModel(
        history.day,
        staff.indexes_of(history.employee) if len(history.employee) else history.employee,
        history.amount.astype(np.float64),
        is_count=whole_numbers,
        day=history.until,
        calendar=calendar,
        names=staff.keys,
        active=staff.active,
        before=before,
    )
