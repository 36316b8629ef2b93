"""Progress of goals by the working time of their owners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from domain.goals.progress import Progress, calculate_progress
from domain.goals.slices import Slice, list_months, scale_slices
from domain.goals.work_schedule import WorkSchedule
from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period
from domain.primitives.working_time import WorkingTime, company_working_time
from models.goals.goals import Goal
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey
from resolvers.request.context import RequestContext


async def calculate_goal_progress(
    context: RequestContext, rows: Sequence[Goal], values: Sequence[int], at: datetime | None = None
) -> list[Progress]:
    """Return the progress of each goal, given their values in the smallest unit; `at`: the instant, by default now."""
    now, calendar = at or context.now(), await context.calendar()
    today = calendar.day_of(now)
    all_over = all(goal.last_day < today for goal in rows)  # then all their working time is over, whatever it was
    schedule = None if all_over else await context.work_schedule()
    # most goals share their owner and period with others
    times: dict[tuple[object, ...], tuple[Period, WorkingTime]] = {}

    def time_in(goal: Goal, period: Period) -> WorkingTime:
        if schedule is None:
            return company_working_time(period, now, calendar)
        return owner_working_time(schedule, context.tree, goal.scope, period, now)

    progress = []
    for goal, value in zip(rows, values, strict=True):
        key = goal.owner_kind, goal.owner_id, goal.first_day, goal.last_day, goal.kind
        period_and_time = times.get(key)
        if period_and_time is None:
            period_and_time = times[key] = goal.period, time_in(goal, goal.period)
        period, time = period_and_time
        slices = slice_goal(goal, goal.target, calendar, time_in)
        progress.append(calculate_progress(value, goal.target, period, time, today=today, slices=slices))
    return progress


def slice_goal(
    goal: Goal, target: int, calendar: Calendar, time_in: Callable[[Goal, Period], WorkingTime]
) -> list[Slice]:
    """Return the slices of a goal if its target is this one; none of a goal without slices.

    time_in  returns the working time of a goal's owner in a period
    """
    if goal.slices is None:
        return []
    months = list_months(goal.period, calendar)
    return [
        Slice(month, amount, time_in(goal, month))
        for month, amount in zip(months, scale_slices(goal.slices, target), strict=True)
    ]


def owner_working_time(
    schedule: WorkSchedule, tree: TeamTree, scope: ScopeKey, period: Period, instant: datetime
) -> WorkingTime:
    """Return the working time of a goal's owner in a period."""
    if scope.employee_id is not None:
        return schedule.employee_time(scope.employee_id, period, instant)
    return schedule.team_time(scope.team_spans(tree, period.start, period.end), period, instant)


def has_owner_on(schedule: WorkSchedule, goal: Goal, day: date) -> bool:
    """Return whether the goal still has an owner on the day: not if it is of an employee after their departure."""
    employee_id = goal.scope.employee_id
    return employee_id is None or schedule.is_employed(employee_id, day)
