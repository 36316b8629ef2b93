"""What happens because time passes, whoever is signed in or asks for anything.

Each job looks first whether there is something to do, outside any lock; what it does is then
one unit of work for each batch, decided by the rows as they stand under the ledger's lock.
So a job that is begun twice, on two servers or after a crash, does nothing twice.
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
    """Something that time brings: `run` does a part and returns whether there may be more."""

    name: str
    every: timedelta
    run: Callable[[Context], Awaitable[bool]]


async def begin(context: Context) -> bool:
    """Give a company from before there were alerts its rules; what is overdue or silent by then is known."""
    if await alert_rules.any_ever():
        return False
    async with context.unit():
        now = context.now()
        await tasks.note_overdue(now)
        await inactivity.fill(now)
        await alert_rules.begin(now)
    return False


async def overdue(context: Context) -> bool:
    """Say of the next tasks that their due time has passed."""
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
    """Tell of open deals with which nothing has happened for too long."""
    rules = await alert_rules.at_work(context, {AlertKind.DEAL_STALLED})
    found = sorted({subject for known in rules for subject in await _stalled(context, known)})
    for start in range(0, len(found), _AT_ONCE):
        async with context.unit():  # again, as things are under the lock
            rows = await inactivity.of(found[start : start + _AT_ONCE])
            await tell(
                context,
                [(known, case) for known in rules for case in await inactivity_alerts.deals(context, known, rows)],
            )
    return False


async def _stalled(context: Context, known: Known) -> list[Subject]:
    """Return the open deals with which nothing has happened for too long for the rule, and of which nothing stands."""
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
    """Tell of the next employees of whose work nothing was recorded for too long.

    Looked at is whoever may have become too silent since he was last heard of or looked at; everybody is when the
    clock begins here, and when the rules or the company's calendar are others than at the last look.
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
    """Look at all goals that run, and at those whose period is over."""
    after: int | None = 0
    while after is not None:
        after = await pace_check.look(context, after)
    await pace_check.settle_ended(context)
    return False


async def clean(context: Context) -> bool:
    """Take away a part of what nobody needs any more."""
    return await retention.sweep(context.clock())


JOBS: Final[tuple[Job, ...]] = (
    Job("first rules", timedelta(hours=1), begin),
    Job("overdue tasks", timedelta(seconds=1), overdue),
    Job("recurring goals", timedelta(seconds=10), recurrence.renew),
    Job("stalled deals", timedelta(seconds=30), stalled),
    Job("silent employees", timedelta(minutes=1), silences_of_employees),
    Job("time at work", timedelta(seconds=30), worktime.catch_up),
    Job("clean-up", timedelta(hours=1), clean),
)
EACH_DAY: Final = Job("goals behind", timedelta(minutes=1), paces)  # and when the clock begins


async def everything(new: NewContext) -> None:
    """Do all that time has brought by now: for tests and scripts that move the clock by hand."""
    for job in (*JOBS, EACH_DAY):
        while await job.run(await new()):
            pass
