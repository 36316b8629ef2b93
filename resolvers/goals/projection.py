"""Goal projection: the expected value at the end of the period, and the probability to reach the target.

Goals of won deals use the deal forecast; every other metric has a model fitted to its own history.
While there is too little history, the pace so far is continued, and there is no probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools
from domain.forecasting.forecast import FARTHEST, Confidence, Distribution, Outlook
from domain.forecasting.metric_forecast import MetricFit
from domain.goals.progress import percent
from domain.primitives.calendar import Calendar
from domain.primitives.units import Unit
from models.forecasting.deal_tables import Basis, Staff
from models.goals.goals import Goal, OwnerKind
from resolvers.forecasting.forecast_engine import Known, forecaster
from resolvers.forecasting.metric_history import MetricPast
from resolvers.goals.progress import Reached
from resolvers.request.context import Context

_OF_DEALS: Final = {
    "deals_won": Basis.COUNT,
    "deals_won_amount": Basis.REVENUE,
    "deals_won_profit": Basis.PROFIT,
}
CHANCES: Final = "chances"  # topic: all goal probabilities have changed; "chances:ID": those of an employee

# by goal id: the model, the key of days and staff, the staff (referenced, so that its `id()` is not reused), and the
# distribution of the remaining value
Coming = dict[int, tuple[Outlook | MetricFit, tuple[int, int, int], Staff, Distribution]]


@dataclass(frozen=True)
class Projection:
    """The projection of a goal.

    value        expected final value, in the metric's smallest unit
    percent      100 × value / target
    probability  that the target is reached, 0 to 1; None while there is too little history
    """

    value: Fraction
    percent: float
    probability: float | None


def topics(context: Context, rows: Sequence[Goal]) -> set[str]:
    """Return the topics on which the projections of these goals change although the goals themselves do not.

    In a live stream the process determines the sellers whose forecast has changed, so that an employee's goals need
    not listen to changes of all deals.
    """
    found = set()
    for row in rows:
        if row.metric in _OF_DEALS:
            own = context.known is not None and row.owner_kind is OwnerKind.EMPLOYEE
            found |= {CHANCES, f"{CHANCES}:{row.owner_id}"} if own else {"deals"}
    return found


async def projections(context: Context, rows: Sequence[Reached], coming: Coming | None = None) -> list[Projection]:
    """Project each goal.

    cache  of a live stream: keeps the distributions of the remaining values, which are still valid when only the
           goals' present values have changed
    """
    today = await context.today()
    open_ = [row for row in rows if row.goal.last_day >= today]
    if not open_:
        return [_over(row) for row in rows]
    desk, kept = forecaster(context), {} if coming is None else coming
    known = await desk.known(context)
    metrics = {row.goal.metric for row in open_} - _OF_DEALS.keys()
    pasts = await desk.metric_pasts(context, known, metrics) if metrics else {}
    return [
        await _projection(context, known, pasts, row, kept) if row.goal.last_day >= today else _over(row)
        for row in rows
    ]


def _over(row: Reached) -> Projection:
    value = Fraction(row.sums.value)
    return Projection(value, row.sums.percent, float(row.sums.value >= row.sums.target))


async def _projection(
    context: Context, known: Known, pasts: Mapping[str, MetricPast], row: Reached, kept: Coming
) -> Projection:
    goal, sums = row.goal, row.sums
    first, last = max(goal.first_day.toordinal(), known.today), goal.last_day.toordinal()
    source = await _source(context, known, pasts, row, first, last)
    if source is None:
        reached = 1.0 if sums.value >= sums.target else None
        return Projection(sums.projected, sums.projected_percent, reached)
    of = first, last, id(known.staff)
    before = kept.get(goal.id)
    if before is not None and before[0] is source and before[1] == of:
        coming = before[3]
    else:
        members = _members(context, goal, known.staff)
        coming = source.of(members, first, last) if isinstance(source, MetricFit) else source.of(members)
        kept[goal.id] = source, of, known.staff, coming
    value = sums.value + coming.mean
    return Projection(value, percent(value, sums.target), coming.reaches(sums.target - sums.value))


def _members(context: Context, goal: Goal, staff: Staff) -> Bools:
    if goal.owner_kind is OwnerKind.EMPLOYEE:
        return staff.only(goal.owner_id)
    return staff.in_teams(context.tree.below(goal.owner_id) if goal.owner_kind is OwnerKind.TEAM else None)


async def _source(
    context: Context, known: Known, pasts: Mapping[str, MetricPast], row: Reached, first: int, last: int
) -> Outlook | MetricFit | None:
    """Return the forecast or metric model of the remaining value; None while there is too little history.

    Also None for a period that ends later than the forecast reaches.
    """
    desk, metric = forecaster(context), row.goal.metric
    if last - known.today > FARTHEST:
        return None
    basis = _OF_DEALS.get(metric)
    if basis is None:
        fit = await _metric_fit(context, known, metric, pasts[metric], row.unit)
        if fit.confidence is Confidence.NONE:
            return None
        window = ("metric window", metric, fit, first, last)
        await desk.work(window, lambda: fit.window(first, last))
        return fit
    if (await desk.fit(known, basis)).confidence is Confidence.NONE:
        return None
    return await desk.outlook(known, basis, first, last)


async def _metric_fit(context: Context, known: Known, metric: str, past: MetricPast, unit: Unit) -> MetricFit:
    """Return the model of the metric; fitted once a day, and again when its history has changed."""
    staff, calendar = known.staff, known.calendar
    key = ("metric", metric, past.until, past.line, staff.keys, staff.active.tobytes(), calendar)
    return await forecaster(context).work(key, lambda: _learnt(past, staff, calendar, unit is Unit.COUNT))


def _learnt(past: MetricPast, staff: Staff, calendar: Calendar, whole: bool) -> MetricFit:
    return MetricFit(
        past.day,
        staff.of(past.employee) if len(past.employee) else past.employee,
        past.amount.astype(np.float64),
        whole=whole,
        day=past.until,
        calendar=calendar,
        names=staff.keys,
        active=staff.active,
    )
