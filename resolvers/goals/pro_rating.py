"""Pro-rated goals: an employee's target in proportion to their own working time in the period.

The row's `target` is what is measured against, as everywhere; `full_target` is what was set. When the working time
changes (an absence, the day of joining or leaving, the calendar), the targets of goals that are not over follow it.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from domain.goals.progress import pro_rate
from domain.primitives.periods import Period
from models.goals import goals
from resolvers.goals.goal_edits import apply_changes
from resolvers.request.context import RequestContext


async def target_of(context: RequestContext, owner_id: int, period: Period, full_target: int) -> int:
    """Return the pro-rated target of an employee for a period, in the smallest unit."""
    share: Fraction = (await context.work_schedule()).own_share(owner_id, period)
    return pro_rate(full_target, share)


async def refresh_targets(context: RequestContext, employee_ids: Collection[int] | None = None) -> None:
    """Bring the pro-rated targets of employees (None: of all) up to date; those of periods that are over stay."""
    rows = await goals.fetch_pro_rated(await context.today(), employee_ids)
    metrics = await context.metrics()
    for goal in rows:
        assert goal.full_target is not None
        target = await target_of(context, goal.owner_id, goal.period, goal.full_target)
        await apply_changes(context, goal, {"target": target}, metrics[goal.metric].unit)
