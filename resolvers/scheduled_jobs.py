"""Scheduled jobs: everything that happens because time passes, independent of requests.

Each job first checks without a lock whether there is something to do. The work is one unit of work
per batch, and decided by the rows as read under the lock of the ledger, so a job that runs on two
servers at once, or again after a crash, does nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.alerts.rules import AlertKind, Subject
from models.alerts import inactivity
from models.crm import tasks
from models.db import retention
from resolvers.activities.entries import Changed
from resolvers.alerts import inactivity as inactivity_alerts
from resolvers.alerts import rules as alert_rules
from resolvers.alerts.evaluation import tell
from resolvers.alerts.rules import Known
from resolvers.analytics import worktime
from resolvers.crm.change_effects import record
from resolvers.crm.tasks import overdue_line
from resolvers.goals import pace_check, recurrence
from resolvers.request.context import Context

_AT_ONCE: Final = 200

NewContext = Callable[[], Awaitable[Context]]


@dataclass(frozen=True)
class Job:
    """A job that is due every so often; `run` does a batch and returns whether there may be more."""

    name: str
    every: timedelta
    run: Callable[[Context], Awaitable[bool]]


async def begin(context: Context) -> bool:
    """Create the default alert rules of a company that was set up before alerts existed.

    What is overdue or inactive by then is recorded as known, so that it raises no flood of old alerts.
    """
    if await alert_rules.any_ever():
        return False
    async with context.unit():
        now = context.now()
        await tasks.note_overdue(now)
        await inactivity.fill(now)
        await alert_rules.begin(now)
    return False


async def overdue(context: Context) -> bool:
    """Record the next batch of tasks whose due time has passed as overdue."""
    if not await tasks.are_awaited(context.clock()):
        return False
    async with context.unit():
        rows = await tasks.awaited(context.now()).order_by("due_at", "id").limit(_AT_ONCE)
        await tasks.noted(rows)
        changes = []
        for task in rows:
            facts, line = task.facts(), overdue_line(task, max(task.due_at or task.created_at, task.created_at))
            changes.append(Changed("Task", task.id, facts, facts, (line,)))
        await record(context, changes)
    return len(rows) == _AT_ONCE


async def stalled(context: Context) -> bool:
    """Raise alerts for open deals without activity for too long."""
    rules = await alert_rules.at_work(context, {AlertKind.DEAL_STALLED})
    found = sorted({subject for known in rules for subject in await _stalled(context, known)})
    for start in range(0, len(found), _AT_ONCE):
        async with context.unit():  # checked again under the lock, since a deal may have changed meanwhile
            rows = await inactivity.of(found[start : start + _AT_ONCE])
            await tell(
                context,
                [(known, case) for known in rules for case in await inactivity_alerts.deals(context, known, rows)],
            )
    return False


async def _stalled(context: Context, known: Known) -> list[Subject]:
    """Return the open deals that are inactive for too long for the rule and have no active alert of it."""
    span, after, stalled = timedelta(days=known.rule.days or 0), 0, list[Subject]()
    while True:
        before = context.clock() - span
        found = await inactivity.of_deals(known.row.id, before=before, span=span, after=after, limit=_AT_ONCE)
        if not found:
            return stalled
        after = found[-1][0]
        cases = await inactivity_alerts.deals(
            context, known, await inactivity.of([("Deal", deal) for _, deal, _ in found])
        )
        stalled += [case.subject for case in cases]


async def silences_of_employees(context: Context) -> bool:
    """Raise alerts for the next batch of employees without recorded work for too long.

    Employees are checked when their inactivity deadline is due. All are checked when this server becomes the
    scheduler leader, and when the rules or the company's calendar differ from those of the last check.
    """
    rules = await alert_rules.at_work(context, {AlertKind.NO_ACTIVITY})
    if not rules:
        return False
    by = (*(known.rule for known in rules), await context.calendar())
    if context.services.silences_by != by:
        async with context.unit():
            await inactivity.look_at_all()
        context.services.silences_by = by
    if not await inactivity.to_look_at(context.clock(), 1):
        return False
    async with context.unit():
        numbers = await inactivity.to_look_at(context.now(), _AT_ONCE)
        pairs, looks = await inactivity_alerts.employees(context, rules, numbers)
        await tell(context, pairs)
        await inactivity.look(looks)
    return len(numbers) == _AT_ONCE


async def paces(context: Context) -> bool:
    """Check the pace of all running goals, and resolve alerts of goals whose period is over."""
    after: int | None = 0
    while after is not None:
        after = await pace_check.look(context, after)
    await pace_check.settle_ended(context)
    return False


async def clean(context: Context) -> bool:
    """Delete a batch of expired rows."""
    return await retention.sweep(context.clock())


JOBS: Final[tuple[Job, ...]] = (
    Job("default alert rules", timedelta(hours=1), begin),
    Job("overdue tasks", timedelta(seconds=1), overdue),
    Job("recurring goals", timedelta(seconds=10), recurrence.renew),
    Job("stalled deals", timedelta(seconds=30), stalled),
    Job("inactive employees", timedelta(minutes=1), silences_of_employees),
    Job("work time", timedelta(seconds=30), worktime.catch_up),
    Job("clean-up", timedelta(hours=1), clean),
)
EACH_DAY: Final = Job("goals behind", timedelta(minutes=1), paces)  # at the start of each day and of the scheduler


async def everything(new: NewContext) -> None:
    """Run every job until it has no more to do: for tests and scripts that set the clock themselves."""
    for job in (*JOBS, EACH_DAY):
        while await job.run(await new()):
            pass
