"""Silences that have become too long: of open deals, and of employees.

The clock finds them within seconds. One that is broken before it comes round is found by
whoever breaks it, so what is raised depends on what happened alone.
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
    """Return the silences of these subjects that had become too long by now, each for a rule.

    was  the columns of deals that have just been edited, as they were
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
    """Return those of the deals that have been silent for too long for the rule, and that it is about."""
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
    """Return who of them has been silent for too long, each for a rule, as far as nothing of it stands yet.

    Beside it: when each is to be looked at next, None for whoever no rule will be about unless he is heard of.
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
    """Return since when each silence is too long that is, and when each will be that may become so.

    moments  when it began, and until when an import has told of it: what was too long by then is history
    """
    calendar, now = await context.calendar(), context.now()
    ends = {number: alert_rules.too_long(known.rule, since, calendar) for number, (since, _) in moments.items()}
    known_until = {number: until for number, (_, until) in moments.items() if until}
    due = {number: at for number, at in ends.items() if at < now and at > known_until.get(number, at - SHORTEST)}
    return due, {number: at for number, at in ends.items() if at >= now}
