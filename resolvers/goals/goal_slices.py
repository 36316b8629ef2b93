"""Slices of goals: their input, checked, the shape of earlier results, and what was reached of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from domain.errors.user_errors import Invalid, OutOfRange, Required
from domain.goals.progress import calculate_percent
from domain.goals.slices import GoalShape, list_months, list_months_before, scale_slices
from domain.ledger.metrics import Metric
from domain.primitives.periods import Period
from domain.primitives.units import format_decimal, from_smallest
from domain.primitives.unset import UNSET, Unset
from models.goals.goals import Goal
from models.ledger import scores
from models.organization.scopes import ScopeKey
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.goal_progress import owner_working_time

_BEGINNING: Final = date(1970, 1, 1)
SliceColumns = dict[str, GoalShape | list[int] | None]
_EVEN: Final[SliceColumns] = {"shape": None, "slices": None}


async def choose_slices(
    context: RequestContext,
    scope: ScopeKey,
    metric: Metric,
    period: Period,
    target: int,
    shape: GoalShape | None,
    amounts: Sequence[Decimal] | Unset | None,
) -> SliceColumns:
    """Return the columns of a goal's slices beside the target that is set, in the smallest unit.

    shape    None: CUSTOM if there are amounts, else EVEN
    amounts  the targets of the months, in their order

    Raises Invalid for a period that cannot be sliced, and amounts that do not fit the period or add up to the target.
    """
    if isinstance(amounts, Unset):
        amounts = None
    shape = shape or (GoalShape.EVEN if amounts is None else GoalShape.CUSTOM)
    if amounts is not None and shape is not GoalShape.CUSTOM:
        raise Invalid("This is for `shape` CUSTOM only: leave it out.", "input", "slices")
    if shape is GoalShape.EVEN:
        return _EVEN
    months = list_months(period, await context.calendar())
    if not months:
        field = "shape" if amounts is None else "slices"
        raise Invalid("Only a goal of at least two whole months can be sliced.", "input", field)
    if shape is GoalShape.HISTORY:
        return {"shape": shape, "slices": await shape_from_history(context, scope, metric.key, months, target)}
    if amounts is None:
        raise Required("Give the targets of the months.", "input", "slices")
    return {"shape": shape, "slices": await _clean_amounts(context, metric, months, target, amounts)}


async def _clean_amounts(
    context: RequestContext, metric: Metric, months: Sequence[Period], target: int, amounts: Sequence[Decimal]
) -> list[int]:
    if len(amounts) != len(months):
        raise Invalid("Give {count} targets, one for each month.", "input", "slices", count=len(months))
    currency = (await context.company()).currency
    slices = []
    for index, amount in enumerate(amounts):
        path = ("input", "slices", str(index))
        slices.append(validation.clean_metric_value(amount, metric.unit, currency, *path))
        if slices[-1] < 0:
            raise OutOfRange("Give a number that is not negative.", *path)
    if sum(slices) != target:
        texts = [format_decimal(from_smallest(value, metric.unit, currency)) for value in (sum(slices), target)]
        raise Invalid(
            "The targets of the months add up to {sum}, not to the target {target}.",
            "input", "slices", sum=texts[0], target=texts[1],
        )  # fmt: skip
    return slices


async def shape_from_history(
    context: RequestContext, scope: ScopeKey, metric: str, months: Sequence[Period], target: int
) -> list[int]:
    """Return slices of a target by the shares of the same months in the owner's results of an earlier year.

    It is the latest year in which these months are over. Where results do not reach back to the first of them, slices
    are in proportion to the owner's working time.
    """
    earlier = list_months_before(months, await context.today(), await context.calendar())
    ranges = [(metric, month.start, month.end) for month in earlier]
    *totals, since_beginning = await scores.totals_of_scopes([*ranges, (metric, _BEGINNING, earlier[0].end)], [scope])
    weights = [max(0, total.get(scope, 0)) for total in totals]
    if not sum(weights) or since_beginning.get(scope, 0) <= 0:
        schedule, now = await context.work_schedule(), context.now()
        times = [owner_working_time(schedule, context.tree, scope, month, now) for month in months]
        weights = [time.total if time.workdays else 0 for time in times]
    return scale_slices(weights, target)


async def change_slices(
    context: RequestContext,
    goal: Goal,
    metric: Metric,
    target: int,
    shape: GoalShape | None,
    amounts: Sequence[Decimal] | Unset | None,
) -> SliceColumns:
    """Return the columns of a goal's slices that an input changes; none where the slices stay as they are.

    target   the one that the goal has been set to by now
    amounts  null removes the slices
    """
    if shape is None and amounts is UNSET:
        return {}
    columns = await choose_slices(context, goal.scope, metric, goal.period, target, shape, amounts)
    present = None if goal.slices is None else scale_slices(goal.slices, target)
    return {} if (columns["shape"], columns["slices"]) == (goal.shape, present) else columns


@dataclass(frozen=True, slots=True)
class SliceProgress:
    """One month of a goal; amounts are in the metric's smallest unit."""

    metric: str
    period: Period
    target: int
    actual: int

    @property
    def percent(self) -> float | None:
        """100 × actual / target, uncapped; None for a month without a target."""
        return calculate_percent(self.actual, self.target) if self.target else None


async def load_slices(context: RequestContext, rows: Sequence[Goal]) -> list[list[SliceProgress]]:
    """Return the slices of each goal with what was counted in them, in one statement for all; none of one without."""
    calendar = await context.calendar()
    sliced = [goal for goal in rows if goal.slices is not None]
    months = {goal: list_months(goal.period, calendar) for goal in sliced}
    ranges = list({(goal.metric, month.start, month.end) for goal in sliced for month in months[goal]})
    totals = dict(zip(ranges, await scores.totals_of_scopes(ranges, {goal.scope for goal in sliced}), strict=True))
    return [
        [
            SliceProgress(goal.metric, month, target, totals[goal.metric, month.start, month.end].get(goal.scope, 0))
            for month, target in zip(months[goal], scale_slices(goal.slices, goal.target), strict=True)
        ]
        if goal.slices is not None
        else []
        for goal in rows
    ]
