"""Where goals will stand at the end, and how likely they are reached.

Goals of deals won ask the forecast of deals; every other metric has a model of its own past.
While there is too little history, the pace so far goes on, and nothing is said of chances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import partial
from typing import Final

import numpy as np

from domain.calendar import Calendar
from domain.columns import Bools
from domain.forecasting import FARTHEST, Confidence, Distribution, Outlook
from domain.metric_forecasting import MetricFit
from domain.progress import percent
from domain.units import Unit
from models import scores
from models.deal_tables import Basis, Staff
from models.goals import Goal, OwnerKind
from models.known_deals import day as ordinal
from resolvers.context import Context
from resolvers.outlooks import Known, forecaster
from resolvers.progress import Reached

_OF_DEALS: Final = {
    "deals_won": Basis.COUNT,
    "deals_won_amount": Basis.REVENUE,
    "deals_won_profit": Basis.PROFIT,
}
_PAST: Final = timedelta(days=400)  # of a metric's history that is looked at
_A_MONTH: Final = timedelta(days=31)

# by goal: what was asked, for which days and staff (which is held, so that its id stays its own), and what is to come
Coming = dict[int, tuple[Outlook | MetricFit, tuple[int, int, int], Staff, Distribution]]


@dataclass(frozen=True)
class Projection:
    """Where a goal will stand; the value in the smallest unit. `probability`: None while there is too little to say."""

    value: Fraction
    percent: float
    probability: float | None


def topics(rows: Sequence[Goal]) -> set[str]:
    """Return the news by which these goals' chances move though they themselves do not."""
    return {"deals"} if any(row.metric in _OF_DEALS for row in rows) else set()


async def projections(context: Context, rows: Sequence[Reached], coming: Coming | None = None) -> list[Projection]:
    """Return where each goal will stand; `coming` keeps what a stream needs again when only the value has moved."""
    today = await context.today()
    known = await forecaster(context).known(context) if any(row.goal.last_day >= today for row in rows) else None
    kept = {} if coming is None else coming
    return [
        await _projection(context, known, row, today, kept) if known and row.goal.last_day >= today else _over(row)
        for row in rows
    ]


def _over(row: Reached) -> Projection:
    value = Fraction(row.sums.value)
    return Projection(value, row.sums.percent, float(row.sums.value >= row.sums.target))


async def _projection(context: Context, known: Known, row: Reached, today: date, kept: Coming) -> Projection:
    goal, sums = row.goal, row.sums
    first, last = max(goal.first_day, today).toordinal(), goal.last_day.toordinal()
    source = await _source(context, known, row, first, last)
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


async def _source(context: Context, known: Known, row: Reached, first: int, last: int) -> Outlook | MetricFit | None:
    """Return what tells what is still to come; None while there is too little history to say."""
    desk, metric = forecaster(context), row.goal.metric
    if last - known.today > FARTHEST:
        return None
    basis = _OF_DEALS.get(metric)
    if basis is None:
        fit = await _metric_fit(context, known, metric, row.unit)
        if fit.confidence is Confidence.NONE:
            return None
        window = ("metric window", metric, fit, first, last)
        await desk.work(window, lambda: fit.window(first, last))
        return fit
    if (await desk.fit(known, basis)).confidence is Confidence.NONE:
        return None
    return await desk.outlook(known, basis, first, last)


async def _metric_fit(context: Context, known: Known, metric: str, unit: Unit) -> MetricFit:
    """Return what the past teaches of the metric; learnt once a day, and again when its past is changed."""
    desk = forecaster(context)
    now, today = context.now(), date.fromordinal(known.today)
    since, times = desk.metrics.get((metric, known.today), (None, 0))
    if since is None or await scores.reaches_back(metric=metric, since=since, before=today):
        desk.metrics[metric, known.today] = now, times + 1
        times += 1
    key = ("metric", metric, known.today, times, known.staff.keys, known.staff.active.tobytes())
    return await desk.once(key, lambda: _learnt(context, known, metric, unit))


async def _learnt(context: Context, known: Known, metric: str, unit: Unit) -> MetricFit:
    yesterday = date.fromordinal(known.today - 1)
    began = await scores.first_day(metric)
    start = max(began or yesterday, yesterday - _PAST)
    found: list[tuple[int, int, int]] = []
    while start <= yesterday:
        end = min(start + _A_MONTH, yesterday)
        page = await scores.days_of(metric=metric, first=start, last=end)
        found += [(ordinal(row["day"]), row["employee_id"], int(row["amount"])) for row in page]
        start = end + timedelta(days=1)
    work = partial(_metric_fit_of, sorted(found), known.staff, known.calendar, known.today - 1, unit is Unit.COUNT)
    return await forecaster(context).in_thread(work)


def _metric_fit_of(
    found: list[tuple[int, int, int]], staff: Staff, calendar: Calendar, day: int, whole: bool
) -> MetricFit:
    days, employees, amounts = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return MetricFit(
        days,
        staff.of(employees) if len(employees) else employees,
        amounts.astype(np.float64),
        whole=whole,
        day=day,
        calendar=calendar,
        names=staff.keys,
        active=staff.active,
    )
