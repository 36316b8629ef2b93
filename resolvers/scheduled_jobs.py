"""Scheduled jobs: everything that happens because time passes, independent of requests.

Each job first checks without a lock whether there is something to do. The work is one unit of work
per batch, and decided by the rows as read under the lock of the ledger, so a job that runs on two
servers at once, or again after a crash, does nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.alerts.rules import AlertKind, Rule, Subject
from domain.goals.progress import pace_check_time
from domain.primitives.periods import Period, PeriodKind
from models.alerts import inactivity
from models.crm import tasks
from models.db import retention
from resolvers import import_jobs
from resolvers.activities.entries import RecordChange
from resolvers.alerts import inactivity as inactivity_alerts
from resolvers.alerts import rules as alert_rules
from resolvers.alerts.evaluation import raise_alerts
from resolvers.analytics import worktime
from resolvers.crm.change_effects import apply_effects, compute_effects
from resolvers.crm.tasks import make_overdue_entry
from resolvers.forecasting import snapshots
from resolvers.goals import pace_check, recurrence
from resolvers.request.context import RequestContext

_BATCH_SIZE: Final = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScheduledJob:
    """A job that is due every so often; `run` does a batch and returns whether there may be more.

    every    time between two runs; of a daily job, between a failure and the next attempt.
    daily    whether it is due once when the company's day begins, and when a server becomes the scheduler leader.
    is_slow  whether it may take many seconds, so that the job runs beside the others.
    """

    name: str
    every: timedelta
    run: Callable[[RequestContext], Awaitable[bool]]
    daily: bool = False
    is_slow: bool = False


async def create_default_rules(context: RequestContext) -> bool:
    """Create the default alert rules of a company that was set up before alerts existed.

    What is overdue or inactive by then is recorded as known, so that it raises no flood of old alerts.
    """
    if await alert_rules.has_any_rule():
        return False
    async with context.unit_of_work():
        now = context.now()
        await tasks.mark_all_overdue_recorded(now)
        await inactivity.backfill(now)
        await alert_rules.create_default_rules(now)
    return False


async def record_overdue_tasks(context: RequestContext) -> bool:
    """Record the next batch of tasks that are past their due time as overdue."""
    if not await tasks.has_newly_overdue(context.clock()):
        return False
    async with context.unit_of_work():
        rows = await tasks.fetch_newly_overdue(context.now(), _BATCH_SIZE)
        await tasks.mark_overdue_recorded(rows)
        changes = []
        for task in rows:
            facts, line = task.facts(), make_overdue_entry(task, max(task.due_at or task.created_at, task.created_at))
            changes.append(RecordChange("Task", task.id, facts, facts, [line]))
        await apply_effects(context, compute_effects(changes))
    return len(rows) == _BATCH_SIZE


async def check_stalled_deals(context: RequestContext) -> bool:
    """Raise alerts for open deals without activity for too long."""

    async def find_batch(rule: Rule, after_id: int) -> Sequence[tuple[int, int]]:
        min_inactivity = timedelta(days=rule.days or 0)
        return await inactivity.find_inactive_deals(
            rule.id,
            before=context.clock() - min_inactivity,
            min_inactivity=min_inactivity,
            after_id=after_id,
            limit=_BATCH_SIZE,
        )

    await _raise_inactive_records(context, AlertKind.DEAL_STALLED, "Deal", find_batch)
    return False


async def check_untouched_leads(context: RequestContext) -> bool:
    """Raise alerts for new leads that are untouched for too long."""

    async def find_batch(rule: Rule, after_id: int) -> Sequence[tuple[int, int]]:
        before = context.clock() - timedelta(hours=rule.hours or 0)  # working hours last no less
        return await inactivity.find_untouched_leads(rule.id, before=before, after_id=after_id, limit=_BATCH_SIZE)

    await _raise_inactive_records(context, AlertKind.LEAD_UNTOUCHED, "Lead", find_batch)
    return False


async def _raise_inactive_records(
    context: RequestContext,
    kind: AlertKind,
    subject_kind: str,
    find_batch: Callable[[Rule, int], Awaitable[Sequence[tuple[int, int]]]],
) -> None:
    """Raise the alerts of a kind about inactive records.

    find_batch  finds the next inactive records without an active alert of a rule, after a timer id, as
                (timer id, record id)
    """
    active_rules = await alert_rules.active_rules(context, {kind})
    inactive_subjects: set[Subject] = set()
    for active_rule in active_rules:
        after_id = 0
        while rows := await find_batch(active_rule.rule, after_id):
            after_id = rows[-1][0]
            timers = await inactivity.find_timers([(subject_kind, record_id) for _, record_id in rows])
            candidates = await inactivity_alerts.find_inactive_records(context, active_rule, timers)
            inactive_subjects.update(candidate.subject for candidate in candidates)
    subjects = sorted(inactive_subjects)
    for start in range(0, len(subjects), _BATCH_SIZE):
        async with context.unit_of_work():  # checked again under the lock, since a record may have changed meanwhile
            timers = await inactivity.find_timers(subjects[start : start + _BATCH_SIZE])
            await raise_alerts(
                context,
                [
                    (active_rule, candidate)
                    for active_rule in active_rules
                    for candidate in await inactivity_alerts.find_inactive_records(context, active_rule, timers)
                ],
            )


async def check_inactive_employees(context: RequestContext) -> bool:
    """Raise alerts for the next batch of employees without recorded work for too long.

    Employees are checked when their inactivity deadline is due. All are checked when this server becomes the
    scheduler leader, and when the rules or the company's calendar differ from those of the last check.
    """
    active_rules = await alert_rules.active_rules(context, {AlertKind.NO_ACTIVITY})
    if not active_rules:
        return False
    scheduler = context.services.state.scheduler
    schedule_basis = [active_rule.rule for active_rule in active_rules], await context.calendar()
    if scheduler.inactivity_basis != schedule_basis:
        async with context.unit_of_work():
            await inactivity.schedule_all()
        scheduler.inactivity_basis = schedule_basis
    if not await inactivity.due(context.clock(), 1):
        return False
    async with context.unit_of_work():
        employee_ids = await inactivity.due(context.now(), _BATCH_SIZE)
        pairs, next_checks = await inactivity_alerts.find_inactive_employees(context, active_rules, employee_ids)
        await raise_alerts(context, pairs)
        await inactivity.reschedule(next_checks)
    return len(employee_ids) == _BATCH_SIZE


async def check_goal_pace(context: RequestContext) -> bool:
    """Check the pace of the next running goals of more than a day; in the end, resolve the alerts of ended goals."""
    scheduler = context.services.state.scheduler
    scheduler.last_checked_goal = await pace_check.check_next_goals(context, scheduler.last_checked_goal or 0)
    if scheduler.last_checked_goal is not None:
        return True
    while await pace_check.resolve_alerts_of_ended_goals(context):
        pass
    return False


async def check_day_goal_pace(context: RequestContext) -> bool:
    """Check the pace of the next goals of the current day, once half of its working hours are over."""
    scheduler, today = context.services.state.scheduler, await context.today()
    if scheduler.day_goals_checked_on == today or context.clock() < pace_check_time(
        Period(today, today, PeriodKind.DAY), today, await context.calendar()
    ):
        return False
    scheduler.last_checked_day_goal = await pace_check.check_next_goals(
        context, scheduler.last_checked_day_goal or 0, goals_of_one_day=True
    )
    if scheduler.last_checked_day_goal is not None:
        return True
    scheduler.day_goals_checked_on = today
    return False


async def store_forecast_snapshots(context: RequestContext) -> bool:
    """Store the forecasts of the day, unless that has been done."""
    if await snapshots.take_snapshots(context):
        log.info("Stored the forecast snapshots of the day.")
    return False


async def purge_expired(context: RequestContext) -> bool:
    """Delete a batch of expired rows."""
    return await retention.purge_expired(context.clock())


SCHEDULED_JOBS: Final[tuple[ScheduledJob, ...]] = (
    ScheduledJob("default alert rules", timedelta(hours=1), create_default_rules),
    ScheduledJob("overdue tasks", timedelta(seconds=1), record_overdue_tasks),
    ScheduledJob("recurring goals", timedelta(seconds=10), recurrence.renew_goals),
    ScheduledJob("stalled deals", timedelta(seconds=30), check_stalled_deals),
    ScheduledJob("untouched leads", timedelta(seconds=30), check_untouched_leads),
    ScheduledJob("inactive employees", timedelta(minutes=1), check_inactive_employees),
    ScheduledJob("work time", timedelta(seconds=30), worktime.post_remaining),
    ScheduledJob("interrupted imports", timedelta(seconds=10), import_jobs.interrupt_abandoned),
    ScheduledJob("clean-up", timedelta(hours=1), purge_expired),
    ScheduledJob("goals behind", timedelta(minutes=1), check_goal_pace, daily=True, is_slow=True),
    ScheduledJob("day goals behind", timedelta(seconds=30), check_day_goal_pace),
    ScheduledJob("forecast snapshots", timedelta(minutes=1), store_forecast_snapshots, daily=True, is_slow=True),
)
