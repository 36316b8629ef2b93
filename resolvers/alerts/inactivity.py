"""Detects inactive deals and employees.

Scheduled jobs find them within a minute. An inactivity that ends before a job runs is found by the
change that ends it, so the alerts that are raised do not depend on when the jobs run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.alerts import rules as alert_rules
from domain.alerts.rules import OF_SILENCE, AlertKind, Case, Event, Subject
from domain.permissions import Role
from models.alerts import alerts, inactivity
from models.alerts.inactivity import SHORTEST, Quiet, Silence
from models.crm.deals import Deal
from resolvers.alerts.candidates import cases_of, stood
from resolvers.alerts.rules import Known, at_work
from resolvers.request.context import Context

_STOOD: Final = ("title", "amount", "currency", "owner_id")
_NOTHING: Final[Mapping[int, Mapping[str, Any]]] = {}


async def broken(
    context: Context, heard: Collection[Subject], was: Mapping[int, Mapping[str, Any]]
) -> list[tuple[Known, Case]]:
    """Return the inactivity of these subjects that had become too long by now, as (rule, candidate) pairs.

    Called when new activity ends the inactivity, before the timers are updated.

    originals  the previous column values of deals that are being edited, by deal id
    """
    now, rows = context.now(), await inactivity.of(heard)
    long = {subject: row for subject, row in rows.items() if now - inactivity.moment(row.since) > SHORTEST}
    found = []
    for known in await at_work(context, OF_SILENCE) if long else ():
        if known.rule.kind is AlertKind.DEAL_STALLED:
            cases = await deals(context, known, long, was)
        else:
            among = {number for kind, number in long if kind == "Employee"}
            cases = [case for _, case in (await employees(context, [known], among))[0]] if among else []
        found += [(known, case) for case in cases]
    return found


async def deals(
    context: Context, known: Known, rows: Mapping[Subject, Silence], was: Mapping[int, Mapping[str, Any]] = _NOTHING
) -> list[Case]:
    """Return the candidates of deals that have been inactive for too long and match the rule.

    timers     the inactivity timers; those of other subjects are ignored
    originals  the previous column values of deals that are being edited, by deal id
    """
    moments = {
        number: (inactivity.moment(row.since), inactivity.moment(row.known) if row.known else None)
        for (kind, number), row in rows.items()
        if kind == "Deal"
    }
    due = await _too_long(context, known, moments)
    events = []
    for row in await Deal.filter(id__in=list(due)) if due else ():
        for name in _STOOD if row.id in was else ():
            setattr(row, name, was[row.id][name])
        data = {**stood(row), "days": known.rule.days}
        events.append(Event("DEAL_STALLED", ("Deal", row.id), due[row.id], row.owner_id, data=data))
    return await _concerned(context, known, events)


async def employees(
    context: Context, rules: Sequence[Known], among: Collection[int]
) -> tuple[list[tuple[Known, Case]], dict[int, datetime | None]]:
    """Return the inactive employees as (rule, candidate) pairs without active alert, and when to check each next.

    The next check is None for an employee whom no rule can match before new activity.
    """
    quiet = await inactivity.of_employees(among)
    looks: dict[int, datetime | None] = dict.fromkeys(among)
    due = []
    for known in rules:
        about = {row.employee: (row.since, row.known) for row in quiet if _is_about(known, row)}
        too_long, coming = await _parted(context, known, about)
        due += [(known, number, at) for number, at in too_long.items()]
        looks |= {number: min(at, looks[number] or at) for number, at in coming.items()}
    subjects = {("Employee", number) for _, number, _ in due}
    standing = {(row.rule_id, row.subject_id) for row in await alerts.standing(subjects)}
    events = [
        (known, Event("NO_ACTIVITY", ("Employee", number), at, number, data={"days": known.rule.days}))
        for known, number, at in sorted(due, key=lambda each: each[2])
        if (known.row.id, number) not in standing
    ]
    cases = await cases_of(context, [event for _, event in events])
    pairs = [(known, case) for (known, _), case in zip(events, cases, strict=True)]
    return [(known, case) for known, case in pairs if alert_rules.concerns(known.rule, case)], looks


def _is_about(known: Known, quiet: Quiet) -> bool:
    alone = known.rule.employee
    return quiet.role is Role.EMPLOYEE if alone is None else quiet.employee == alone


async def _concerned(context: Context, known: Known, events: list[Event]) -> list[Case]:
    events.sort(key=lambda event: event.at)
    return [case for case in await cases_of(context, events) if alert_rules.concerns(known.rule, case)]


async def _too_long(
    context: Context, known: Known, moments: Mapping[int, tuple[datetime, datetime | None]]
) -> dict[int, datetime]:
    return (await _parted(context, known, moments))[0]


async def _parted(
    context: Context, known: Known, moments: Mapping[int, tuple[datetime, datetime | None]]
) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """Split the inactivity deadlines of the rule into those that have passed and those to come, by subject id.

    timer_times  when the inactivity began, and the time of the import that recorded that (else None);
                 a deadline that had passed by the import is history and in neither result
    """
    calendar, now = await context.calendar(), context.now()
    ends = {number: alert_rules.too_long(known.rule, since, calendar) for number, (since, _) in moments.items()}
    known_until = {number: until for number, (_, until) in moments.items() if until}
    due = {number: at for number, at in ends.items() if at < now and at > known_until.get(number, at - SHORTEST)}
    return due, {number: at for number, at in ends.items() if at >= now}
