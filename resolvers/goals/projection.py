"""Where goals will stand at the end, and how likely they are reached.

Goals of deals won ask the forecast of deals; every other metric has a model of its own past.
While there is too little history, the pace so far goes on, and nothing is said of chances.
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
CHANCES: Final = "chances"  # news within the process: everybody's chances have moved; with an employee's id, his

# by goal: what was asked, for which days and staff (which is held, so that its id stays its own), and what is to come
Coming = dict[int, tuple[Outlook | MetricFit, tuple[int, int, int], Staff, Distribution]]


@dataclass(frozen=True)
class Projection:
    """Where a goal will stand; the value in the smallest unit. `probability`: None while there is too little to say."""

    value: Fraction
    percent: float
    probability: float | None


def topics(context: Context, rows: Sequence[Goal]) -> set[str]:
    """Return the news by which these goals' chances move though they themselves do not.

    Where the process finds out whose deals have moved, an employee's goals need not hear of the others'.
    """
    found = set()
    for row in rows:
        if row.metric in _OF_DEALS:
            own = context.known is not None and row.owner_kind is OwnerKind.EMPLOYEE
            found |= {CHANCES, f"{CHANCES}:{row.owner_id}"} if own else {"deals"}
    return found


async def projections(context: Context, rows: Sequence[Reached], coming: Coming | None = None) -> list[Projection]:
    """Return where each goal will stand; `coming` keeps what a stream needs again when only the value has moved."""
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
    """Return what tells what is still to come; None while there is too little history to say."""
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
    """Return what the past teaches of the metric; learnt once a day, and again when its past is changed."""
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
